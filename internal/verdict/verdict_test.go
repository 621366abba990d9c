package verdict

import (
	"fmt"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
)

var open = &plinth.Rule{ID: "r-open", Severity: plinth.High}

func finding(root, address, path string, line int32) plinth.Finding {
	return plinth.Finding{
		Rule: open, Verdict: plinth.Fail, Path: path, At: plinth.Location{Path: root + "/main.tf", Line: line},
		Resource: &plinth.Resource{Root: root}, Decl: &plinth.Declaration{Address: address},
	}
}

func TestKeys(t *testing.T) {
	list := Sort([]plinth.Finding{
		finding("dev", "a.b", "Ingress[22]", 3), finding("dev", "a.b", "Ingress[80]", 9), finding("prod", "a.b", "Ingress[22]", 3),
		finding("dev", "a.c", "Ingress[22]", 3), finding("dev", "a.b", "Ingress[22]", 30), finding("dev", "a.b", "Ingress[22]", 3),
	})
	if len(list) != 5 {
		t.Fatalf("%d findings, the exact double should be gone", len(list))
	}
	keys := map[string]bool{}
	for _, f := range list {
		if keys[f.Key] {
			t.Errorf("two findings share a key: %s", f.Key)
		}
		keys[f.Key] = true
	}
	moved := Sort([]plinth.Finding{finding("dev", "a.b", "Ingress[80]", 90)})
	if !keys[moved[0].Key] {
		t.Error("a finding that moved to another line has another key")
	}
}

func TestExit(t *testing.T) {
	high := []plinth.Finding{{Rule: open, Verdict: plinth.Fail}}
	silenced := []plinth.Finding{{Rule: open, Verdict: plinth.Fail, Suppressed: &plinth.Suppression{By: "comment"}}}
	unknown := []plinth.Finding{{Rule: open, Verdict: plinth.Undecided}}
	broken, outside := []plinth.Problem{{Kind: plinth.Broken}}, []plinth.Problem{{Kind: plinth.NotDownloaded}}
	for _, tc := range []struct {
		name     string
		findings []plinth.Finding
		problems []plinth.Problem
		config   plinth.Config
		want     int
	}{
		{"nothing", nil, nil, plinth.Config{FailOn: plinth.High}, Passed},
		{"at the gate", high, nil, plinth.Config{FailOn: plinth.High}, GateFailed},
		{"below the gate", high, nil, plinth.Config{FailOn: plinth.Critical}, Passed},
		{"no gate", high, nil, plinth.Config{FailOnNothing: true}, Passed},
		{"suppressed", silenced, nil, plinth.Config{FailOn: plinth.High}, Passed},
		{"unknown", unknown, nil, plinth.Config{FailOn: plinth.Low}, Passed},
		{"unknown counts", unknown, nil, plinth.Config{FailOnUnknown: true}, GateFailed},
		{"incomplete", nil, broken, plinth.Config{}, Incomplete},
		{"incomplete is accepted", nil, broken, plinth.Config{AllowPartial: true}, Passed},
		{"the gate comes first", high, broken, plinth.Config{FailOn: plinth.High}, GateFailed},
		{"outside", nil, outside, plinth.Config{}, Passed},
		{"outside, strict", nil, outside, plinth.Config{Strict: true}, Incomplete},
	} {
		if got := Exit(tc.findings, tc.problems, &tc.config); got != tc.want {
			t.Errorf("%s: exit %d, want %d", tc.name, got, tc.want)
		}
	}
}

func TestYield(t *testing.T) {
	ssh := &plinth.Rule{ID: "r-ssh", Severity: plinth.High, Aliases: []string{"X1"}}
	anyPort := &plinth.Rule{ID: "r-any", Severity: plinth.Critical, Aliases: []string{"X2"}, YieldsTo: []string{"r-ssh"}}
	at := func(r *plinth.Rule, address string) plinth.Finding {
		f := finding("dev", address, "Ingress[22]", 3)
		f.Rule = r
		return f
	}
	list := Sort([]plinth.Finding{at(ssh, "a.b"), at(anyPort, "a.b"), at(anyPort, "a.c")})
	if len(list) != 2 {
		t.Fatalf("%d findings, want 2", len(list))
	}
	for i := range list {
		f := &list[i]
		want := "[X2]"
		if f.Rule == ssh {
			want = "[X1 r-any X2]"
		}
		if got := fmt.Sprint(f.Aliases()); got != want {
			t.Errorf("%s %s answers to %s, want %s", f.Rule.ID, f.Decl.Address, got, want)
		}
	}
}

// TestYieldPart: what an engine says at the block of a part yields to what a rule says of that block; at the block of the resource
// itself each address is a thing of its own.
func TestYieldPart(t *testing.T) {
	ssh := &plinth.Rule{ID: "r-ssh", Severity: plinth.Critical}
	port := &plinth.Rule{ID: "n-port", Severity: plinth.High, YieldsTo: []string{"r-ssh"}}
	block := plinth.Location{Path: "a.tf", Line: 2, Col: 1, EndLine: 9, EndCol: 2}
	group := plinth.Location{Path: "b.tf", Line: 1, Col: 1, EndLine: 5, EndCol: 2}
	header := plinth.Location{Path: "a.tf", Line: 2, Col: 1, EndLine: 2, EndCol: 40}
	told := plinth.Finding{Rule: ssh, Verdict: plinth.Fail, At: header, Decl: &plinth.Declaration{Address: "rule.a", At: block, Header: header}}
	door := plinth.Finding{Rule: port, Verdict: plinth.Fail, At: block, Decl: &plinth.Declaration{Address: "group.a", At: group, Header: group}}
	if list := Sort([]plinth.Finding{told, door}); len(list) != 1 || list[0].Rule != ssh || len(list[0].Also) != 1 {
		t.Errorf("%v", list)
	}
}

func TestYieldToEngine(t *testing.T) {
	key := &plinth.Rule{ID: "key", Engine: "secret", Severity: plinth.Low}
	config := &plinth.Rule{ID: "config", Engine: "ai", Severity: plinth.Medium, YieldsTo: []string{"secret"}}
	at := func(r *plinth.Rule, path string, line int32, evidence ...plinth.Step) plinth.Finding {
		return plinth.Finding{Rule: r, Verdict: plinth.Fail, Message: r.ID, Evidence: evidence, At: plinth.Location{Path: path, Line: line, Col: 1, EndLine: line, EndCol: 9}}
	}
	said := func(path string) plinth.Step { return plinth.Step{Note: "the same", At: at(key, path, 3).At} }
	silent, old := at(key, "a", 3), at(key, "a", 3)
	silent.Suppressed, old.Commit, silent.Path = &plinth.Suppression{By: "comment"}, "c0ffee", "other"
	for _, tc := range []struct {
		name string
		list []plinth.Finding
		want string
	}{
		{"the same line", []plinth.Finding{at(config, "a", 3), at(key, "a", 3)}, "key [config] 1"},
		{"both have evidence", []plinth.Finding{at(config, "a", 3, said("x")), at(key, "a", 3, said("y"))}, "key [config] 3"},
		{"in the evidence", []plinth.Finding{at(config, "b", 3), at(key, "a", 3, said("b"))}, "key [config] 2"},
		{"another line", []plinth.Finding{at(config, "a", 4), at(key, "a", 3)}, "config [] 0 key [] 0"},
		{"another commit", []plinth.Finding{at(config, "a", 3), old}, "config [] 0 key [] 0"},
		{"the one that nobody silenced", []plinth.Finding{silent, at(config, "a", 3), at(key, "a", 3)}, "key [config] 1 key [] 0"},
		{"no other engine", []plinth.Finding{at(config, "a", 3)}, "config [] 0"},
	} {
		var got []string
		for _, f := range Sort(tc.list) {
			got = append(got, f.Rule.ID, fmt.Sprint(f.Aliases()), fmt.Sprint(len(f.Evidence)))
		}
		if s := strings.Join(got, " "); s != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, s, tc.want)
		}
	}
}

func TestYieldPlaces(t *testing.T) {
	every := &plinth.Rule{ID: "r-every", Severity: plinth.Critical}
	wide := &plinth.Rule{ID: "r-wide", Severity: plinth.High, YieldsTo: []string{"r-every"}}
	narrow := &plinth.Rule{ID: "r-narrow", Severity: plinth.Medium, Aliases: []string{"X3"}, YieldsTo: []string{"r-none", "r-wide"}}
	at := func(r *plinth.Rule, line, end int32) plinth.Finding {
		f := finding("dev", "a.b", "Ingress", line)
		f.Rule, f.At.Col, f.At.EndLine, f.At.EndCol = r, 1, end, 9
		return f
	}
	head := func(f plinth.Finding) plinth.Finding {
		f.Decl = &plinth.Declaration{Address: f.Decl.Address, Header: f.At, At: f.At}
		f.Decl.At.EndLine = 20
		return f
	}
	open := func(f plinth.Finding) plinth.Finding {
		f.Verdict, f.Because = plinth.Undecided, []string{"var.x"}
		return f
	}
	for _, tc := range []struct {
		name string
		list []plinth.Finding
		want string
	}{
		{"over another rule", []plinth.Finding{at(every, 3, 5), at(wide, 3, 5), at(narrow, 3, 5)}, "r-every [r-wide r-narrow X3]"},
		{"inside", []plinth.Finding{at(wide, 3, 5), at(narrow, 4, 4)}, "r-wide [r-narrow X3]"},
		{"around", []plinth.Finding{at(wide, 4, 4), at(narrow, 3, 5)}, "r-wide [r-narrow X3]"},
		{"the very place first", []plinth.Finding{at(wide, 3, 9), at(wide, 4, 4), at(narrow, 4, 4)}, "r-wide [] r-wide [r-narrow X3]"},
		{"what the block lacks", []plinth.Finding{at(wide, 14, 14), head(at(narrow, 10, 10))}, "r-wide [r-narrow X3]"},
		{"beside", []plinth.Finding{at(wide, 6, 7), at(narrow, 3, 5)}, "r-wide [] r-narrow [X3]"},
		{"fails and is unknown", []plinth.Finding{at(wide, 3, 5), open(at(narrow, 3, 5))}, "r-wide [] r-narrow [X3]"},
		{"both are unknown", []plinth.Finding{open(at(wide, 3, 5)), open(at(narrow, 3, 5))}, "r-wide [r-narrow X3]"},
		{"the middle one alone", []plinth.Finding{at(every, 3, 3), at(narrow, 3, 3)}, "r-every [] r-narrow [X3]"},
	} {
		var got []string
		for _, f := range Sort(tc.list) {
			got = append(got, f.Rule.ID, fmt.Sprint(f.Aliases()))
		}
		if s := strings.Join(got, " "); s != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, s, tc.want)
		}
	}
}
