package policy

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/plinthsec/plinth"
)

// plainWorld has resources and no index, indexedWorld both.
type plainWorld struct{ all []plinth.Value }

func (w plainWorld) Linked(plinth.Value, string, Direction) []plinth.Value { return nil }
func (w plainWorld) All(string) []plinth.Value                             { return w.all }

type indexedWorld struct {
	plainWorld
	made map[any]any
}

func (w indexedWorld) Index(key any, build func() any) any {
	if v, ok := w.made[key]; ok {
		return v
	}
	v := build()
	w.made[key] = v
	return v
}

// TestLabelIndex asks the same of many objects with and without an index.
func TestLabelIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		switch r.IntN(12) {
		case 0:
			return `{"$unknown":["var.x"]}`
		case 1:
			return "1"
		}
		return fmt.Sprintf("%q", string(rune('a'+r.IntN(3))))
	}
	labels := func() string {
		switch r.IntN(8) {
		case 0:
			return "{}"
		case 1:
			return fmt.Sprintf(`{"x":%s}`, text())
		case 2:
			return `{"$unknown":["var.labels"]}`
		}
		return fmt.Sprintf(`{"x":%s,"y":%s}`, text(), text())
	}
	selector := func() string {
		switch r.IntN(8) {
		case 0:
			return labels()
		case 1:
			return fmt.Sprintf(`{"matchExpressions":[{"key":"x","operator":"In","values":[%s,%s]}]}`, text(), text())
		case 2:
			return fmt.Sprintf(`{"matchLabels":{"x":%s},"matchExpressions":[{"key":"y","operator":"Exists"}]}`, text())
		case 3:
			return `{}`
		}
		return fmt.Sprintf(`{"matchLabels":%s}`, labels())
	}
	object := func() plinth.Value {
		return decode(t, fmt.Sprintf(`{"n":%s,"S":%s,"L":%s}`, text(), selector(), labels()))
	}
	for range 40 {
		world := plainWorld{}
		for range 40 {
			world.all = append(world.all, object())
		}
		for _, src := range []string{
			`resources('T').exists(x, selects(x.S, p.L))`,
			`resources('T').exists(x, selects(p.S, x.L))`,
			`resources('T').exists(x, x.n == p.n && selects(x.S, p.L) && x.?L.?y.hasValue())`,
			`resources('T').exists(x, x.n == p.n && selects(p.S, x.L) && x.?L.?y.hasValue())`,
		} {
			program, err := Compile(src, NewEnv("p"))
			if err != nil {
				t.Fatal(err)
			}
			indexed := indexedWorld{world, map[any]any{}}
			for range 20 {
				vars := []plinth.Value{object()}
				want, got := program.Eval(&Scope{Vars: vars, World: world}), program.Eval(&Scope{Vars: vars, World: indexed})
				if want.Truth != got.Truth || (want.Err == nil) != (got.Err == nil) {
					t.Fatalf("%s on %s: %v with the index, want %v", src, vars[0], got, want)
				}
			}
		}
	}
}
