package iam

import (
	"math/bits"
	"slices"
	"sort"
	"strings"
)

// fewActions is the number of actions up to which a sorted list is smaller and faster than one bit for each known action.
const fewActions = 64

// actionSet is the actions that the patterns of a statement match. Equal patterns share one set.
type actionSet struct {
	all      bool
	ids      []int32  // sorted, where there are few
	bits     []uint64 // else
	patterns []string // in lower case, for actions that the facts do not hold
	open     Formula  // what must hold for the patterns that the code does not tell
}

func (s *actionSet) has(a Action) bool {
	switch {
	case s.all:
		return true
	case a.id == 0:
		return slices.ContainsFunc(s.patterns, func(p string) bool { return glob(p, a.text) })
	case s.bits != nil:
		return s.bits[a.id>>6]&(1<<(a.id&63)) != 0
	case len(s.ids) > 8:
		_, ok := slices.BinarySearch(s.ids, a.id)
		return ok
	}
	for _, id := range s.ids {
		if id == a.id {
			return true
		}
	}
	return false
}

// match tells what must hold for the set to hold the action.
func (s *actionSet) match(a Action) Formula {
	if s.has(a) {
		return always
	}
	return s.open
}

// actionSet returns the set of the patterns; holes are the causes of those that are unknown.
func (c *Compiler) actionSet(patterns []string, holes []string) *actionSet {
	for i, p := range patterns {
		patterns[i] = globOf(strings.ToLower(strings.TrimSpace(p)))
	}
	slices.Sort(patterns)
	patterns = slices.Compact(patterns)
	key := strings.Join(patterns, "\n") + "\n\n" + strings.Join(holes, "\n")
	if have, ok := c.sets[key]; ok {
		return have
	}
	s := &actionSet{patterns: patterns, all: slices.Contains(patterns, "\x00") || slices.Contains(patterns, "\x00:\x00")}
	if len(holes) > 0 {
		s.open = If(Because(holes...))
	}
	if !s.all {
		c.fill(s)
	}
	c.sets[key] = s
	return s
}

func (c *Compiler) fill(s *actionSet) {
	var ids []int32
	set := make([]uint64, len(c.services.actions)/64+1)
	for _, p := range s.patterns {
		prefix, name, _ := strings.Cut(p, ":")
		if plainGlob(p) {
			if a := c.services.Action(p); a.id > 0 {
				set[a.id>>6] |= 1 << (a.id & 63)
			}
			continue
		}
		for i := range c.services.services {
			svc := &c.services.services[i]
			if plainGlob(prefix) {
				if svc = c.services.find(prefix); svc == nil {
					break
				}
			}
			c.fillService(set, svc, p, name)
			if plainGlob(prefix) {
				break
			}
		}
	}
	n := 0
	for _, word := range set {
		n += bits.OnesCount64(word)
	}
	if n > fewActions {
		s.bits = set
		return
	}
	for i, word := range set {
		for ; word != 0; word &= word - 1 {
			ids = append(ids, int32(i<<6+bits.TrailingZeros64(word)))
		}
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	s.ids = ids
}

// fillService adds the actions of a service that the pattern matches; name is what follows the first colon of it.
func (c *Compiler) fillService(set []uint64, svc *service, pattern, name string) {
	whole := name == "" || !plainGlob(pattern[:len(pattern)-len(name)])
	for i := svc.first; i < svc.last; i++ {
		local := c.services.name(i)
		if whole && foldGlob(pattern, svc.prefix+":"+local) || !whole && foldGlob(name, local) {
			set[(i+1)>>6] |= 1 << ((i + 1) & 63)
		}
	}
}
