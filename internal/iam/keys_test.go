package iam

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKeysDecide(t *testing.T) {
	own := allow("s3:*", "arn:aws:s3:::home/${aws:username}/*", "")
	org := allow("s3:*", "*", `"Principal":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"},"Bool":{"aws:SecureTransport":"true"}}`)
	tests := []struct{ name, who, identity, resource, want string }{
		{"a user's own folder", nils, own, "", "always"},
		{"a session has no user name", session, own, "", "never"},
		{"an organization", nils, "", org, "Bool aws:SecureTransport true and StringEquals aws:PrincipalOrgID o-1"},
		{"nobody is in no organization", "anonymous", "", org, "never"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCompiler(testServices(t))
			p := &Policies{}
			if tt.identity != "" {
				p.Identity = compile(t, c, tt.identity)
			}
			if tt.resource != "" {
				p.Resource = compile(t, c, tt.resource)[0]
			}
			who, _ := ParsePrincipal(tt.who)
			a := Decide(&Request{Principal: who, Action: c.Services().Action("s3:GetObject"), Resource: "arn:aws:s3:::home/nils/x", Account: "100000000001", Context: Open(who.Keys())}, p)
			if got := a.When.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := a.When.Without(func(l Literal) bool { return l.Chosen() }).String(); tt.name == "an organization" && got != "StringEquals aws:PrincipalOrgID o-1" {
				t.Errorf("without what the caller chooses: %s", got)
			}
		})
	}
}

func TestStatement(t *testing.T) {
	c := NewCompiler(testServices(t))
	s := compile(t, c, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotPrincipal":{"AWS":["*","100000000001"],"Service":"x.amazonaws.com","Federated":"f","CanonicalUser":"c"},
		"NotAction":"iam:*","NotResource":["a","b"],"Condition":{"StringLike":{"k":["v","w*"]}}}}`)[0].Statements[0]
	names, not := s.Named()
	texts, but := s.Patterns()
	got := []any{names, not, texts, but, s.Has(c.Services().Action("iam:GetUser")), s.Has(c.Services().Action("s3:GetObject")), s.Conditions()[0].String()}
	want := []any{[]string{"AWS:*", "AWS:100000000001", "CanonicalUser:c", "Federated:f", "Service:x.amazonaws.com"}, true, []string{"a", "b"}, true, false, true, "StringLike k v|w*"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
