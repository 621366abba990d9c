// Package function holds the functions of the Terraform language, on plinth values.
//
// A function whose arguments hold unknowns answers as much as it can: what is certain stays known, the rest is unknown with the
// reasons of its arguments. References and sensitivity travel from the arguments to the result.
package function

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

const (
	maxText     = 16 << 20 // bytes of a string that a function makes: more is a bomb
	maxElements = 200_000  // elements of a list that a function makes, likewise
	maxRange    = 1024     // Terraform's own limit for range
	maxPairs    = 2_000    // structures that are compared with each other: pairs of more take too long
	maxKept     = 16 << 20 // bytes of texts of which it is remembered what they decode to
	maxWalk     = 400_000  // values visited inside one argument: shared structure can be exponentially large
)

// Files is what the file functions may read. Paths are as the configuration gives them, relative to the root module.
type Files interface {
	// ReadFile returns the content of a file and its path in the target; an error of type *FileError where there is none to be
	// had.
	ReadFile(path string) (data []byte, name string, err error)
	// Exists tells whether there is such a file.
	Exists(path string) (bool, error)
	// Glob returns the files below dir that match the pattern, relative to dir, sorted.
	Glob(dir, pattern string) ([]string, error)
}

// FileError says that a file could not be read. It is worth a problem of its own, where other errors of functions are not.
type FileError struct {
	Path string
	Kind plinth.ProblemKind
	Why  string
}

func (e *FileError) Error() string { return e.Path + ": " + e.Why }

// UnknownError says that the result cannot be known before apply, and why.
type UnknownError struct{ Why string }

func (e *UnknownError) Error() string { return e.Why + " is not known" }

// Func is a function of the language.
type Func struct {
	Name     string
	least    int
	most     int  // -1: any number
	unknowns bool // takes arguments with unknowns in them
	keeps    bool // looks after references and sensitivity itself
	run      func(c *call) (plinth.Value, error)
}

// call is one call of a function.
type call struct {
	files Files
	name  string
	args  []plinth.Value
}

// Set is the functions by name.
type Set map[string]*Func

// All returns all functions.
func All() Set {
	s := Set{}
	for _, list := range [...][]Func{numbers(), texts(), collections(), predicates(), sets(), encodings(), hashes(), networks(), times(), fileFuncs(), conversions()} {
		for i := range list {
			s[list[i].Name] = &list[i]
		}
	}
	return s
}

// Call runs the function. The error is a fault of the call, of type *FileError where a file could not be read. Where the
// arguments' unknowns leave the answer open it is unknown because of them.
func (fn *Func) Call(files Files, args []plinth.Value) (plinth.Value, error) {
	if len(args) < fn.least || fn.most >= 0 && len(args) > fn.most {
		return plinth.Value{}, fmt.Errorf("%s does not take %d arguments", fn.Name, len(args))
	}
	m := &marks{left: maxWalk}
	for _, a := range args {
		m.top(a)
		if !fn.keeps {
			m.walk(a)
		}
	}
	if m.left <= 0 {
		return plinth.Value{}, fmt.Errorf("%s: an argument has more than %d parts", fn.Name, maxWalk)
	}
	if len(m.why) > 0 && !fn.unknowns {
		return m.on(plinth.UnknownOf(m.why...)), nil
	}
	v, err := fn.run(&call{files: files, name: fn.Name, args: args})
	if err != nil {
		var unknown *UnknownError
		if errors.As(err, &unknown) {
			return m.on(plinth.UnknownOf(append(slices.Clone(m.why), unknown.Why)...)), nil
		}
		return plinth.Value{}, err
	}
	if v.Len() > maxText || v.Kind() != plinth.String && v.Len() > maxElements {
		return plinth.Value{}, fmt.Errorf("%s makes a value of %d parts", fn.Name, v.Len())
	}
	if fn.keeps {
		return v, nil
	}
	if v.Kind() == plinth.List || v.Kind() == plinth.Map {
		return v.WithSensitive(v.Sensitive() || m.sensitiveTop), nil
	}
	return m.on(v), nil
}

// marks gathers what travels from arguments to results.
type marks struct {
	why          []string
	refs         []plinth.Ref
	sensitive    bool // somewhere inside
	sensitiveTop bool // an argument as a whole
	left         int
}

func (m *marks) top(v plinth.Value) { m.sensitiveTop = m.sensitiveTop || v.Sensitive() }

func (m *marks) walk(v plinth.Value) {
	if m.left--; m.left <= 0 {
		return
	}
	m.sensitive = m.sensitive || v.Sensitive()
	for _, r := range v.Refs() {
		if !slices.Contains(m.refs, r) {
			m.refs = append(m.refs, r)
		}
	}
	for _, w := range v.Why() {
		if !slices.Contains(m.why, w) {
			m.why = append(m.why, w)
		}
	}
	for _, e := range v.List() {
		m.walk(e)
	}
	for _, f := range v.Fields() {
		m.walk(f.Value)
	}
}

func (m *marks) on(v plinth.Value) plinth.Value {
	if m.sensitive || m.sensitiveTop {
		v = v.WithSensitive(true)
	}
	return v.WithRefs(m.refs...)
}

// Marked puts the references and the sensitivity of everything inside the given values on v.
func Marked(v plinth.Value, of ...plinth.Value) plinth.Value {
	m := &marks{left: maxWalk}
	for _, a := range of {
		m.walk(a)
	}
	return m.on(v)
}

// Unknown returns an unknown because of everything unknown in the given values, with their references and sensitivity.
func Unknown(of ...plinth.Value) plinth.Value {
	m := &marks{left: maxWalk}
	for _, a := range of {
		m.walk(a)
	}
	return m.on(plinth.UnknownOf(m.why...))
}

// OpenMap returns a map with these entries, which is unknown where the keys of some are.
func OpenMap(fields []plinth.Field, open []plinth.OpenField) plinth.Value {
	v := plinth.MapOf(fields)
	if len(open) == 0 {
		return v
	}
	keys := make([]plinth.Value, len(open))
	for i, f := range open {
		keys[i] = f.Key
	}
	return Unknown(keys...).WithPartial(v).WithOpen(open)
}

// text returns argument i as a string.
func (c *call) text(i int) (string, error) {
	v, err := ToString(c.args[i])
	if err != nil {
		return "", fmt.Errorf("%s: argument %d: %w", c.name, i+1, err)
	}
	if v.Kind() != plinth.String {
		return "", fmt.Errorf("%s: argument %d is %s, not a string", c.name, i+1, v.Kind())
	}
	return v.Str(), nil
}

// num returns argument i as a number.
func (c *call) num(i int) (float64, error) {
	v, err := ToNumber(c.args[i])
	if err != nil {
		return 0, fmt.Errorf("%s: argument %d: %w", c.name, i+1, err)
	}
	if v.Kind() != plinth.Number {
		return 0, fmt.Errorf("%s: argument %d is %s, not a number", c.name, i+1, v.Kind())
	}
	if math.IsInf(v.Num(), 0) || math.IsNaN(v.Num()) {
		return 0, fmt.Errorf("%s: argument %d is out of range", c.name, i+1)
	}
	return v.Num(), nil
}

// whole returns argument i as an integer.
func (c *call) whole(i int) (int, error) {
	f, err := c.num(i)
	if err != nil {
		return 0, err
	}
	n := int(f)
	if float64(n) != f {
		return 0, fmt.Errorf("%s: argument %d is no whole number", c.name, i+1)
	}
	return n, nil
}

// list returns argument i as a list.
func (c *call) list(i int) ([]plinth.Value, error) {
	if c.args[i].Kind() != plinth.List {
		return nil, fmt.Errorf("%s: argument %d is %s, not a list", c.name, i+1, c.args[i].Kind())
	}
	return c.args[i].List(), nil
}

// fields returns argument i as the entries of a map.
func (c *call) fields(i int) ([]plinth.Field, error) {
	if c.args[i].Kind() != plinth.Map {
		return nil, fmt.Errorf("%s: argument %d is %s, not a map", c.name, i+1, c.args[i].Kind())
	}
	return c.args[i].Fields(), nil
}

// texts returns the elements of list argument i as strings.
func (c *call) texts(i int) ([]string, error) {
	list, err := c.list(i)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list))
	for j, e := range list {
		s, err := ToString(e)
		if err != nil || s.Kind() != plinth.String {
			return nil, fmt.Errorf("%s: element %d of argument %d is %s, not a string", c.name, j, i+1, e.Kind())
		}
		out[j] = s.Str()
	}
	return out, nil
}

// same tells whether two values are surely equal, and whether that is open.
func same(a, b plinth.Value) (equal, open bool) {
	t, _ := value.Equal(a, b)
	return t == value.True, t == value.Undecided
}

func stringsOf(in []string) plinth.Value {
	out := make([]plinth.Value, len(in))
	for i, s := range in {
		out[i] = plinth.StringOf(s)
	}
	return plinth.ListOf(out)
}
