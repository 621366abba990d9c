package iam

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

const (
	nils     = "arn:aws:iam::100000000001:user/nils"
	session  = "arn:aws:sts::100000000001:assumed-role/press/run"
	stranger = "arn:aws:iam::200000000002:user/ada"
	page     = "arn:aws:s3:::paper/2026/page.txt"
	letAll   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
)

// allow and deny write one policy; rest holds further elements.
func allow(action, resource, rest string) string { return one1("Allow", action, resource, rest) }
func deny(action, resource, rest string) string  { return one1("Deny", action, resource, rest) }

func one1(effect, action, resource, rest string) string {
	if rest != "" {
		rest = "," + rest
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Action":"` + action + `","Resource":"` + resource + `"` + rest + `}]}`
}

func compile(t testing.TB, c *Compiler, texts ...string) []*Policy {
	t.Helper()
	out := make([]*Policy, 0, len(texts))
	for _, text := range texts {
		p, problems := c.Compile("p", plinth.StringOf(text))
		for _, problem := range problems {
			t.Errorf("%s: %s", text, problem.Text)
		}
		out = append(out, p)
	}
	return out
}

func TestDecide(t *testing.T) {
	type policies struct {
		identity, boundary, session, endpoint []string
		resource                              string
		scp, rcp                              [][]string
	}
	tests := []struct {
		name, who, action, on, account string
		keys                           map[string][]string
		p                              policies
		want                           string // result, and for a denial the layers
	}{
		{"nothing", nils, "s3:GetObject", page, "", nil, policies{}, "ImplicitlyDenied identity resource"},
		{"star crosses slashes", nils, "s3:GetObject", page, "", nil, policies{identity: []string{allow("s3:G*t", "arn:aws:s3:::paper*", "")}}, "Allowed"},
		{
			"action without resource, policy with one", nils, "ec2:DescribeInstances", "arn:aws:ec2:eu-north-1:100000000001:instance/i-1", "", nil,
			policies{identity: []string{allow("ec2:*", "arn:aws:ec2:*:*:instance/*", "")}},
			"ImplicitlyDenied identity resource",
		},
		{"action without resource, star", nils, "ec2:DescribeInstances", "*", "", nil, policies{identity: []string{allow("ec2:Describe*", "*", "")}}, "Allowed"},
		{"some resource", nils, "s3:GetObject", "*", "", nil, policies{identity: []string{allow("s3:Get*", "arn:aws:s3:::paper/*", "")}}, "Allowed"},
		{
			"some resource, all of it denied", nils, "s3:GetObject", "arn:aws:s3:::paper/*", "", nil,
			policies{identity: []string{allow("s3:Get*", "arn:aws:s3:::paper/old/*", ""), deny("s3:*", "arn:aws:s3:::paper/old*", "")}},
			"ExplicitlyDenied identity",
		},
		{
			"some resource, a part denied", nils, "s3:GetObject", "arn:aws:s3:::paper/*", "", nil,
			policies{identity: []string{letAll, deny("s3:*", "arn:aws:s3:::paper/old/*", "")}},
			"Allowed",
		},
		{
			"some resource, all outside denied", nils, "s3:GetObject", "arn:aws:s3:::paper/*", "", nil,
			policies{identity: []string{letAll, `{"Statement":{"Effect":"Deny","Action":"s3:*","NotResource":"arn:aws:s3:::paper/new/*"}}`}},
			"Allowed",
		},
		{
			"some resource, boundary narrower", nils, "s3:GetObject", "arn:aws:s3:::*", "", nil,
			policies{identity: []string{letAll}, boundary: []string{allow("s3:*", "arn:aws:s3:::open/*", "")}},
			"Allowed",
		},
		{"empty boundary", nils, "s3:GetObject", page, "", nil, policies{identity: []string{letAll}, boundary: []string{}}, "ImplicitlyDenied boundary resource"},
		{
			"session policy limits a role that is named", session, "s3:GetObject", page, "", nil,
			policies{session: []string{allow("ec2:*", "*", "")}, resource: allow("s3:*", "*", `"Principal":{"AWS":"arn:aws:iam::100000000001:role/x/press"}`)},
			"ImplicitlyDenied identity session",
		},
		{
			"session policy does not limit a session that is named", session, "s3:GetObject", page, "", nil,
			policies{session: []string{allow("ec2:*", "*", "")}, resource: allow("s3:*", "*", `"Principal":{"AWS":"`+session+`"}`)},
			"Allowed",
		},
		{
			"session of another account with the role's name", "arn:aws:sts::200000000002:assumed-role/press/run", "s3:GetObject", page, "100000000001", nil,
			policies{identity: []string{letAll}, resource: allow("s3:*", "*", `"Principal":{"AWS":"arn:aws:iam::100000000001:role/press"}`)},
			"ImplicitlyDenied resource",
		},
		{
			"stranger, named, without permission of its own", stranger, "s3:GetObject", page, "100000000001", nil,
			policies{resource: allow("s3:*", "*", `"Principal":"*"`)},
			"ImplicitlyDenied identity",
		},
		{
			"stranger by account", stranger, "s3:GetObject", page, "100000000001", nil,
			policies{identity: []string{letAll}, resource: allow("s3:*", "*", `"Principal":{"AWS":"200000000002"}`)},
			"Allowed",
		},
		{"anonymous", "anonymous", "s3:GetObject", page, "100000000001", nil, policies{resource: allow("s3:*", "*", `"Principal":{"AWS":"*"}`)}, "Allowed"},
		{
			"anonymous is nobody's account", "anonymous", "s3:GetObject", page, "100000000001", nil,
			policies{resource: allow("s3:*", "*", `"Principal":{"AWS":"arn:aws:iam::100000000001:root"}`)},
			"ImplicitlyDenied resource",
		},
		{
			"service-linked role and SCP", "arn:aws:iam::100000000001:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX", "s3:GetObject", page, "", nil,
			policies{identity: []string{letAll}, scp: [][]string{{deny("*", "*", "")}}},
			"Allowed",
		},
		{
			"service is not limited by SCP", "logs.amazonaws.com", "s3:PutObject", page, "100000000001", nil,
			policies{resource: allow("s3:PutObject", "*", `"Principal":{"Service":"logs.amazonaws.com"}`), scp: [][]string{{}}},
			"Allowed",
		},
		{
			"RCP of a service that obeys them", nils, "s3:GetObject", page, "", nil,
			policies{identity: []string{letAll}, rcp: [][]string{{deny("s3:*", "*", `"Principal":"*"`)}}},
			"ExplicitlyDenied rcp",
		},
		{
			"RCP of a service that does not", nils, "ec2:RunInstances", "arn:aws:ec2:eu-north-1:100000000001:instance/*", "", nil,
			policies{identity: []string{letAll}, rcp: [][]string{{deny("*", "*", `"Principal":"*"`)}}},
			"Allowed",
		},
		{
			"endpoint lets somebody else", nils, "s3:GetObject", page, "", nil,
			policies{identity: []string{letAll}, endpoint: []string{allow("*", "*", `"Principal":{"AWS":"`+stranger+`"}`)}},
			"ImplicitlyDenied resource endpoint",
		},
		{"key without policy", nils, "kms:Decrypt", "arn:aws:kms:eu-north-1:100000000001:key/k", "", nil, policies{identity: []string{letAll}}, "ImplicitlyDenied resource"},
		{"listing keys needs no key policy", nils, "kms:ListKeys", "*", "", nil, policies{identity: []string{letAll}}, "Allowed"},
		{
			"trust names the account", nils, "sts:AssumeRole", "arn:aws:iam::100000000001:role/press", "", nil,
			policies{resource: `{"Statement":{"Effect":"Allow","Principal":{"AWS":"100000000001"},"Action":"sts:AssumeRole"}}`},
			"ImplicitlyDenied identity",
		},
		{
			"web identity", "arn:aws:iam::100000000001:oidc-provider/token.example.net", "sts:AssumeRoleWithWebIdentity", "arn:aws:iam::100000000001:role/press", "",
			map[string][]string{"token.example.net:sub": {"repo:us/app:ref:refs/heads/main"}},
			policies{resource: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::100000000001:oidc-provider/token.example.net"},
				"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.example.net:sub":"repo:us/app:*"}}}}`},
			"Allowed",
		},
		{"owner of the account", "arn:aws:iam::100000000001:root", "s3:GetObject", page, "", nil, policies{}, "Allowed"},
		{"owner of the account under an SCP", "arn:aws:iam::100000000001:root", "s3:GetObject", page, "", nil, policies{scp: [][]string{{deny("s3:*", "*", "")}}}, "ExplicitlyDenied scp"},
		{
			"variables are text in old policies", nils, "s3:GetObject", "arn:aws:s3:::home/nils", "",
			map[string][]string{"aws:username": {"nils"}},
			policies{identity: []string{`{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::home/${aws:username}"}}`}},
			"ImplicitlyDenied identity resource",
		},
		{"a variable's default", nils, "s3:GetObject", "arn:aws:s3:::home/guest", "", nil, policies{identity: []string{allow("s3:*", "arn:aws:s3:::home/${aws:PrincipalTag/home, 'guest'}", "")}}, "Allowed"},
		{
			"stars of a value are text", nils, "s3:GetObject", page, "",
			map[string][]string{"aws:PrincipalTag/dir": {"*"}},
			policies{identity: []string{allow("s3:*", "arn:aws:s3:::paper/${aws:PrincipalTag/dir}", "")}},
			"ImplicitlyDenied identity resource",
		},
		{
			"a negated operator with a variable that has no value", nils, "s3:GetObject", page, "",
			map[string][]string{"aws:username": {"nils"}},
			policies{identity: []string{allow("s3:*", "*", `"Condition":{"StringNotEquals":{"aws:username":"${aws:PrincipalTag/none}"}}`)}},
			"Allowed",
		},
		{
			"address of the other family", nils, "s3:GetObject", page, "",
			map[string][]string{"aws:SourceIp": {"2001:db8::1"}},
			policies{identity: []string{allow("s3:*", "*", `"Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`)}},
			"ImplicitlyDenied identity resource",
		},
		{
			"date", nils, "s3:GetObject", page, "",
			map[string][]string{"aws:CurrentTime": {"2026-11-25T10:00:00Z"}},
			policies{identity: []string{allow("s3:*", "*", `"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2026-11-25"},"DateLessThanEquals":{"aws:CurrentTime":"2026-11-25T11:00:00+01:00"}}`)}},
			"Allowed",
		},
		{"null", nils, "s3:GetObject", page, "", nil, policies{identity: []string{allow("s3:*", "*", `"Condition":{"Null":{"aws:TokenIssueTime":"true"}}`)}}, "Allowed"},
		{
			"keys are compared without case", nils, "s3:GetObject", page, "",
			map[string][]string{"AWS:principaltag/Team": {"x"}},
			policies{identity: []string{allow("s3:*", "*", `"Condition":{"StringEquals":{"aws:PrincipalTag/team":"x"}}`)}},
			"Allowed",
		},
		{
			"not principal lists the account only", nils, "s3:GetObject", page, "", nil,
			policies{identity: []string{letAll}, resource: deny("s3:*", "*", `"NotPrincipal":{"AWS":"100000000001"}`)},
			"ExplicitlyDenied resource",
		},
		{
			"not principal lists the role", session, "s3:GetObject", page, "", nil,
			policies{identity: []string{letAll}, resource: deny("s3:*", "*", `"NotPrincipal":{"AWS":"arn:aws:iam::100000000001:role/press"}`)},
			"Allowed",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCompiler(testServices(t))
			list := func(of []string) []*Policy {
				if of == nil {
					return nil
				}
				return compile(t, c, of...)
			}
			p := &Policies{Identity: list(tt.p.identity), Boundary: list(tt.p.boundary), Session: list(tt.p.session), Endpoint: list(tt.p.endpoint)}
			if tt.p.resource != "" {
				p.Resource = compile(t, c, tt.p.resource)[0]
			}
			for _, level := range tt.p.scp {
				p.SCP = append(p.SCP, compile(t, c, level...))
			}
			for _, level := range tt.p.rcp {
				p.RCP = append(p.RCP, compile(t, c, level...))
			}
			who, ok := ParsePrincipal(tt.who)
			if !ok {
				t.Fatal("no principal")
			}
			a := Decide(&Request{Principal: who, Action: c.Services().Action(tt.action), Resource: tt.on, Account: tt.account, Context: Strict(tt.keys)}, p)
			got := a.Result.String()
			for _, l := range a.Blocked {
				got += " " + l.String()
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if a.Result == Allowed != a.When.Always() {
				t.Errorf("result %s, when %s", a.Result, a.When)
			}
		})
	}
}

func TestSymbolic(t *testing.T) {
	tests := []struct {
		name     string
		identity []string
		keys     map[string][]string
		want     string
	}{
		{"allow", []string{allow("s3:*", "*", `"Condition":{"StringEquals":{"aws:PrincipalTag/t":["a","b"]}}`)}, nil, "StringEquals aws:PrincipalTag/t a|b"},
		{
			"deny with two keys",
			[]string{letAll, deny("s3:*", "*", `"Condition":{"Bool":{"aws:SecureTransport":"false"},"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}`)},
			nil,
			"not Bool aws:SecureTransport false or not StringNotEquals aws:SourceVpc vpc-1",
		},
		{"deny of what is let", []string{allow("s3:*", "*", `"Condition":{"StringEquals":{"aws:PrincipalTag/t":"a"}}`), deny("s3:*", "*", `"Condition":{"StringEquals":{"aws:PrincipalTag/t":"a"}}`)}, nil, "never"},
		{"two values of one key", []string{allow("s3:*", "*", `"Condition":{"StringEquals":{"aws:PrincipalTag/t":"a"}}`), deny("s3:*", "*", `"Condition":{"StringNotEquals":{"aws:PrincipalTag/t":"b"}}`)}, nil, "never"},
		{"absorption", []string{allow("s3:*", "*", `"Condition":{"Bool":{"k":"true"}}`), allow("s3:Get*", "*", `"Condition":{"Bool":{"k":"true"},"Null":{"n":"true"}}`)}, nil, "Bool k true"},
		{"a key that is known to be absent", []string{allow("s3:*", "*", `"Condition":{"Null":{"aws:TokenIssueTime":"true"},"Bool":{"k":"true"}}`)}, map[string][]string{"aws:TokenIssueTime": {}}, "Bool k true"},
		{"variable in a resource", []string{allow("s3:*", "arn:aws:s3:::paper/${aws:PrincipalTag/year}/*", "")}, nil, "ResourceLike aws:principaltag/year arn:aws:s3:::paper/${aws:PrincipalTag/year}/*"},
		{"variable in a resource that cannot be", []string{allow("s3:*", "arn:aws:s3:::other/${aws:PrincipalTag/year}/*", "")}, nil, "never"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCompiler(testServices(t))
			who, _ := ParsePrincipal(nils)
			a := Decide(&Request{Principal: who, Action: c.Services().Action("s3:GetObject"), Resource: page, Context: Open(tt.keys)}, &Policies{Identity: compile(t, c, tt.identity...)})
			if got := a.When.String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestHoles leaves parts of a policy unknown.
func TestHoles(t *testing.T) {
	hole := plinth.UnknownOf("aws_s3_bucket.b.arn")
	field := func(k string, v plinth.Value) plinth.Field { return plinth.Field{Key: k, Value: v} }
	statement := func(effect string, fields ...plinth.Field) plinth.Value {
		return plinth.MapOf(append([]plinth.Field{field("Effect", plinth.StringOf(effect)), field("Action", plinth.StringOf("s3:*"))}, fields...))
	}
	star := field("Resource", plinth.StringOf("*"))
	doc := func(list ...plinth.Value) plinth.Value {
		return plinth.MapOf([]plinth.Field{field("Version", plinth.StringOf("2012-10-17")), field("Statement", plinth.ListOf(list))})
	}
	tests := []struct {
		name string
		doc  plinth.Value
		want string
		open []string
	}{
		{"resource", doc(statement("Allow", field("Resource", hole))), "unknown aws_s3_bucket.b.arn", nil},
		{"one of two resources", doc(statement("Allow", field("Resource", plinth.ListOf([]plinth.Value{hole, plinth.StringOf("*")})))), "always", nil},
		{"denied resource", doc(statement("Allow", star), statement("Deny", field("Resource", hole))), "unknown aws_s3_bucket.b.arn", nil},
		{"statement", doc(statement("Allow", star), plinth.UnknownOf("var.more")), "always", []string{"var.more"}},
		{"effect", doc(plinth.MapOf([]plinth.Field{field("Effect", plinth.UnknownOf("var.e")), field("Action", plinth.StringOf("*")), star})), "never", []string{"var.e"}},
		{"document", plinth.UnknownOf("file(\"p\")"), "never", []string{"file(\"p\")"}},
		{"document as text with holes", plinth.UnknownOf("local.p").WithDocument(doc(statement("Allow", star))), "always", nil},
		{
			"condition value", doc(statement("Allow", star, field("Condition", plinth.MapOf([]plinth.Field{field("ArnLike", plinth.MapOf([]plinth.Field{field("aws:SourceArn", hole)}))})))),
			"ArnLike aws:SourceArn {aws_s3_bucket.b.arn}", nil,
		},
		{"condition block", doc(statement("Allow", star, field("Condition", plinth.UnknownOf("var.c")))), "unknown var.c", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCompiler(testServices(t))
			p, problems := c.Compile("p", tt.doc)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			who, _ := ParsePrincipal(nils)
			a := Decide(&Request{Principal: who, Action: c.Services().Action("s3:GetObject"), Resource: page, Context: Open(nil)}, &Policies{Identity: []*Policy{p}})
			if got := a.When.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if diff := cmp.Diff(tt.open, a.Open); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("resolved", func(t *testing.T) {
		c := NewCompiler(testServices(t))
		c.Resolve = func(v plinth.Value) (string, bool) {
			return "arn:aws:s3:::paper/*", slices.Contains(v.Why(), "aws_s3_bucket.b.arn")
		}
		p, _ := c.Compile("p", doc(statement("Allow", field("Resource", hole))))
		who, _ := ParsePrincipal(nils)
		if a := Decide(&Request{Principal: who, Action: c.Services().Action("s3:GetObject"), Resource: page}, &Policies{Identity: []*Policy{p}}); a.Result != Allowed {
			t.Errorf("got %s", a.Result)
		}
	})
}

func TestBucket(t *testing.T) {
	star := allow("s3:*", "*", `"Principal":"*"`)
	old := Fact("the bucket is older than April 2023")
	tests := []struct {
		name, who, action, resource string
		b                           Bucket
		want                        string
	}{
		{"public policy", "anonymous", "s3:GetObject", star, Bucket{}, "always"},
		{"restricted", "anonymous", "s3:GetObject", star, Bucket{Restrict: Always()}, "never"},
		{"restricted, own account", nils, "s3:GetObject", star, Bucket{Restrict: Always()}, "always"},
		{"restricted, a service", "logs.amazonaws.com", "s3:PutObject", star, Bucket{Restrict: Always()}, "always"},
		{"restricted if young", "anonymous", "s3:GetObject", star, Bucket{Restrict: If(old).Not()}, "the bucket is older than April 2023"},
		{
			"a policy that is not public", "arn:aws:iam::200000000002:user/ada", "s3:GetObject", allow("s3:*", "*", `"Principal":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`),
			Bucket{Restrict: Always()},
			"StringEquals aws:PrincipalOrgID o-1",
		},
		{"list by ACL", "anonymous", "s3:ListBucket", "", Bucket{ACL: []Grantee{{"AllUsers", "READ", false}}}, "always"},
		{"the bucket's ACL opens no object", "anonymous", "s3:GetObject", "", Bucket{ACL: []Grantee{{"AllUsers", "READ", false}}}, "never"},
		{"read by ACL", "anonymous", "s3:GetObject", "", Bucket{ACL: []Grantee{{"AllUsers", "FULL_CONTROL", true}}}, "always"},
		{"ACL ignored", "anonymous", "s3:GetObject", "", Bucket{ACL: []Grantee{{"AllUsers", "READ", true}}, IgnoreACLs: Always()}, "never"},
		{"ACL without effect", "anonymous", "s3:GetObject", "", Bucket{ACL: []Grantee{{"AllUsers", "READ", true}}, Enforced: Always()}, "never"},
		{"signed in", "anonymous", "s3:GetObject", "", Bucket{ACL: []Grantee{{"AuthenticatedUsers", "READ", true}}}, "never"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCompiler(testServices(t))
			p := &Policies{Bucket: &tt.b}
			if tt.resource != "" {
				p.Resource = compile(t, c, tt.resource)[0]
			}
			who, _ := ParsePrincipal(tt.who)
			if who.Account == "200000000002" {
				p.Identity = compile(t, c, letAll)
			}
			a := Decide(&Request{Principal: who, Action: c.Services().Action(tt.action), Resource: page, Account: "100000000001", Context: Open(nil)}, p)
			if got := a.When.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestCan(t *testing.T) {
	tests := []struct {
		name, action       string
		identity, boundary []string
		scp                []string
		want               []string
	}{
		{
			"two statements", "iam:PassRole",
			[]string{allow("iam:*", "arn:aws:iam::1*:role/a*", ""), allow("iam:PassRole", "arn:aws:iam::1*:role/b", `"Condition":{"Bool":{"k":"true"}}`)},
			nil, nil,
			[]string{"arn:aws:iam::1*:role/a*", "arn:aws:iam::1*:role/b if Bool k true"},
		},
		{"the broader one tells it all", "s3:GetObject", []string{allow("s3:*", "arn:aws:s3:::x/*", ""), letAll}, nil, nil, []string{"*"}},
		{"deny takes a part", "s3:GetObject", []string{letAll, deny("s3:*", "arn:aws:s3:::secret/*", "")}, nil, nil, []string{"* without arn:aws:s3:::secret/*"}},
		{"deny takes all", "s3:GetObject", []string{allow("s3:*", "arn:aws:s3:::secret/x", ""), deny("s3:*", "arn:aws:s3:::secret/*", "")}, nil, nil, nil},
		{"boundary", "s3:GetObject", []string{allow("s3:*", "arn:aws:s3:::a*", "")}, []string{allow("s3:Get*", "arn:aws:s3:::*/x", "")}, nil, []string{"arn:aws:s3:::*/x and arn:aws:s3:::a*"}},
		{"boundary elsewhere", "s3:GetObject", []string{allow("s3:*", "arn:aws:s3:::a*", "")}, []string{allow("s3:Get*", "arn:aws:s3:::b*", "")}, nil, nil},
		{
			"organization", "s3:GetObject",
			[]string{letAll},
			nil,
			[]string{letAll, deny("*", "*", `"Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-north-1"}}`)},
			[]string{"* if not StringNotEquals aws:RequestedRegion eu-north-1"},
		},
		{"all but", "s3:GetObject", []string{`{"Statement":{"Effect":"Allow","NotAction":"iam:*","NotResource":"arn:aws:s3:::secret/*"}}`}, nil, nil, []string{"* without arn:aws:s3:::secret/*"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCompiler(testServices(t))
			who, _ := ParsePrincipal(nils)
			p := &Policies{Identity: compile(t, c, tt.identity...)}
			if tt.boundary != nil {
				p.Boundary = compile(t, c, tt.boundary...)
			}
			if tt.scp != nil {
				p.SCP = [][]*Policy{compile(t, c, tt.scp...)}
			}
			var got []string
			for _, g := range Can(who, c.Services().Action(tt.action), p, Open(nil)) {
				got = append(got, g.String())
				if len(g.By) == 0 {
					t.Errorf("%s has no proof", g.String())
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAdmin(t *testing.T) {
	c := NewCompiler(testServices(t))
	who, _ := ParsePrincipal(nils)
	managed, ok := Managed("arn:aws-cn:iam::aws:policy/AdministratorAccess")
	if !ok {
		t.Fatal("AdministratorAccess is not embedded")
	}
	admin, _ := c.Compile("AdministratorAccess", managed)
	tests := []struct {
		name string
		of   []*Policy
		want string
	}{
		{"by the managed policy", []*Policy{admin}, "always"},
		{"behind a Deny", append(compile(t, c, deny("iam:*", "*", "")), admin), "never"},
		{
			"behind a Deny that asks for MFA", append(compile(t, c, deny("*", "*", `"Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`)), admin),
			"not BoolIfExists aws:MultiFactorAuthPresent false",
		},
		{"split", compile(t, c, allow("iam:*", "*", ""), `{"Statement":{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}}`), "always"},
		{"all but identities", compile(t, c, `{"Statement":{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}}`), "never"},
		{"everything in one account", compile(t, c, allow("*", "arn:aws:*:*:100000000001:*", "")), "never"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			when, by := Admin(c.Services(), who, &Policies{Identity: tt.of}, Open(nil))
			if got := when.String(); got != tt.want || when.Never() != (len(by) == 0) {
				t.Errorf("got %s, want %s, proof %v", got, tt.want, by)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	tests := []struct{ doc, want string }{
		{`{"Statement":`, "the document is no JSON"},
		{`[1]`, "the document is a list"},
		{`{"Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]}`, "no Effect Allow or Deny"},
		{`{"Statement":[{"Effect":"Allow","Resource":"*"}]}`, "no Action and no NotAction"},
		{`{"Statement":[{"Effect":"Allow","Action":"*","Resource":[]}]}`, "names nothing"},
		{`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringSame":{"k":"v"}}}]}`, `there is no condition operator "StringSame"`},
		{`{"Statement":[7]}`, "a statement is a number"},
	}
	c := NewCompiler(testServices(t))
	for _, tt := range tests {
		_, problems := c.Compile("p", plinth.StringOf(tt.doc))
		if len(problems) != 1 || !strings.Contains(problems[0].Text, tt.want) {
			t.Errorf("%s: got %v, want %q", tt.doc, problems, tt.want)
		}
	}
}

func TestServices(t *testing.T) {
	s := testServices(t)
	a := s.Action(" S3:getobject")
	if a.String() != "s3:GetObject" || a.Level() != "r" || a.Resources()["object"] != "arn:${Partition}:s3:::${BucketName}/${ObjectName}" || a.Everywhere() {
		t.Errorf("s3:GetObject is %v, level %s, on %v", a, a.Level(), a.Resources())
	}
	if keys := s.Action("iam:PassRole").Keys(); !slices.Contains(keys, "iam:PassedToService") {
		t.Errorf("iam:PassRole carries %v", keys)
	}
	if got := s.Actions("sts:assumeR*"); !slices.Equal(got, []string{"sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoot"}) {
		t.Errorf("got %v", got)
	}
	if n := s.Count(); n < 20_000 {
		t.Errorf("%d actions", n)
	}
	if a := s.Action("nobody:Knows"); a.Known() || a.Level() != "" || a.Resources() != nil || a.Keys() != nil || a.Needs() != nil {
		t.Errorf("an unknown action says %v", a)
	}
	if _, ok := Managed("arn:aws:iam::100000000001:policy/own"); ok {
		t.Error("a policy of one's own is no managed one")
	}
}

func TestGlob(t *testing.T) {
	tests := []struct {
		a, b             string
		covers, overlaps bool
	}{
		{"a*", "ab", true, true},
		{"a*", "*b", false, true},
		{"*", "?", true, true},
		{"?*", "*?", true, true},
		{"?", "*", false, true},
		{"a*c", "a?c", true, true},
		{"a?c", "a*c", false, true},
		{"ab*", "ac*", false, false},
		{"*x", "*y", false, false},
		{"*a*", "b?", false, true},
		{"?", "ä", true, true},
		{"a**b", "a*b", true, true},
		{"", "*", false, true},
		{"*", "", true, true},
	}
	for _, tt := range tests {
		a, b := ParsePattern(tt.a), ParsePattern(tt.b)
		if a.Covers(b) != tt.covers || a.Overlaps(b) != tt.overlaps || b.Overlaps(a) != tt.overlaps {
			t.Errorf("%s and %s: covers %v, overlaps %v", tt.a, tt.b, a.Covers(b), a.Overlaps(b))
		}
	}
}

// FuzzPolicy compiles any text and asks it things; nothing may panic, and a policy never lets more with a Deny of everything beside
// it.
func FuzzPolicy(f *testing.F) {
	f.Add(letAll, "s3:GetObject", page, nils)
	f.Add(deny("s3:*", "arn:aws:s3:::${aws:username}*?", `"Condition":{"ForAllValues:ArnLikeIfExists":{"a":["x","${b}"]},"NumericLessThan":{"n":"1e9"}}`), "s3:GetObject", "*", session)
	f.Add(`{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":7},"NotAction":[],"NotResource":"${*}${"}}`, "a:b", "arn:*", "x.amazonaws.com")
	services, err := LoadServices()
	if err != nil {
		f.Fatal(err)
	}
	no, _ := NewCompiler(services).Compile("no", plinth.StringOf(deny("*", "*", "")))
	f.Fuzz(func(t *testing.T, doc, action, resource, who string) {
		c := NewCompiler(services)
		p, _ := c.Compile("p", plinth.StringOf(doc))
		if v, err := value.ParseJSON(doc); err == nil {
			c.Compile("v", v)
		}
		principal, _ := ParsePrincipal(who)
		for _, in := range []*Context{nil, Strict(map[string][]string{"a": {"1", "x"}}), Open(nil)} {
			q := &Request{Principal: principal, Action: services.Action(action), Resource: resource, Context: in}
			a := Decide(q, &Policies{Identity: []*Policy{p}, Resource: p, Boundary: []*Policy{p}})
			if a.Result == Allowed == a.When.Never() {
				t.Errorf("%s, when %s", a.Result, a.When)
			}
			Can(principal, q.Action, &Policies{Identity: []*Policy{p}, SCP: [][]*Policy{{p}}}, in)
			if b := Decide(q, &Policies{Identity: []*Policy{p, no}, Resource: p}); principal.Kind == User && b.Result == Allowed {
				t.Error("allowed in spite of a Deny of everything")
			}
		}
	})
}
