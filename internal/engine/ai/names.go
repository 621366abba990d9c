package ai

import "bytes"

// aliases are the names that imports of Python give to modules and to what is in them, with what they stand for: pkl for pickle, load for
// joblib.load. Those of the package itself (from .x import y) are not among them.
func (p *program) aliases() map[string]string {
	out := map[string]string{}
	for i := range p.words {
		t := &p.words[i]
		if t.kind != name || i > 0 && p.words[i-1].line == t.line && !p.is(i-1, ';') {
			continue
		}
		switch string(p.text(i)) {
		case "import":
			p.renamed(i+1, "", out)
		case "from":
			if p.named(i+1) && p.named(i+2) && string(p.text(i+2)) == "import" {
				p.renamed(i+3, string(p.text(i+1))+".", out)
			}
		}
	}
	return out
}

func (p *program) named(i int) bool { return i < len(p.words) && p.words[i].kind == name }

// renamed notes a list of names, each with its alias if it has one, up to the end of the line or the bracket.
func (p *program) renamed(i int, module string, out map[string]string) {
	bracket := p.is(i, '(')
	if bracket {
		i++
	}
	for p.named(i) {
		whole, as, next := p.text(i), p.text(i), i+1
		if p.named(i+2) && p.words[i+1].kind == name && string(p.text(i+1)) == "as" {
			as, next = p.text(i+2), i+3
		}
		if full := module + string(whole); full != string(as) && bytes.IndexByte(as, '.') < 0 {
			out[string(as)] = full
		}
		if !p.is(next, ',') || !bracket && next+1 < len(p.words) && p.words[next+1].line != p.words[next].line {
			return
		}
		i = next + 1
	}
}

// resolved is a callee with what its first name stands for, "" where that is itself.
func resolved(callee []byte, aliases map[string]string) string {
	first, rest, dot := bytes.Cut(callee, []byte("."))
	whole, ok := aliases[string(first)]
	switch {
	case !ok:
		return ""
	case !dot:
		return whole
	}
	return whole + "." + string(rest)
}
