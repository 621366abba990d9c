package secret

import (
	"bytes"
	"regexp/syntax"
)

// mandatory returns texts that are in everything that a regular expression matches, in the case in which they are written.
func mandatory(re *syntax.Regexp) [][]byte {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return [][]byte{[]byte(string(re.Rune))}
		}
		// What has no case is mandatory all the same.
		var out [][]byte
		for _, r := range re.Rune {
			if r < 128 && !letter(byte(r)) {
				out = append(out, []byte{byte(r)})
			}
		}
		return out
	case syntax.OpCapture, syntax.OpPlus:
		return mandatory(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return mandatory(re.Sub[0])
		}
	case syntax.OpConcat:
		var out [][]byte
		for _, sub := range re.Sub {
			out = append(out, mandatory(sub)...)
		}
		return out
	}
	return nil
}

// holdsAll tells whether a text holds all the given ones.
func holdsAll(text []byte, list [][]byte) bool {
	for _, m := range list {
		if !bytes.Contains(text, m) {
			return false
		}
	}
	return true
}
