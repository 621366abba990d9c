package attack

import (
	"slices"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam/account"
)

// lines writes down what is told.
type lines []string

func (l *lines) Node(n plinth.Node)     { *l = append(*l, string(n.ID)+" is "+n.Address) }
func (l *lines) Problem(plinth.Problem) {}

func (l *lines) Relation(r plinth.Relation) {
	line := string(r.From) + " -> " + string(r.To)
	for _, term := range r.When {
		line += " if " + term[0]
	}
	*l = append(*l, line)
}

// TestApart shows that what lies in two roots of unknown accounts is joined under a condition only, and that each root has an
// administrator of its own; with one root nothing changes.
func TestApart(t *testing.T) {
	role := func(id plinth.ID) *plinth.Resource {
		return &plinth.Resource{ID: id, Type: "AWS::IAM::Role", Decl: &plinth.Declaration{Address: string(id)}, Props: plinth.MapOf(nil)}
	}
	admin, root := plinth.AccountAdmin("{account}"), plinth.AccountRoot("{account}")
	for _, tc := range []struct {
		list []*plinth.Resource
		want []string
	}{
		{[]*plinth.Resource{role("tf:a#r"), role("tf:a#s"), role("tf:b#r")}, []string{
			"aws:{account}@tf:a:admin -> aws:{account}@tf:a:root", "aws:{account}@tf:a:admin is administrator of a", "aws:{account}@tf:b:admin -> tf:b#r",
			"aws:{account}@tf:b:admin is administrator of b", "tf:a#r -> aws:{account}@tf:a:admin", "tf:a#r -> aws:{account}@tf:a:root", "tf:a#r -> tf:a#s",
			"tf:a#r -> tf:b#r if tf:a#r and tf:b#r are in one account", "tf:a#r -> tf:b#r#taken if tf:a#r and tf:b#r are in one account",
		}},
		{[]*plinth.Resource{role("tf:a#r"), role("tf:a#s")}, []string{
			"aws:{account}:admin -> aws:{account}:root", "aws:{account}:admin -> tf:b#r", "aws:{account}:admin is administrator", "tf:a#r -> aws:{account}:admin", "tf:a#r -> aws:{account}:root",
			"tf:a#r -> tf:a#s", "tf:a#r -> tf:b#r", "tf:a#r -> tf:b#r#taken",
		}},
	} {
		e, err := account.New(graph.New(tc.list))
		if err != nil {
			t.Fatal(err)
		}
		var got lines
		a := newApart(&got, e, tc.list)
		for _, to := range []plinth.ID{"tf:a#s", "tf:b#r", "tf:b#r#taken", admin, root} {
			a.Relation(plinth.Relation{From: "tf:a#r", To: to})
		}
		a.Node(plinth.Node{ID: admin, Address: "administrator"})
		a.Relation(plinth.Relation{From: admin, To: root})
		a.Relation(plinth.Relation{From: admin, To: "tf:b#r"})
		a.flush()
		slices.Sort(got)
		if !slices.Equal(got, tc.want) {
			t.Errorf("got  %q\nwant %q", []string(got), tc.want)
		}
	}
}
