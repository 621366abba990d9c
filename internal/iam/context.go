package iam

import (
	"maps"
	"slices"
	"strings"
)

// Context is the condition keys that a request carries. It is immutable.
type Context struct {
	entries []entry
	open    bool
	unknown []string // patterns in lower case of unknown keys; nil in an open context: all that are not in entries
	closed  []string // beginnings in lower case of keys that are all in entries
}

type entry struct {
	key    string // in lower case
	values []string
}

// Strict returns the context of a request that carries these keys and no others. A key without values is not there.
func Strict(values map[string][]string) *Context { return newContext(values) }

// Open returns the context of a request of which only these keys are known; every other key may be there or not. A key without
// values is known not to be there.
func Open(values map[string][]string) *Context {
	c := newContext(values)
	c.open = true
	return c
}

// OpenOnly returns the context of a request that carries these keys, of which those that a pattern matches are unknown even when
// they have values. All others are known to be absent.
func OpenOnly(values map[string][]string, unknown []string) *Context {
	c := newContext(values)
	c.open = true
	c.unknown = make([]string, len(unknown))
	for i, u := range unknown {
		c.unknown[i] = globOf(strings.ToLower(u))
	}
	return c
}

// Complete returns the same context, known to carry no other keys that begin with one of these texts: aws:PrincipalTag/.
func (c *Context) Complete(prefixes ...string) *Context {
	out := *c
	out.closed = slices.Clone(c.closed)
	for _, p := range prefixes {
		out.closed = append(out.closed, strings.ToLower(p))
	}
	return &out
}

func newContext(values map[string][]string) *Context {
	c := &Context{entries: make([]entry, 0, len(values))}
	for _, k := range slices.Sorted(maps.Keys(values)) { // of keys that differ in case only the first counts
		c.entries = append(c.entries, entry{strings.ToLower(k), values[k]})
	}
	return c
}

// presence is what is known of a key.
type presence uint8

const (
	absent presence = iota
	present
	undecided
)

// lookup returns the values of a key in lower case.
func (c *Context) lookup(key string) ([]string, presence) {
	if c == nil {
		return nil, absent
	}
	for _, u := range c.unknown {
		if glob(u, key) {
			return nil, undecided
		}
	}
	for i := range c.entries {
		if e := &c.entries[i]; len(e.key) == len(key) && e.key == key {
			if len(e.values) == 0 {
				return nil, absent
			}
			return e.values, present
		}
	}
	if c.open && c.unknown == nil && !slices.ContainsFunc(c.closed, func(p string) bool { return strings.HasPrefix(key, p) }) {
		return nil, undecided
	}
	return nil, absent
}
