package policy

import (
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// versioned is a world of one version and nothing else.
type versioned struct{ minor plinth.Value }

func (versioned) Linked(plinth.Value, string, Direction) []plinth.Value { return nil }
func (versioned) All(string) []plinth.Value                             { return nil }
func (v versioned) PodSecurity() plinth.Value                           { return v.minor }

func TestPodSecurityVersion(t *testing.T) {
	p, err := Compile("psa() >= 25", NewEnv("p"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		world World
		want  value.Truth
	}{
		{nil, value.True},
		{versioned{plinth.NumberOf(24)}, value.False},
		{versioned{plinth.NumberOf(25)}, value.True},
		{versioned{plinth.UnknownOf("var.version")}, value.Undecided},
	} {
		if got := p.Eval(&Scope{Vars: make([]plinth.Value, 1), World: c.world}); got.Truth != c.want || got.Err != nil {
			t.Errorf("in %v: %v", c.world, got)
		}
	}
	if _, err := Compile("psa(1) > 2", NewEnv("p")); err == nil {
		t.Error("psa takes no argument")
	}
}
