package iam

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/plinthsec/plinth/internal/value"
)

// TestCanAgreesWithDecide compares the listed grants with the answers for single resources, and for contexts.
func TestCanAgreesWithDecide(t *testing.T) {
	compiler := NewCompiler(testServices(t))
	d := dice{rand.New(rand.NewPCG(19, 23))}
	several, conditional := 0, 0
	for i := range rounds(3_000) {
		c := d.question()
		c.Principal, c.ResourcePolicy, c.RCP, c.Endpoint = "arn:aws:iam::100000000001:user/maria", nil, nil, nil
		if c.Action == "sts:AssumeRole" || c.Action == "kms:Decrypt" {
			c.Action = "s3:GetObject"
		}
		q, p := c.build(t, compiler)
		if i%2 == 0 {
			q.Context = Open(nil)
		}
		grants := Can(q.Principal, q.Action, p, q.Context)
		if len(grants) > 1 {
			several++
		}
		for _, resource := range append(diceResources, "arn:aws:s3:::other/o", "arn:aws:s3:::shelf/olga/q.txt", "arn:aws:s3:::shelf/b/1.txt") {
			q.Resource = resource
			if q.Action.Everywhere() {
				q.Resource = "*"
			}
			var got Formula
			for _, g := range grants {
				got = got.Or(g.On(q.Resource))
			}
			want := Decide(q, p).When
			if len(want) > 0 && !want.Always() {
				conditional++
			}
			if len(want.Because()) > 0 || len(got.Because()) > 0 {
				continue
			}
			for range 4 {
				ctx := d.context()
				in := func(l *Leaf) value.Truth { return value.TruthOf(leafHolds(l, ctx, q.Resource)) }
				if a, b := got.Decide(in), want.Decide(in); a.Always() != b.Always() {
					text, _ := json.MarshalIndent(c, "", " ")
					t.Fatalf("case %d, %s: the grants say %v, Decide says %v\n%v\n%s", i, q.Resource, got, want, grants, text)
				}
			}
		}
	}
	if several == 0 || conditional == 0 {
		t.Errorf("%d cases with several grants, %d answers with conditions: the dice are dull", several, conditional)
	}
}
