package google

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/plinthsec/plinth/internal/iam"
)

// facts are the embedded permissions, sorted, and the predefined roles as runs over them.
type facts struct {
	permissions []string
	runs        map[string]string // gap and length, alternating, by role
	edges       sync.Map          // of those roles that were asked for: where runs begin and end, rising, a []int32 by role
}

var predefined = sync.OnceValues(func() (*facts, error) {
	text, err := iam.GoogleRoles()
	if err != nil {
		return nil, err
	}
	head, tail, _ := strings.Cut(text, "\n\n")
	f := &facts{permissions: strings.Split(head, "\n"), runs: map[string]string{}}
	for line := range strings.SplitSeq(tail, "\n") {
		if p := strings.Split(line, "\t"); len(p) == 3 {
			f.runs[p[0]] = p[2]
		}
	}
	return f, nil
})

// of returns where the runs of a role begin and end, as indexes: a permission is in the role if an odd number of them is at or below
// its own.
func (f *facts) of(role string) []int32 {
	if known, ok := f.edges.Load(role); ok {
		return known.([]int32)
	}
	var edges []int32
	at := 0
	for part := range strings.SplitSeq(f.runs[role], ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || at+n > len(f.permissions) {
			break
		}
		at += n
		edges = append(edges, int32(at))
	}
	edges = edges[:len(edges)&^1]
	f.edges.Store(role, edges)
	return edges
}

// Holds tells whether a predefined role holds a permission, and whether the role is known at all.
func Holds(role, permission string) (has, known bool) {
	f, err := predefined()
	if err != nil {
		return false, false
	}
	if _, known = f.runs[role]; !known {
		return false, false
	}
	i, ok := slices.BinarySearch(f.permissions, permission)
	if !ok {
		return false, true
	}
	edges := f.of(role)
	below := sort.Search(len(edges), func(k int) bool { return int(edges[k]) > i })
	has = below%2 == 1
	return has, true
}

// Permissions returns the permissions of a predefined role, sorted; nil for a role that nobody knows.
func Permissions(role string) []string {
	f, err := predefined()
	if err != nil {
		return nil
	}
	var out []string
	for runs := f.of(role); len(runs) > 0; runs = runs[2:] {
		out = append(out, f.permissions[runs[0]:runs[1]]...)
	}
	return out
}

// Permissions returns the permissions of a role of Google's, or of the code; nil for one that nobody knows.
func (e *Estate) Permissions(role string) []string {
	if own, ok := e.access.Roles[role]; ok {
		return own.Known
	}
	return Permissions(role)
}
