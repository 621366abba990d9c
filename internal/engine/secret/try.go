package secret

import (
	"context"
	"fmt"
	"slices"

	"github.com/plinthsec/plinth"
)

// Try runs the examples of a rule and returns what is wrong with them: a good one in which it finds nothing, a bad one in which
// it does, and a good one in which all rules together do not name it any more.
func Try(r *Rule, all *Set) []string {
	var faults []string
	found, clean, problems := r.Examples()
	for _, p := range problems {
		faults = append(faults, Faults{p}.Error())
	}
	alone := Only(r)
	for _, ex := range found {
		if names := run(alone, ex); !slices.Contains(names, r.ID) {
			faults = append(faults, fmt.Sprintf("%s:%d: good example without a finding", ex.At.Path, ex.At.Line))
		} else if all != nil && !slices.Contains(run(all, ex), r.ID) {
			faults = append(faults, fmt.Sprintf("%s:%d: good example whose finding does not name the rule among all", ex.At.Path, ex.At.Line))
		}
	}
	for _, ex := range clean {
		if names := run(alone, ex); len(names) > 0 {
			faults = append(faults, fmt.Sprintf("%s:%d: bad example with a finding", ex.At.Path, ex.At.Line))
		}
	}
	return faults
}

// run returns the ids and aliases of what the rules find in an example; a fault is a name like any other.
func run(set *Set, ex Example) []string {
	var names []string
	e := New(set)
	problem := func(p plinth.Problem) { names = append(names, p.Text) }
	e.File(ex.Path, ex.Text, problem)
	if _, err := e.Check(context.Background(), nil, 1, func(f plinth.Finding) {
		names = append(append(names, f.Rule.ID), f.Aliases()...)
	}, problem); err != nil {
		names = append(names, err.Error())
	}
	return names
}
