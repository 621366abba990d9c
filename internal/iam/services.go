package iam

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	endian "encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
)

//go:generate go run ./gen -from ../../../shared/corpora/graph/iam-data

//go:embed data/services.txt.gz
var packedServices []byte

// Services are the facts about the actions of AWS. They are immutable and safe for concurrent use.
type Services struct {
	text     string // all lines
	services []service
	actions  []span // of the lines of all actions, those of a service sorted by their name in lower case
}

type span struct{ from, to int32 }

type service struct {
	prefix      string
	rcp         bool
	lines       span  // of the service's own lines
	first, last int32 // its actions
}

// Action is one action of the provider. Its zero value is no action.
type Action struct {
	id      int32 // of a known action, counted from 1
	service string
	text    string // in lower case: s3:getobject
	all     *Services
	// Two facts that every evaluation asks for.
	everywhere, rcp bool
}

// LoadServices returns the embedded facts, which are unpacked when they are first asked for.
func LoadServices() (*Services, error) { return embedded() }

var embedded = sync.OnceValues(func() (*Services, error) {
	text, err := unpack(packedServices)
	if err != nil {
		return nil, err
	}
	return readServices(text)
})

func unpack(packed []byte) (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.Grow(int(endian.LittleEndian.Uint32(packed[len(packed)-4:])) + 1) // gzip ends with the length of the text
	if _, err := io.Copy(&b, z); err != nil {
		return "", err
	}
	return b.String(), nil
}

func readServices(text string) (*Services, error) {
	s := &Services{text: text}
	var now *service
	for at := 0; at < len(text); {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			end = len(text) - at
		}
		line := span{int32(at), int32(at + end)}
		at += end + 1
		switch {
		case text[line.from] == 's':
			f := strings.SplitN(text[line.from:line.to], "\t", 4)
			if len(f) < 3 {
				return nil, errors.New("the facts about services hold a short line")
			}
			n := int32(len(s.actions))
			s.services = append(s.services, service{prefix: f[1], rcp: f[2] == "1", lines: line, first: n, last: n})
			now = &s.services[len(s.services)-1]
		case now == nil:
			return nil, errors.New("the facts about services begin without a service")
		case text[line.from] == 'a':
			s.actions = append(s.actions, span{line.from + 2, line.to})
			now.last++
			now.lines.to = line.to
		default:
			now.lines.to = line.to
		}
	}
	return s, nil
}

// field returns the n-th field of a text of fields separated by tabs, "" where there is none.
func field(line string, n int) string {
	for ; n > 0; n-- {
		i := strings.IndexByte(line, '\t')
		if i < 0 {
			return ""
		}
		line = line[i+1:]
	}
	if i := strings.IndexByte(line, '\t'); i >= 0 {
		return line[:i]
	}
	return line
}

// find returns the service with a prefix in lower case, nil where there is none.
func (s *Services) find(prefix string) *service {
	from, to := 0, len(s.services)
	for from < to {
		mid := (from + to) / 2
		switch c := strings.Compare(s.services[mid].prefix, prefix); {
		case c == 0:
			return &s.services[mid]
		case c < 0:
			from = mid + 1
		default:
			to = mid
		}
	}
	return nil
}

func (s *Services) name(i int32) string { return field(s.text[s.actions[i].from:s.actions[i].to], 0) }

func (s *Services) lowerName(i int32) string { return strings.ToLower(s.name(i)) }

// compareFold compares the lower case of an ASCII text with another text.
func compareFold(a, lower string) int {
	for i := range min(len(a), len(lower)) {
		c := a[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return int(c) - int(lower[i])
		}
	}
	return len(a) - len(lower)
}

// Action returns the action with a name such as s3:GetObject, which is compared without case. An action that the facts do not
// hold is an Action as well, one of which nothing else is known.
func (s *Services) Action(name string) Action {
	text := strings.ToLower(strings.TrimSpace(name))
	prefix, local, _ := strings.Cut(text, ":")
	a := Action{service: prefix, text: text, all: s}
	svc := s.find(prefix)
	if svc == nil {
		return a
	}
	a.rcp = svc.rcp
	from, to := svc.first, svc.last
	for from < to {
		mid := (from + to) / 2
		switch c := compareFold(s.name(mid), local); {
		case c == 0:
			a.id = mid + 1
			a.everywhere = a.field(2) == ""
			return a
		case c < 0:
			from = mid + 1
		default:
			to = mid
		}
	}
	return a
}

// Count is the number of known actions.
func (s *Services) Count() int { return len(s.actions) }

// Actions returns the full names of all known actions that a pattern of a policy matches, sorted by service and name.
func (s *Services) Actions(pattern string) []string {
	var out []string
	for i := range s.services {
		svc := &s.services[i]
		for id := svc.first; id < svc.last; id++ {
			if line := s.actions[id]; glob(globOf(strings.ToLower(pattern)), svc.prefix+":"+s.lowerName(id)) {
				out = append(out, svc.prefix+":"+field(s.text[line.from:line.to], 0))
			}
		}
	}
	return out
}

// Known tells whether the facts hold the action.
func (a Action) Known() bool { return a.id > 0 }

// Service is the prefix of the action.
func (a Action) Service() string { return a.service }

// String is the action's name as the provider writes it, in lower case where the facts do not hold it.
func (a Action) String() string {
	if !a.Known() {
		return a.text
	}
	return a.service + ":" + a.field(0)
}

func (a Action) field(n int) string {
	line := a.all.actions[a.id-1]
	return field(a.all.text[line.from:line.to], n)
}

// Level is what the action does, any of the letters l(ist), r(ead), w(rite), p(ermissions), t(agging); "" where unknown.
func (a Action) Level() string {
	if !a.Known() {
		return ""
	}
	return a.field(1)
}

// Everywhere tells that the action is known and works on no resource type: only Resource * lets it.
func (a Action) Everywhere() bool { return a.everywhere }

// Resources returns the ARN templates of the resource types that the action works on, by type; a template holds ${Partition},
// ${Region}, ${Account} and names. It is nil where nothing is known.
func (a Action) Resources() map[string]string {
	if !a.Known() || a.field(2) == "" {
		return nil
	}
	out := map[string]string{}
	for _, t := range strings.Split(a.field(2), ",") {
		out[strings.TrimSuffix(t, "!")] = ""
	}
	a.each('r', func(_ int, line string) {
		if t := field(line, 1); t != "" {
			if _, ok := out[t]; ok {
				out[t] = field(line, 2)
			}
		}
	})
	return out
}

// Keys returns the condition keys that a request of the action may carry besides the global ones, in the order of the facts.
func (a Action) Keys() []string {
	if !a.Known() {
		return nil
	}
	set := numbers(a.field(3))
	var out []string
	a.each('k', func(i int, line string) {
		if set[i] {
			out = append(out, field(line, 1))
		}
	})
	return out
}

// Needs returns the actions that the provider checks besides this one.
func (a Action) Needs() []string {
	if !a.Known() || a.field(4) == "" {
		return nil
	}
	return strings.Split(a.field(4), ",")
}

// each calls visit for the lines of one kind of the action's service, counted from 0.
func (a Action) each(kind byte, visit func(int, string)) {
	svc := a.all.find(a.service)
	n := 0
	for line := range strings.SplitSeq(a.all.text[svc.lines.from:svc.lines.to], "\n") {
		if line != "" && line[0] == kind {
			visit(n, line)
			n++
		}
	}
}

// numbers reads 1-3,7.
func numbers(list string) map[int]bool {
	out := map[int]bool{}
	for part := range strings.SplitSeq(list, ",") {
		from, to, wide := strings.Cut(part, "-")
		if !wide {
			to = from
		}
		a, b := number(from), number(to)
		for ; a >= 0 && a <= b; a++ {
			out[a] = true
		}
	}
	return out
}

// number reads a small decimal number; -1 for anything else.
func number(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' || n > 1<<20 {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	if s == "" {
		return -1
	}
	return n
}
