package report

import "github.com/plinthsec/plinth"

// secretEngine is the engine whose findings stand where a secret stands.
const secretEngine = "secret"

// secrets are the places of all secrets that were found, by target and path: no excerpt shows them, whichever finding it is for.
type secrets map[[2]string][]plinth.Location

func secretsOf(r *Report) secrets {
	out := secrets{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Rule.Engine != secretEngine {
			continue
		}
		key := func(at plinth.Location) [2]string { return [2]string{f.Target, at.Path} }
		out[key(f.At)] = append(out[key(f.At)], f.At)
		for _, s := range f.Evidence {
			out[key(s.At)] = append(out[key(s.At)], s.At)
		}
	}
	return out
}

// line returns line n of a file with its secrets hidden.
func (s secrets) line(target, path string, n int, text string) string {
	list := s[[2]string{target, path}]
	if len(list) == 0 {
		return text
	}
	b := []byte(text)
	for _, at := range list {
		if n < int(at.Line) || n > int(max(at.EndLine, at.Line)) {
			continue
		}
		from, to := 0, len(b)
		if n == int(at.Line) {
			from = min(len(b), max(0, int(at.Col)-1))
		}
		if n == int(at.EndLine) && at.EndCol > 0 {
			to = min(len(b), int(at.EndCol)-1)
		}
		for i := from; i < to; i++ {
			b[i] = '*'
		}
	}
	return string(b)
}
