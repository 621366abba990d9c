package rego

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/plinthsec/plinth"
)

// FuzzManifest: no template, constraint or suite panics.
func FuzzManifest(f *testing.F) {
	f.Add("apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nspec:\n  crd: {spec: {names: {kind: A}}}\n  targets: [{rego: \"package a\\nviolation[{\\\"msg\\\": 1}] { true }\"}]\n---\napiVersion: constraints.gatekeeper.sh/v1\nkind: A\nspec: {match: {kinds: [1], labelSelector: {matchExpressions: [{key: 1}]}}}\n")
	f.Add("apiVersion: test.gatekeeper.sh/v1\nkind: Suite\ntests: [{cases: [{object: 1}]}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		p := &Pack{}
		p.manifest(source{"a.yaml", []byte(text + "\n# gatekeeper.sh/")})
		docs, _ := documents(source{"a.yaml", []byte(text)})
		for _, d := range docs {
			for _, c := range p.Constraints() {
				if _, err := p.Review(t.Context(), c, &Review{Object: d.value, Inventory: NewInventory([]any{d.value})}); err != nil {
					t.Log(err)
				}
			}
			s := suite{file: "none/a.yaml", out: &Outcome{}}
			if err := s.run(t.Context(), d.value); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzPolicy: no policy panics, whatever version it is in.
func FuzzPolicy(f *testing.F) {
	f.Add("package main\n\ndeny[msg] { msg := input.a }\n", "x")
	f.Add("package plinth\n\nimport rego.v1\n\n# METADATA\n# title: a\n# custom: {severity: low, id: 1}\nwarn_a contains {\"msg\": input.a} if true\n", "y")
	f.Fuzz(func(t *testing.T, text, input string) {
		m, _ := parse("p.rego", text, Auto)
		if m == nil {
			return
		}
		modules := map[string]*ast.Module{"p.rego": m}
		prog, faults := newProgram(modules, map[string]any{})
		if faults != nil {
			return
		}
		p := &Pack{program: prog, rules: judges(modules)}
		for _, of := range []string{Documents, Resources} {
			p.Run(t.Context(), of, Plain(plinth.StringOf(input), Nothing))
		}
	})
}
