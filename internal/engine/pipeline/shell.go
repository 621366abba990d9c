package pipeline

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

const (
	maxWay    = 12       // stations of a text that are followed; real ones have up to five
	maxScript = 64 << 10 // bytes of a script whose data flow is told; longer ones are generated
)

// taint is who decides a text. Its severity is Info where the file itself does, Low where somebody does who is not known, more where an
// outsider is proven to. What is the name of the source, way leads from there to the text; both are empty without a proof.
type taint struct {
	severity plinth.Severity
	what     string
	way      []plinth.Step
}

// unknown is a text that somebody decides who is not known.
func unknown() taint { return taint{severity: plinth.Low} }

func worse(a, b taint) taint {
	if b.severity > a.severity {
		return b
	}
	return a
}

func (t taint) proven() bool { return t.severity >= plinth.Medium }

// then adds a station to the way of a text.
func (t taint) then(note string, at plinth.Location, resource string) taint {
	if t.proven() && len(t.way) < maxWay {
		t.way = append(slices.Clip(t.way), plinth.Step{Note: note, At: at, Resource: resource})
	}
	return t
}

// shell tells who decides the texts of a script: it follows assignments, substitutions, pipes and parameter expansion of the POSIX shell
// (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html), and $env: of PowerShell. It runs nothing.
type shell struct {
	path       string
	outside    plinth.Severity                                // of what outsiders write, in this pipeline
	variable   func(name string) taint                        // one that the script does not set itself
	file       func(command string, at plinth.Location) taint // what a command reads from a file; nil where files are the repository's own
	expression func(text string, at plinth.Location) taint    // what stands between ${{ and }}; nil where the service has no such marks
	set        map[string][]setting                           // what the script assigns
	known      map[string]taint                               // variables that were looked up
}

// setting is a text that is assigned to a variable, or what a command puts there.
type setting struct {
	text string
	at   plinth.Location
}

var (
	assignment = lazy.New(`(?:^|[;&|{(]\s*|\b(?:then|do|else)\s+)(?:(?:export|local|readonly|declare|typeset)\s+(?:-\w+\s+)*)?\$?(?:env:)?([A-Za-z_]\w*)\+?\s?=`)
	loop       = lazy.New(`\bfor\s+([A-Za-z_]\w*)\s+in\s+([^;]*)`)
	reading    = lazy.New(`\bread\s+(?:-\w+\s+)*([A-Za-z_]\w*)(?:.*<<<\s*(.*))?`)
)

// learn notes what commands assign.
func (s *shell) learn(list []command) {
	s.set, s.known = map[string][]setting{}, map[string]taint{}
	for _, c := range list {
		if strings.IndexByte(c.text, '=') < 0 && !strings.Contains(c.text, "for ") && !strings.Contains(c.text, "read ") {
			continue
		}
		at := c.at()
		for _, m := range assignment.FindAllStringSubmatchIndex(c.text, maxTaken) {
			value := c.text[m[1]:]
			if strings.HasPrefix(value, "=") || strings.HasPrefix(value, "~") {
				continue // a comparison
			}
			name := c.text[m[2]:m[3]]
			s.set[name] = append(s.set[name], setting{value[:wordEnd(value)], at})
		}
		for _, m := range loop.FindAllStringSubmatch(c.text, maxTaken) {
			s.set[m[1]] = append(s.set[m[1]], setting{m[2], at})
		}
		for _, m := range reading.FindAllStringSubmatch(c.text, maxTaken) {
			text := m[2]
			if text == "" {
				text = "$(read)" // from somewhere
			}
			s.set[m[1]] = append(s.set[m[1]], setting{text, at})
		}
	}
}

// wordEnd is where the first word of a text ends; quotes and substitutions belong to it.
func wordEnd(text string) int {
	if strings.HasPrefix(text, " ") { // PowerShell writes $x = …
		return len(text)
	}
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == ';' || c == '|' || c == '&' || c == '>' || c == '<' && !strings.HasPrefix(text[i:], "<("):
			return i
		default:
			i = skip(text, i)
		}
	}
	return len(text)
}

// skip returns the byte behind the quoted text, the substitution or the single character at i.
func skip(text string, i int) int {
	end := func(from int, mark string) int {
		if j := strings.Index(text[from:], mark); j >= 0 {
			return from + j + len(mark)
		}
		return len(text)
	}
	switch rest := text[i:]; {
	case strings.HasPrefix(rest, "${{"):
		if j := closing(text, i+3); j >= 0 {
			return j + 2
		}
		return len(text)
	case strings.HasPrefix(rest, "$("):
		return balanced(text, i+1)
	case strings.HasPrefix(rest, "${"):
		return end(i+2, "}")
	case rest[0] == '\'' || rest[0] == '`':
		return end(i+1, rest[:1])
	case rest[0] == '\\':
		return min(i+2, len(text))
	case rest[0] == '"':
		for i++; i < len(text) && text[i] != '"'; {
			switch {
			case text[i] == '\'':
				i++
			default:
				i = skip(text, i)
			}
		}
		return min(i+1, len(text))
	}
	return i + 1
}

// balanced returns the byte behind the parenthesis that closes the one at i.
func balanced(text string, i int) int {
	for depth := 0; i < len(text); i++ {
		switch text[i] {
		case '\'':
			if j := strings.IndexByte(text[i+1:], '\''); j >= 0 {
				i += j + 1
			}
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// named tells who decides a variable.
func (s *shell) named(name string, depth int) taint {
	if t, ok := s.known[name]; ok {
		return t
	}
	list := s.set[name]
	outer := s.variable(name)
	if len(list) == 0 || depth > maxWay {
		return outer
	}
	s.known[name] = outer // for X="$X.1"
	t := taint{}
	for _, x := range list {
		t = worse(t, s.expand(x.text, x.at, depth+1).then("it is put into "+name, x.at, s.path))
	}
	s.known[name] = t
	return t
}

var (
	name      = lazy.New(`^[A-Za-z_]\w*`)
	narrowing = lazy.New(`^/{1,2}\[(?:\^|!)`) // ${X//[^a-z]/-}: only what is listed stays
)

// expand tells who decides what the shell makes of a text.
func (s *shell) expand(text string, at plinth.Location, depth int) taint {
	t, double := taint{}, false
	if depth > maxWay {
		return unknown()
	}
	for i := 0; i < len(text); {
		rest := text[i:]
		end := i + 1
		switch {
		case strings.HasPrefix(rest, "${{") && s.expression != nil:
			end = skip(text, i)
			t = worse(t, s.expression(strings.TrimSuffix(text[i+3:end], "}}"), at))
		case rest[0] == '"':
			double = !double
		case rest[0] == '\'' && !double:
			end = skip(text, i)
			t = worse(t, s.marked(text[i:end], at))
		case rest[0] == '\\':
			end = min(i+2, len(text))
		case strings.HasPrefix(rest, "$(("):
			end = balanced(text, i+1)
		case strings.HasPrefix(rest, "$("):
			end = balanced(text, i+1)
			t = worse(t, s.output(strings.TrimSuffix(text[i+2:end], ")"), at, depth+1))
		case rest[0] == '`':
			end = skip(text, i)
			t = worse(t, s.output(strings.Trim(text[i:end], "`"), at, depth+1))
		case strings.HasPrefix(rest, "${"):
			end = skip(text, i)
			t = worse(t, s.parameter(strings.TrimSuffix(text[i+2:end], "}"), at, depth))
		case rest[0] == '$':
			var more taint
			more, end = s.plain(text, i, depth)
			t = worse(t, more)
		}
		i = end
	}
	return t
}

// marked tells who decides the expressions in a text that the shell leaves alone.
func (s *shell) marked(text string, at plinth.Location) taint {
	t := taint{}
	for i := 0; s.expression != nil && i < len(text); {
		j := strings.Index(text[i:], "${{")
		if j < 0 {
			break
		}
		end := skip(text, i+j)
		t = worse(t, s.expression(strings.TrimSuffix(text[i+j+3:end], "}}"), at))
		i = end
	}
	return t
}

// plain tells who decides the $NAME at byte i, and where it ends.
func (s *shell) plain(text string, i, depth int) (taint, int) {
	rest := text[i+1:]
	if len(rest) > 4 && strings.EqualFold(rest[:4], "env:") {
		i, rest = i+4, rest[4:]
	}
	if n := name.FindString(rest); n != "" {
		return s.named(n, depth), i + 1 + len(n)
	}
	if rest != "" && strings.IndexByte("123456789@*", rest[0]) >= 0 {
		return s.variable(rest[:1]), i + 2
	}
	return taint{}, i + 1
}

// parameter tells who decides ${…}.
func (s *shell) parameter(inner string, at plinth.Location, depth int) taint {
	inner = strings.TrimPrefix(inner, "env:")
	if strings.HasPrefix(inner, "#") {
		return taint{} // a length
	}
	n := name.FindString(strings.TrimPrefix(inner, "!"))
	if n == "" {
		if inner != "" && inner[0] >= '1' && inner[0] <= '9' {
			return s.variable(inner[:1])
		}
		return taint{}
	}
	rest := strings.TrimPrefix(inner, "!")[len(n):]
	if narrowing.MatchString(rest) {
		return taint{}
	}
	t := s.named(n, depth)
	if strings.HasPrefix(rest, ":-") || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, ":=") {
		t = worse(t, s.expand(rest[1:], at, depth+1))
	}
	return t
}

var (
	// cleaners print what no other text can hide in: counts, hashes, what is left of a set of characters that is named.
	cleaners = lazy.New(`^(?:wc|sha\d*sum|shasum|md5sum|b2sum|cksum)\b|^base64$|^base64\s+-(?:w|i)|^tr\s+-(?:cd|dc|c|C)|^sed\s.*s(?:/|#|\||,)\[\^|^grep\s+(?:-\w+\s+)*-\w*[cq]|^grep\s+(?:-\w+\s+)*-\w*o\w*\s+(?:-\w+\s+)*'(?:[^.'\[]|\[[^^\]'][^\]']*\])+'(?:\s+[\w./-]+)*$`)
	// constants print what the writer of a commit, a title or a branch does not choose.
	constants = lazy.New(`^(?:date|uname|nproc|pwd|mktemp|hostname|whoami|id|seq|expr|test|\[|true|false|which|command\s+-v|git\s+rev-list\s+--count|git\s+rev-parse\s+(?:--short(?:=\d+)?\s+|--verify\s+|--show-toplevel)*(?:HEAD|--show-toplevel|"?\$\{?GITHUB_SHA)|go\s+(?:env|version)|gh\s+auth)\b|^\S+\s+(?:--version|-v|version)$`)
	// filters pass on what they are given.
	filters = lazy.New(`^(?:sed|awk|gawk|cut|tr|head|tail|basename|dirname|sort|uniq|grep|egrep|jq|yq|xargs|rev|tee|cat|base64|column|tac|paste|fold|fmt|nl)\b`)
	prints  = lazy.New(`^(?:echo|printf|Write-Output|Write-Host)\b`)
	// commits print the messages, authors or branches of commits, or the names of the files that they change.
	commits = lazy.New(`^git\s+(?:-\S+\s+\S+\s+)*(?:(?:log|show)\b.*(?:%s|%B|%b|%an|%ae|%cn|%ce|%d|%D|--oneline|--name-only|--name-status)|(?:diff|diff-tree)\b.*--name-(?:only|status)|shortlog\b|branch\s+--show-current|rev-parse\s+--abbrev-ref|symbolic-ref\b|(?:log|show)\s+(?:-\d+\s*)?$)`)
	hashes  = lazy.New(`^git\s+(?:-\S+\s+\S+\s+)*(?:log|show)\b.*(?:format|pretty)[= ]['"]?(?:format:)?(?:%[HhTtPp]|%c[tIid]|%a[tIid]|[-_:/. ])+['"]?`)
	asks    = lazy.New(`^gh\s+(?:pr|issue)\s+(?:view|list|diff)\b.*(?:\.title|\.body|headRefName|headRefLabel|\.comments|--name-only)|^gh\s+api\b.*(?:\.title|\.body|\.message|head\.ref|\.filename)|^jq\b.*\.(?:title|body|message|head\.ref|head_ref|head_branch)\b.*(?:GITHUB_EVENT_PATH|event\.json)`)
)

// output tells who decides what commands print.
func (s *shell) output(commands string, at plinth.Location, depth int) taint {
	t := taint{}
	if depth > maxWay {
		return unknown()
	}
	for _, line := range parts(commands, false) {
		one := taint{}
		for i, stage := range parts(line, true) {
			stage = strings.TrimSpace(stage)
			switch {
			case stage == "":
			case cleaners.MatchString(stage), hashes.MatchString(stage), constants.MatchString(stage):
				one = taint{}
			case commits.MatchString(stage), asks.MatchString(stage):
				one = taint{severity: s.outside, what: firstWords(stage), way: []plinth.Step{{Note: "`" + firstWords(stage) + "` prints what others write", At: at, Resource: s.path}}}
			case prints.MatchString(stage):
				one = s.expand(stage, at, depth+1)
			case filters.MatchString(stage):
				given := s.expand(stage, at, depth+1)
				if i == 0 && !strings.Contains(stage, "<<<") {
					given = worse(worse(unknown(), given), s.reads(stage, at)) // and what a file holds
				}
				one = worse(one, given)
			case strings.HasPrefix(stage, "<"): // $(<FILE)
				one = worse(unknown(), s.reads(stage, at))
			default:
				one = unknown()
			}
		}
		t = worse(t, one)
	}
	return t
}

// reads tells who decides what a command reads from a file.
func (s *shell) reads(command string, at plinth.Location) taint {
	if s.file == nil {
		return taint{}
	}
	return s.file(command, at)
}

func firstWords(command string) string {
	words := strings.Fields(command)
	return strings.Join(words[:min(4, len(words))], " ")
}

// parts splits commands at ; && || and line feeds, or a pipeline at |.
func parts(text string, pipes bool) []string {
	var out []string
	from := 0
	for i := 0; i < len(text); {
		n := 0
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "||"), strings.HasPrefix(text[i:], "&&"):
			n = 2
		case c == ';' || c == '\n':
			n = 1
		case c == '|' && pipes:
			out, from, i = append(out, text[from:i]), i+1, i+1
			continue
		default:
			i = skip(text, i)
			continue
		}
		if !pipes {
			out, from = append(out, text[from:i]), i+n
		}
		i += n
	}
	return append(out, text[from:])
}
