package misconfig

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/rule"
)

const head = `title: Wrong
why: w
fix: f
severity: high
`

const tail = "\nexamples: {bad: [{kubernetes: a}], good: [{kubernetes: a}]}\n"

// ruleSet makes a set of conditions; each is what follows the words for people.
func ruleSet(t testing.TB, conditions ...string) *rule.Set {
	t.Helper()
	fsys := fstest.MapFS{}
	for i, c := range conditions {
		id := fmt.Sprintf("test-rule-%d", i)
		fsys[id+".yaml"] = &fstest.MapFile{Data: []byte("id: " + id + "\n" + head + c + tail)}
	}
	s, err := rule.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Check(nil) {
		t.Fatal(rule.Faults{p})
	}
	return s
}

// resources reads YAML documents: type, address, props. !unknown why is an unknown.
func resources(t testing.TB, text string) []*plinth.Resource {
	t.Helper()
	var out []*plinth.Resource
	p := document.Parser{Tag: func(tag string, v plinth.Value) plinth.Value {
		why, attr, ref := strings.Cut(v.Str(), " ")
		if v = plinth.UnknownOf(why); ref {
			v = v.WithRefs(plinth.Ref{To: why, Attr: attr})
		}
		return v
	}}
	for _, problem := range p.Parse("code.yaml", []byte(text), func(d document.Document) {
		get := func(k string) plinth.Value { v, _ := d.Value.Get(k); return v }
		d.Decl.Address, d.Decl.Type = get("address").Str(), get("type").Str()
		out = append(out, &plinth.Resource{
			ID: plinth.ID("tf:#" + d.Decl.Address), Type: d.Decl.Type, Name: get("address").Str(), Decl: d.Decl, Props: get("props"),
			External: get("external").Bool(), Data: get("data").Bool(),
		})
	}) {
		t.Fatal(problem)
	}
	return out
}

func check(t testing.TB, s *rule.Set, list []*plinth.Resource) ([]plinth.Finding, []plinth.Problem, plinth.Coverage) {
	t.Helper()
	var mu sync.Mutex
	var findings []plinth.Finding
	var problems []plinth.Problem
	coverage, err := New(s).Check(context.Background(), graph.New(list), 2, func(f plinth.Finding) {
		mu.Lock()
		defer mu.Unlock()
		findings = append(findings, f)
	}, func(p plinth.Problem) {
		mu.Lock()
		defer mu.Unlock()
		problems = append(problems, p)
	})
	if err != nil {
		t.Fatal(err)
	}
	return findings, problems, coverage
}

// told renders findings and problems, sorted: verdict rule address line path: message (because) {evidence}.
func told(findings []plinth.Finding, problems []plinth.Problem) string {
	var out []string
	for _, f := range findings {
		s := fmt.Sprintf("%s %s %s %d %s: %s", f.Verdict, strings.TrimPrefix(f.Rule.ID, "test-rule-"), f.Decl.Address, f.At.Line, f.Path, f.Message)
		if len(f.Because) > 0 {
			s += " (" + strings.Join(f.Because, ", ") + ")"
		}
		for _, e := range f.Evidence {
			s += fmt.Sprintf(" {%s %d}", e.Note, e.At.Line)
		}
		out = append(out, s)
	}
	for _, p := range problems {
		out = append(out, fmt.Sprintf("%s %d: %s", p.Kind, p.At.Line, p.Text))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func TestCheck(t *testing.T) {
	for _, c := range []struct{ name, rules, code, want string }{
		{"set, absent, unknown and not asked", `on: T
when: "!p.?Skip.orValue(false)"
fail: "p.?A.?B.orValue('') != 'good'"
message: "B is {{A.B}} in {{src A.B}}"`, `
{type: T, address: good, props: {A: {B: good}}}
---
{type: T, address: skipped, props: {Skip: true}}
---
{type: U, address: other, props: {}}
---
type: T
address: bad
props:
  A:
    B: bad
---
type: T
address: absent
props: {}
---
type: T
address: half
props:
  A: {C: 1}
---
type: T
address: open
props:
  A:
    B: !unknown var.b
---
type: T
address: whenopen
props:
  Skip: !unknown var.skip
`, `fail 0 absent 14 A.B: Wrong: B is not set in A.B
fail 0 bad 12 A.B: Wrong: B is bad in props.A.B
fail 0 half 21 A.B: Wrong: B is not set in A.B
unknown 0 open 27 A.B: Wrong: B is unknown (var.b) in props.A.B (var.b)
unknown 0 whenopen 29 A.B: Wrong: B is not set in A.B (var.skip)`},
		{"elements", `on: T
each: Rules
fail: "opens(e, 22) && world(e)"
message: "{{CidrIp}} of {{r.address}}"`, `
type: T
address: a
props:
  Rules:
    - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}
    - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 10.0.0.0/8}
    - IpProtocol: tcp
      FromPort: 1
      ToPort: 99
      CidrIp: 0.0.0.0/0
      Description: words do not count
    - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}
    - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !unknown var.c}
---
type: T
address: open
props:
  Rules: !unknown var.rules
---
{type: T, address: none, props: {}}
`, `fail 0 a 13 Rules[tcp 22 0.0.0.0/0]#2: Wrong: 0.0.0.0/0 of a
fail 0 a 6 Rules[tcp 22 0.0.0.0/0]: Wrong: 0.0.0.0/0 of a
fail 0 a 8 Rules[tcp 1 0.0.0.0/0 99]: Wrong: 0.0.0.0/0 of a
unknown 0 a 14 Rules[tcp 22 ?]: Wrong: unknown (var.c) of a (var.c)
unknown 0 open 19 Rules: Wrong (var.rules)`},
		{"elements of elements", `on: T
each: A[].B
fail: e.bad`, `
type: T
address: a
props:
  A:
    - {B: [{bad: true, name: x}]}
    - {B: {bad: true, name: y}}
    - {}
    - !unknown var.more
`, `fail 0 a 6 A[].B[x].bad: Wrong: props.A[0].B[0].bad is true
fail 0 a 7 A[].B[y].bad: Wrong: props.A[1].B.bad is true
unknown 0 a 5 A[].B: Wrong (var.more)`},
		{"workloads", `on: workload
each: containers
fail: "c.?securityContext.?privileged.orValue(pod.?hostPID.orValue(false))"`, `
type: apps/Deployment
address: d
props:
  spec:
    template:
      spec:
        containers:
          - name: one
            securityContext: {privileged: true}
          - {name: two}
        initContainers:
          - name: three
            securityContext: {}
            image: x
---
type: batch/CronJob
address: c
props: {spec: {jobTemplate: {spec: {template: {spec: {hostPID: true, containers: [{name: one}]}}}}}}
---
{type: core/Pod, address: p, props: {spec: !unknown var.spec}}
---
{type: core/Service, address: s, props: {spec: {}}}
---
{type: core/Pod, address: empty, props: {}}
`, `fail 0 c 19 spec.jobTemplate.spec.template.spec.containers[one].securityContext.privileged: Wrong: securityContext.privileged is not set
fail 0 d 10 spec.template.spec.containers[one].securityContext.privileged: Wrong: props.spec.template.spec.containers[0].securityContext.privileged is true
unknown 0 p 21 : Wrong (var.spec)`},
		{"joins", `on: T
fail: "!related(p, 'U').exists(u, u.Good)"`, `
{type: T, address: a, props: {To: !unknown u.good id}}
---
{type: T, address: b, props: {To: !unknown u.bad id}}
---
{type: T, address: c, props: {}}
---
{type: U, address: u.good, props: {Good: true}}
---
{type: U, address: u.bad, props: {Good: false, Back: !unknown c id}}
`, `fail 0 b 4 : Wrong
fail 0 c 6 : Wrong`},
		{"what is not in the code", `on: T
fail: "p.?A.orValue('') == '' || p.?B.orValue(false)"`, `
{type: T, address: a, external: true, props: {}}
---
{type: T, address: d, data: true, props: {}}
`, `fail 0 a 2 A: Wrong: A is not set`},
		{"faults", `on: T
fail: "p.A.startsWith('x')"`, `
{type: T, address: a, props: {A: 1}}
---
{type: T, address: b, props: {}}
`, `broken 2: rule test-rule-0: a cannot be judged: startsWith: it is for strings
broken 4: rule test-rule-0: b cannot be judged: no such key: A`},
	} {
		t.Run(c.name, func(t *testing.T) {
			findings, problems, _ := check(t, ruleSet(t, c.rules), resources(t, c.code))
			if diff := cmp.Diff(c.want, told(findings, problems)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestPlace shows where a finding points when a part of the resource, a variable or nobody set the value.
func TestPlace(t *testing.T) {
	decl := func(address string, line int32) *plinth.Declaration {
		return &plinth.Declaration{Address: address, Header: plinth.Location{Path: "a.tf", Line: line}}
	}
	own, part := decl("bucket.b", 1), decl("versioning.v", 10)
	variable := &plinth.Origin{At: plinth.Location{Path: "b.tf", Line: 20}, Path: "var.status"}
	set := &plinth.Origin{At: plinth.Location{Path: "a.tf", Line: 12}, Path: "status", Decl: part, From: variable}
	standard := &plinth.Origin{Default: true, Decl: part}
	for _, c := range []struct {
		origin *plinth.Origin
		want   string
	}{
		{nil, "fail 0 bucket.b 1 A: Wrong"},
		{&plinth.Origin{At: plinth.Location{Line: 3}, Decl: own}, "fail 0 bucket.b 3 A: Wrong"},
		{set, "fail 0 versioning.v 12 A: Wrong: status is bad {part of bucket.b 1} {set by var.status 20}"},
		{standard, "fail 0 versioning.v 10 A: Wrong {part of bucket.b 1}"},
	} {
		props := plinth.MapOf([]plinth.Field{{Key: "A", Value: plinth.StringOf("bad").WithOrigin(c.origin)}})
		findings, _, coverage := check(t, ruleSet(t, "on: T\nfail: p.A == 'bad'"), []*plinth.Resource{{ID: "tf:#bucket.b", Type: "T", Decl: own, Props: props}})
		if got := told(findings, nil); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
		if coverage != (plinth.Coverage{Rules: 1, Resources: 1}) {
			t.Errorf("coverage %+v", coverage)
		}
	}
}

// TestPlaceOfBlock shows that what is missing in the whole block of a resource points at the line that opens it.
func TestPlaceOfBlock(t *testing.T) {
	own := &plinth.Declaration{Address: "bucket.b", At: plinth.Location{Path: "a.tf", Line: 1, EndLine: 9}, Header: plinth.Location{Path: "a.tf", Line: 1, EndLine: 1}}
	inner := plinth.MapOf(nil).WithOrigin(&plinth.Origin{At: own.At, Decl: own})
	props := plinth.MapOf([]plinth.Field{{Key: "properties", Value: inner}})
	findings, _, _ := check(t, ruleSet(t, "on: T\nfail: \"!has(p.properties.A)\""), []*plinth.Resource{{ID: "tf:#bucket.b", Type: "T", Decl: own, Props: props}})
	if len(findings) != 1 || findings[0].At != own.Header {
		t.Errorf("got %+v, want one at %+v", findings, own.Header)
	}
}

// TestPlaceOfDefault shows that a default inside a block that is written down points at the block.
func TestPlaceOfDefault(t *testing.T) {
	own := &plinth.Declaration{Address: "bucket.b", Header: plinth.Location{Path: "a.tf", Line: 1}}
	standard := plinth.StringOf("bad").WithOrigin(&plinth.Origin{Default: true, Decl: own})
	block := plinth.MapOf([]plinth.Field{{Key: "B", Value: standard}}).WithOrigin(&plinth.Origin{At: plinth.Location{Path: "a.tf", Line: 5}, Decl: own})
	props := plinth.MapOf([]plinth.Field{{Key: "A", Value: block}})
	findings, _, _ := check(t, ruleSet(t, "on: T\nfail: p.A.B == 'bad'"), []*plinth.Resource{{ID: "tf:#bucket.b", Type: "T", Decl: own, Props: props}})
	if got, want := told(findings, nil), "fail 0 bucket.b 5 A.B: Wrong"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestManyFaults(t *testing.T) {
	var list []*plinth.Resource
	for i := range 100 {
		list = append(list, &plinth.Resource{ID: plinth.ID(fmt.Sprint(i)), Type: "T", Decl: &plinth.Declaration{Header: plinth.Location{Line: int32(i)}}})
	}
	_, problems, _ := check(t, ruleSet(t, "on: T\nfail: p.A"), list)
	last := problems[len(problems)-1]
	if len(problems) != maxProblems+1 || last.Text != "rule test-rule-0 could not judge 80 more resources" || problems[maxProblems-1].At.Line != maxProblems-1 {
		t.Errorf("%d problems, the last %v", len(problems), last)
	}
}

// BenchmarkPods judges 2,000 pods by 100 rules for each container.
func BenchmarkPods(b *testing.B) {
	var conditions []string
	for i := range 100 {
		conditions = append(conditions, fmt.Sprintf("on: workload\neach: containers\nfail: \"c.?securityContext.?privileged.orValue(false) || c.image.contains('bad%d') && has(c.resources.limits)\"", i))
	}
	s := ruleSet(b, conditions...)
	one := resources(b, "type: core/Pod\naddress: a\nprops: {spec: {containers: [{name: a, image: 'a:1', resources: {limits: {cpu: 1}}}, {name: b, image: 'b:1'}]}}\n")[0]
	var list []*plinth.Resource
	for range 2000 {
		list = append(list, one)
	}
	g := graph.New(list)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(s).Check(context.Background(), g, 1, func(plinth.Finding) { b.Fatal("found") }, func(p plinth.Problem) { b.Fatal(p) }); err != nil {
			b.Fatal(err)
		}
	}
}
