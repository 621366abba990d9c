package attack

import (
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam/account"
)

type last struct {
	graph.Sink
	when plinth.Condition
}

func (l *last) Relation(r plinth.Relation) { l.when = r.When }

// TestApart shows that what lies in two roots of unknown accounts is joined under a condition only.
func TestApart(t *testing.T) {
	role := func(id plinth.ID) *plinth.Resource {
		return &plinth.Resource{ID: id, Type: "AWS::IAM::Role", Decl: &plinth.Declaration{Address: string(id)}, Props: plinth.MapOf(nil)}
	}
	list := []*plinth.Resource{role("tf:a#r"), role("tf:a#s"), role("tf:b#r")}
	e, err := account.New(graph.New(list))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		to    plinth.ID
		terms int
	}{{"tf:a#s", 0}, {"tf:b#r", 1}, {"tf:b#r#taken", 1}, {"aws:{account}:admin", 0}} {
		to := &last{}
		newApart(to, e, list).Relation(plinth.Relation{From: "tf:a#r", To: tc.to})
		if len(to.when) != tc.terms {
			t.Errorf("to %s: %v", tc.to, to.when)
		}
	}
}
