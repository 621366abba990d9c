package plinth

import (
	"strconv"
	"strings"
)

const printDepth = 8 // deeper structure is cut in messages

func (v Value) print(b *strings.Builder, depth int) {
	if v.sensitive {
		b.WriteString("<sensitive>")
		return
	}
	switch v.kind {
	case Null:
		b.WriteString("null")
	case Bool:
		b.WriteString(strconv.FormatBool(v.Bool()))
	case Number:
		b.WriteString(FormatNumber(v.num))
	case String:
		b.WriteString(strconv.Quote(v.str))
	case Unknown:
		b.WriteString("<unknown: " + strings.Join(v.Why(), ", ") + ">")
	case List, Map:
		if depth == printDepth {
			b.WriteString("…")
			return
		}
		v.printInside(b, depth+1)
	}
}

func (v Value) printInside(b *strings.Builder, depth int) {
	if v.kind == List {
		b.WriteByte('[')
		for i, e := range v.List() {
			if i > 0 {
				b.WriteString(", ")
			}
			e.print(b, depth)
		}
		b.WriteByte(']')
		return
	}
	b.WriteByte('{')
	for i, f := range v.Fields() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(f.Key + ": ")
		f.Value.print(b, depth)
	}
	b.WriteByte('}')
}

// FormatNumber writes a number the way Terraform and JSON do: integers without a point, no exponent below 1e21.
func FormatNumber(f float64) string {
	if f < 1e21 && f > -1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
