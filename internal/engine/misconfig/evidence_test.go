package misconfig

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
)

// An element that an expression makes is decided where its entries come from; what was given as a whole is one place.
func TestWithin(t *testing.T) {
	at := func(line int32) plinth.Location {
		return plinth.Location{Path: "terraform.tfvars", Line: line, EndLine: line}
	}
	from := func(v plinth.Value, path string, line int32) plinth.Value {
		return v.WithOrigin(&plinth.Origin{At: plinth.Location{Path: "main.tf", Line: 9}, From: &plinth.Origin{Path: path, At: at(line)}})
	}
	rule := plinth.MapOf([]plinth.Field{
		{Key: "access", Value: from(plinth.StringOf("Allow"), "var.rules[0]", 3)},
		{Key: "port", Value: from(plinth.StringOf("22"), "var.rules[0].port", 5)},
		{Key: "source", Value: from(plinth.StringOf("*"), "var.source", 8)},
	})
	whole := at(3)
	whole.EndLine = 5
	want := []plinth.Step{{Note: "set by var.rules[0]", At: whole}, {Note: "set by var.source", At: at(8)}}
	if diff := cmp.Diff(want, within(rule)); diff != "" {
		t.Error(diff)
	}
}

// A rule about some element of a list tells which.
func TestPart(t *testing.T) {
	set := ruleSet(t, `on: core/Service
fail: "list(p.?spec.?statements).exists(s, s.?effect.orValue('') == 'Allow' && list(s.?action).exists(a, a == '*'))"
at: spec
`)
	res := resources(t, `
type: core/Service
address: s
props:
  spec:
    statements:
    - effect: Deny
      action: ["*"]
    - effect: Allow
      action: ["*"]
    - effect: Allow
      action: [get]
`)
	found, _, _ := check(t, set, res)
	if len(found) != 1 || len(found[0].Evidence) != 1 || found[0].Evidence[0].At.Line != 9 {
		t.Errorf("%+v", found)
	}
}
