package iam

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/plinthsec/plinth/internal/value"
)

// dice makes random cases from a small vocabulary, in which things meet often.
type dice struct{ *rand.Rand }

func (d dice) of(list ...string) string { return list[d.IntN(len(list))] }

func (d dice) some(most int, list ...string) []any {
	out := []any{}
	for range 1 + d.IntN(most) {
		out = append(out, d.of(list...))
	}
	return out
}

var (
	diceActions   = []string{"s3:GetObject", "s3:PutObject", "s3:ListAllMyBuckets", "kms:Decrypt", "sts:AssumeRole", "iam:PassRole", "made:Up"}
	dicePatterns  = []string{"*", "s3:*", "s3:Get*", "S3:getobject", "s3:*Object", "s3:?utObject", "kms:Decrypt", "sts:*", "sts:AssumeRole", "iam:*", "made:*", "*:*", "s*:*"}
	diceResources = []string{"arn:aws:s3:::shelf/a/b.txt", "arn:aws:s3:::shelf/maria/x", "arn:aws:kms:eu-north-1:100000000001:key/k1", "arn:aws:iam::100000000001:role/app", "arn:aws:iam::100000000001:role/team/app"}
	diceGlobs     = []string{
		"*", "arn:aws:s3:::shelf/*", "arn:aws:s3:::shelf/a/?.txt", "arn:aws:s3:::*.txt", "arn:aws:s3:::shelf/${aws:username}/*", "arn:aws:kms:*:*:key/*",
		"arn:aws:iam::*:role/*", "arn:aws:iam::100000000001:role/app", "arn:aws:s3:::shelf/${aws:PrincipalTag/dir, 'a'}/*", "arn:aws:s3:::other/*",
	}
	diceCallers = []string{
		"arn:aws:iam::100000000001:user/maria", "arn:aws:sts::100000000001:assumed-role/app/s1", "arn:aws:iam::200000000002:user/olga",
		"arn:aws:iam::100000000001:role/app", "anonymous", "lambda.amazonaws.com", "arn:aws:sts::100000000001:assumed-role/AWSServiceRoleForX/s",
	}
	diceNames = []string{
		"*", "arn:aws:iam::100000000001:user/maria", "arn:aws:iam::100000000001:root", "100000000001", "200000000002", "arn:aws:iam::100000000001:role/app",
		"arn:aws:sts::100000000001:assumed-role/app/s1", "arn:aws:iam::200000000002:user/olga", "arn:aws:iam::100000000001:role/team/app",
	}
	diceKeys = map[string][]string{
		"aws:username":         {"maria", "olga", "Maria"},
		"aws:PrincipalTag/dir": {"a", "b", "a*"},
		"aws:TagKeys":          {"env", "team", "cost"},
		"aws:SourceIp":         {"192.0.2.7", "198.51.100.9", "no address"},
		"aws:PrincipalArn":     {"arn:aws:iam::100000000001:user/maria", "arn:aws:iam::100000000001:role/app"},
		"aws:MultiFactorAge":   {"10", "300", "many"},
		"aws:CurrentTime":      {"2026-03-01T00:00:00Z", "1700000000"},
		"aws:SecureTransport":  {"true", "false"},
	}
	diceOperators = map[string][]string{
		"aws:username":         {"StringEquals", "StringNotEquals", "StringLike", "StringEqualsIgnoreCase", "StringNotLike", "StringNotEqualsIgnoreCase"},
		"aws:PrincipalTag/dir": {"StringEquals", "StringLike", "StringNotEquals"},
		"aws:TagKeys":          {"ForAllValues:StringEquals", "ForAnyValue:StringEquals", "ForAnyValue:StringNotEquals", "ForAllValues:StringNotLike", "ForAnyValue:StringLike"},
		"aws:SourceIp":         {"IpAddress", "NotIpAddress"},
		"aws:PrincipalArn":     {"ArnLike", "ArnNotLike", "ArnEquals", "StringLike"},
		"aws:MultiFactorAge":   {"NumericLessThan", "NumericGreaterThanEquals", "NumericEquals", "NumericNotEquals", "NumericLessThanEquals", "NumericGreaterThan"},
		"aws:CurrentTime":      {"DateLessThan", "DateGreaterThan", "DateEquals", "DateNotEquals"},
		"aws:SecureTransport":  {"Bool"},
	}
	diceWanted = map[string][]string{
		"aws:username":         {"maria", "m*", "${aws:PrincipalTag/dir}", "MARIA", "${*}aria", "${aws:username}"},
		"aws:PrincipalTag/dir": {"a", "?", "a${*}", "${aws:username}"},
		"aws:TagKeys":          {"env", "team", "t*"},
		"aws:SourceIp":         {"192.0.2.0/24", "0.0.0.0/0"},
		"aws:PrincipalArn":     {"arn:aws:iam::*:user/*", "arn:aws:iam::*", "arn:aws:iam::100000000001:role/${aws:PrincipalTag/dir}*", "*"},
		"aws:MultiFactorAge":   {"10", "100"},
		"aws:CurrentTime":      {"2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		"aws:SecureTransport":  {"true", "false"},
	}
)

func (d dice) key() string {
	keys := []string{"aws:username", "aws:PrincipalTag/dir", "aws:TagKeys", "aws:SourceIp", "aws:PrincipalArn", "aws:MultiFactorAge", "aws:CurrentTime", "aws:SecureTransport"}
	return keys[d.IntN(len(keys))]
}

func (d dice) conditions() object {
	out := object{}
	for range d.IntN(3) {
		key := d.key()
		op := d.of(diceOperators[key]...)
		if d.IntN(4) == 0 {
			op += "IfExists"
		}
		wanted := d.some(2, diceWanted[key]...)
		if d.IntN(8) == 0 {
			op, wanted = "Null", d.some(1, "true", "false")
		}
		if out[op] == nil {
			out[op] = object{}
		}
		out[op].(object)[key] = wanted
	}
	return out
}

func (d dice) principal() any {
	if d.IntN(5) == 0 {
		return "*"
	}
	out := object{"AWS": d.some(2, diceNames...)}
	if d.IntN(3) == 0 {
		out["Service"] = d.some(1, "lambda.amazonaws.com", "ec2.amazonaws.com")
	}
	return out
}

func (d dice) policy(named bool) any {
	doc := object{"Version": d.of("2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17")}
	list := []any{}
	for range 1 + d.IntN(3) {
		s := object{"Effect": d.of("Allow", "Allow", "Allow", "Deny")}
		s[d.of("Action", "Action", "Action", "NotAction")] = d.some(2, dicePatterns...)
		s[d.of("Resource", "Resource", "Resource", "NotResource")] = d.some(2, diceGlobs...)
		if named {
			s[d.of("Principal", "Principal", "Principal", "NotPrincipal")] = d.principal()
		}
		if c := d.conditions(); len(c) > 0 {
			s["Condition"] = c
		}
		list = append(list, s)
	}
	doc["Statement"] = list
	return doc
}

func (d dice) policies(most int, named bool) []any {
	out := []any{}
	for range d.IntN(most + 1) {
		out = append(out, d.policy(named))
	}
	return out
}

func (d dice) context() map[string][]string {
	out := map[string][]string{}
	for range d.IntN(6) {
		key := d.key()
		out[key] = []string{d.of(diceKeys[key]...)}
		if key == "aws:TagKeys" && d.IntN(2) == 0 {
			out[key] = append(out[key], d.of(diceKeys[key]...))
		}
	}
	return out
}

func (d dice) question() *refCase {
	c := &refCase{
		Principal: d.of(diceCallers...), Action: d.of(diceActions...), Resource: d.of(diceResources...), Account: "100000000001",
		Context: d.context(), Identity: d.policies(2, false),
	}
	if d.IntN(4) == 0 {
		c.Boundary = d.policies(1, false)
	}
	if d.IntN(4) == 0 {
		c.Session = d.policies(1, false)
	}
	if d.IntN(6) == 0 {
		c.Endpoint = d.policies(1, true)
	}
	if d.IntN(2) == 0 {
		c.ResourcePolicy = d.policy(true)
	}
	if d.IntN(4) == 0 {
		c.SCP = [][]any{d.policies(2, false), {object{"Version": "2012-10-17", "Statement": object{"Effect": "Allow", "Action": "*", "Resource": "*"}}}}
	}
	if d.IntN(6) == 0 {
		c.RCP = [][]any{d.policies(1, true)}
	}
	return c
}

func testServices(t testing.TB) *Services {
	t.Helper()
	s, err := LoadServices()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// build compiles a case. In place of the random values a JSON text goes the way of the product.
func (c *refCase) build(t testing.TB, compiler *Compiler) (*Request, *Policies) {
	t.Helper()
	one := func(name string, doc any) *Policy {
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		v, err := value.ParseJSON(string(text))
		if err != nil {
			t.Fatal(err)
		}
		p, problems := compiler.Compile(name, v)
		for _, problem := range problems {
			t.Errorf("%s: %s", text, problem.Text)
		}
		return p
	}
	list := func(name string, docs []any) []*Policy {
		if docs == nil {
			return nil
		}
		out := make([]*Policy, len(docs))
		for i := range docs {
			out[i] = one(name+strconv.Itoa(i), docs[i])
		}
		return out
	}
	p := &Policies{Identity: list("identity", c.Identity), Boundary: list("boundary", c.Boundary), Session: list("session", c.Session), Endpoint: list("endpoint", c.Endpoint)}
	if c.ResourcePolicy != nil {
		p.Resource = one("resource", c.ResourcePolicy)
	}
	for _, level := range c.SCP {
		p.SCP = append(p.SCP, list("scp", level))
	}
	for _, level := range c.RCP {
		p.RCP = append(p.RCP, list("rcp", level))
	}
	who, ok := ParsePrincipal(c.Principal)
	if !ok {
		t.Fatalf("no principal: %s", c.Principal)
	}
	return &Request{Principal: who, Action: compiler.Services().Action(c.Action), Resource: c.Resource, Account: c.Account, Context: Strict(c.Context)}, p
}

func rounds(small int) int {
	if n, err := strconv.Atoi(os.Getenv("PLINTH_ROUNDS")); err == nil {
		return n
	}
	return small
}

// TestAgainstReference holds Decide against the slow evaluator. PLINTH_ROUNDS sets the number of cases.
func TestAgainstReference(t *testing.T) {
	services := testServices(t)
	d := dice{rand.New(rand.NewPCG(7, 11))}
	compiler := NewCompiler(services)
	seen := map[string]int{}
	for i := range rounds(4_000) {
		c := d.question()
		q, p := c.build(t, compiler)
		got, want := Decide(q, p).Result.String(), reference(c, services)
		seen[want]++
		if got != want {
			text, _ := json.MarshalIndent(c, "", " ")
			t.Fatalf("case %d: got %s, the reference says %s\n%s", i, got, want, text)
		}
	}
	for _, r := range []string{"Allowed", "ImplicitlyDenied", "ExplicitlyDenied"} {
		if seen[r] == 0 {
			t.Errorf("no case was %s", r)
		}
	}
}

// TestDenyNeverAllows adds a Deny anywhere: what was denied stays denied.
func TestDenyNeverAllows(t *testing.T) {
	compiler := NewCompiler(testServices(t))
	d := dice{rand.New(rand.NewPCG(3, 5))}
	for i := range rounds(1_500) {
		c := d.question()
		q, p := c.build(t, compiler)
		before := Decide(q, p)
		deny := d.policy(true).(object)
		for _, s := range deny["Statement"].([]any) {
			s.(object)["Effect"] = "Deny"
		}
		more := *c
		switch d.IntN(3) {
		case 0:
			more.Identity = append(append([]any{}, c.Identity...), deny)
		case 1:
			more.SCP = append([][]any{}, c.SCP...)
			if len(more.SCP) > 0 {
				more.SCP[0] = append(append([]any{}, c.SCP[0]...), deny)
			}
		case 2:
			more.RCP = append(append([][]any{}, c.RCP...), []any{deny})
		}
		q, p = more.build(t, compiler)
		if after := Decide(q, p); before.Result != Allowed && after.Result == Allowed {
			t.Fatalf("case %d: %s became %s by a Deny", i, before.Result, after.Result)
		}
	}
}

// TestSymbolicAgreesWithStrict asks with an unknown context, and then tries contexts: what is left over holds in one exactly where
// the strict answer is Allowed.
func TestSymbolicAgreesWithStrict(t *testing.T) {
	compiler := NewCompiler(testServices(t))
	d := dice{rand.New(rand.NewPCG(13, 17))}
	open, undecided := 0, 0
	for i := range rounds(1_500) {
		c := d.question()
		q, p := c.build(t, compiler)
		q.Context = Open(nil)
		symbolic := Decide(q, p)
		if symbolic.Result == Allowed && !symbolic.When.Always() {
			open++
		}
		if len(symbolic.When.Because()) > 0 {
			undecided++
			continue // more than 64 alternatives
		}
		for range 4 {
			ctx := d.context()
			holds := symbolic.When.Decide(func(l *Leaf) value.Truth { return value.TruthOf(leafHolds(l, ctx, c.Resource)) })
			q.Context = Strict(ctx)
			if strict := Decide(q, p); holds.Always() != (strict.Result == Allowed) {
				text, _ := json.MarshalIndent(c, "", " ")
				t.Fatalf("case %d: %s left over is %v in %v, but strict says %s\n%s", i, symbolic.When, holds, ctx, strict.Result, text)
			}
		}
	}
	if open == 0 || undecided > open {
		t.Errorf("%d cases with conditions, %d undecided", open, undecided)
	}
}

// leafHolds evaluates a leaf as a policy of version 2012-10-17 would.
func leafHolds(l *Leaf, ctx map[string][]string, resource string) bool {
	if l.Op == "ResourceLike" {
		return refMatches(l.Values[0], resource, true, ctx)
	}
	wanted := make([]any, len(l.Values))
	for i, v := range l.Values {
		wanted[i] = v
	}
	return refCondition(l.Op, l.Key, wanted, true, ctx)
}
