package value

import "github.com/plinthsec/plinth"

// ParseLooseJSON is ParseJSON for text that people wrote by hand: it forgives a comma before a closing bracket.
func ParseLooseJSON(text string) (plinth.Value, error) {
	v, err := ParseJSON(text)
	if err == nil {
		return v, nil
	}
	if v, again := ParseJSON(withoutLastCommas(text)); again == nil {
		return v, nil
	}
	return plinth.Value{}, err
}

// withoutLastCommas drops the commas that stand before a closing bracket: a frequent slip, and the meaning is clear.
func withoutLastCommas(text string) string {
	out := make([]byte, 0, len(text))
	quoted, comma := false, -1
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\' && i+1 < len(text):
			out = append(out, c)
			i++
		case c == '"':
			quoted, comma = !quoted, -1
		case quoted || c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case c == ',':
			comma = len(out)
		case (c == ']' || c == '}') && comma >= 0:
			out[comma] = ' '
			comma = -1
		default:
			comma = -1
		}
		out = append(out, text[i])
	}
	return string(out)
}
