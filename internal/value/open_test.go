package value_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

func object(pairs map[string]plinth.Value) plinth.Value {
	var fields []plinth.Field
	for k, v := range pairs {
		fields = append(fields, plinth.Field{Key: k, Value: v})
	}
	return plinth.MapOf(fields)
}

func TestEither(t *testing.T) {
	one, two := plinth.NumberOf(1), plinth.NumberOf(2)
	for _, c := range []struct {
		name string
		a, b plinth.Value
		want string
	}{
		{"equal", one, one, "1"},
		{"different", one, two, "<unknown: why>"},
		{
			"maps", object(map[string]plinth.Value{"a": one, "b": one}), object(map[string]plinth.Value{"a": one, "b": two, "c": two}),
			"{a: 1, b: <unknown: why>, c: <unknown: why>}",
		},
		{"lists", plinth.ListOf([]plinth.Value{one, two}), plinth.ListOf([]plinth.Value{one, one}), "[1, <unknown: why>]"},
		{"lengths", plinth.ListOf([]plinth.Value{one}), plinth.ListOf(nil), "<unknown: why>"},
		{"unknown", plinth.UnknownOf("x"), plinth.UnknownOf("x"), "<unknown: why>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := value.Either(c.a, c.b, []string{"why"}).String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	ref := plinth.Ref{To: "a", Attr: "b"}
	got := value.Open("nothing", plinth.UnknownOf("x").WithRefs(ref), plinth.ListOf([]plinth.Value{plinth.UnknownOf("y"), plinth.UnknownOf("x")}),
		plinth.StringOf("s").WithSensitive(true))
	if diff := cmp.Diff([]string{"x", "y"}, got.Why()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]plinth.Ref{ref}, got.Refs()); diff != "" {
		t.Error(diff)
	}
	if !got.Sensitive() {
		t.Error("the secret is lost")
	}
	if why := value.Open("nothing", plinth.NumberOf(1)).Why(); len(why) != 1 || why[0] != "nothing" {
		t.Errorf("without an unknown: %v", why)
	}
}
