package google

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/plinthsec/plinth/internal/iam"
)

// facts are the embedded permissions, sorted, and the predefined roles as runs over them.
type facts struct {
	permissions []string
	runs        map[string]string // gap and length, alternating, by role
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

// each calls visit for the runs of a role as ranges of indexes, until it answers false.
func (f *facts) each(role string, visit func(from, to int) bool) {
	at, gap := 0, true
	for part := range strings.SplitSeq(f.runs[role], ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || at+n > len(f.permissions) {
			return
		}
		if !gap && !visit(at, at+n) {
			return
		}
		at, gap = at+n, !gap
	}
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
	f.each(role, func(from, to int) bool {
		has = i >= from && i < to
		return !has && to <= i
	})
	return has, true
}

// Permissions returns the permissions of a predefined role, sorted; nil for a role that nobody knows.
func Permissions(role string) []string {
	f, err := predefined()
	if err != nil {
		return nil
	}
	var out []string
	f.each(role, func(from, to int) bool {
		out = append(out, f.permissions[from:to]...)
		return true
	})
	return out
}

// Permissions returns the permissions of a role of Google's, or of the code; nil for one that nobody knows.
func (e *Estate) Permissions(role string) []string {
	if own, ok := e.access.Roles[role]; ok {
		return own.Known
	}
	return Permissions(role)
}
