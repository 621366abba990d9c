package fix

import (
	"fmt"
	"strings"
)

const (
	around   = 3       // unchanged lines about a change, as diff -u has it
	maxCells = 8 << 20 // of the table that aligns two files; larger ones are one change from the first differing line to the last
)

// Diff returns the unified diff between two texts of one file, "" where they are equal.
func Diff(path string, before, after []byte) string {
	a, b := strings.SplitAfter(string(before), "\n"), strings.SplitAfter(string(after), "\n")
	a, b = trimEmpty(a), trimEmpty(b)
	ops := align(a, b)
	var out strings.Builder
	for at := 0; at < len(ops); {
		if ops[at].sign == ' ' {
			at++
			continue
		}
		from := max(0, at-around)
		to, same := at, 0
		for to < len(ops) && same <= 2*around {
			if ops[to].sign == ' ' {
				same++
			} else {
				same = 0
			}
			to++
		}
		to -= max(0, same-around)
		if out.Len() == 0 {
			fmt.Fprintf(&out, "--- a/%s\n+++ b/%s\n", path, path)
		}
		hunk(&out, ops, from, to)
		at = to
	}
	return out.String()
}

func trimEmpty(lines []string) []string {
	if n := len(lines); n > 0 && lines[n-1] == "" {
		return lines[:n-1]
	}
	return lines
}

// op is one line of an alignment.
type op struct {
	sign byte
	text string
}

func hunk(out *strings.Builder, ops []op, from, to int) {
	oldAt, newAt, oldLen, newLen := 1, 1, 0, 0
	for i, o := range ops[:to] {
		isOld, isNew := o.sign != '+', o.sign != '-'
		switch {
		case i < from && isOld && isNew:
			oldAt, newAt = oldAt+1, newAt+1
		case i < from && isOld:
			oldAt++
		case i < from:
			newAt++
		default:
			if isOld {
				oldLen++
			}
			if isNew {
				newLen++
			}
		}
	}
	fmt.Fprintf(out, "@@ -%d,%d +%d,%d @@\n", oldAt, oldLen, newAt, newLen)
	for _, o := range ops[from:to] {
		out.WriteByte(o.sign)
		out.WriteString(strings.TrimSuffix(o.text, "\n") + "\n")
		if !strings.HasSuffix(o.text, "\n") {
			out.WriteString("\\ No newline at end of file\n")
		}
	}
}

// align pairs the lines of two texts by their longest common subsequence.
func align(a, b []string) []op {
	var head, tail []op
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, op{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, op{' ', a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if (len(a)+1)*(len(b)+1) <= maxCells {
		head = append(head, common(a, b)...)
	} else {
		for _, l := range a {
			head = append(head, op{'-', l})
		}
		for _, l := range b {
			head = append(head, op{'+', l})
		}
	}
	for i := len(tail) - 1; i >= 0; i-- {
		head = append(head, tail[i])
	}
	return head
}

func common(a, b []string) []op {
	w := len(b) + 1
	table := make([]int32, (len(a)+1)*w)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				table[i*w+j] = table[(i+1)*w+j+1] + 1
			} else {
				table[i*w+j] = max(table[(i+1)*w+j], table[i*w+j+1])
			}
		}
	}
	var out []op
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, op{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && table[(i+1)*w+j] >= table[i*w+j+1]:
			out = append(out, op{'-', a[i]})
			i++
		default:
			out = append(out, op{'+', b[j]})
			j++
		}
	}
	return out
}
