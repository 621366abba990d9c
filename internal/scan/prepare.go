package scan

import (
	"slices"
	"strings"
	"sync"

	"github.com/plinthsec/plinth/internal/form"
)

// preparer is an engine that can get ready for resources of some types before they are there.
type preparer interface{ Prepare(types []string) }

// prepare gets ready, beside what else is done, for the types of resources that the last run over the target met. The returned function
// tells the next run what types there are, as users write them and in their provider's form.
func (r *Run) prepare() func(declared, types []string) {
	if r.Cache == nil {
		return func(_, _ []string) {}
	}
	shelf := r.Cache.Shelf("types", nil, nil)
	words := func(name string) []string {
		body, _ := shelf.Take(name, nil)
		return strings.Fields(body)
	}
	declared, types := words("declared"), words("provider")
	var done sync.WaitGroup
	if len(types) > 0 {
		done.Go(func() {
			defer func() { _ = recover() }() // whoever needs it meets it again
			for _, e := range r.Engines {
				if p, ok := e.(preparer); ok {
					p.Prepare(types)
				}
			}
		})
		done.Go(func() { form.Prepare(declared) })
	}
	return func(declaredNow, typesNow []string) {
		done.Wait()
		if !slices.Equal(declared, declaredNow) {
			shelf.Put("declared", shelf.Record(), []byte(strings.Join(declaredNow, " ")))
		}
		if !slices.Equal(types, typesNow) {
			shelf.Put("provider", shelf.Record(), []byte(strings.Join(typesNow, " ")))
		}
	}
}
