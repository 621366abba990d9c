package ai_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/ai"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/internal/golden"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/rules"
)

func look(t testing.TB, files map[string]string) *scan.Result {
	t.Helper()
	list, err := ai.Audits()
	if err != nil {
		t.Fatal(err)
	}
	run := &scan.Run{Config: &plinth.Config{Jobs: 1, Offline: true}, Engines: []scan.Engine{ai.New(list)}}
	res, err := run.Scan(t.Context(), tree.Memory(".", files))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestExamples runs the examples of every audit.
func TestExamples(t *testing.T) {
	data, err := os.ReadFile("audits.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]struct {
		Title, Why, Fix string
		Links, CWE      []string
		Examples        struct{ Bad, Good []map[string]string }
	}
	if err := yaml.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	elsewhere := []string{"pickle-code", "personal-data"} // testdata
	for id, a := range all {
		if len(a.Links) == 0 || len(a.CWE) == 0 || len(a.Title) > 80 {
			t.Errorf("%s says too little, or its title too much", id)
		}
		if (len(a.Examples.Bad) == 0 || len(a.Examples.Good) == 0) && !slices.Contains(elsewhere, id) {
			t.Errorf("%s has no examples", id)
		}
		for kind, list := range map[string][]map[string]string{"bad": a.Examples.Bad, "good": a.Examples.Good} {
			for i, files := range list {
				found := slices.ContainsFunc(look(t, files).Findings, func(f plinth.Finding) bool { return f.Rule.ID == "ai-"+id })
				if found != (kind == "bad") {
					t.Errorf("%s: %s example %d: found is %v", id, kind, i+1, found)
				}
			}
		}
	}
}

func TestGolden(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, files map[string]string) string {
		res := look(t, files)
		var out []string
		for _, r := range res.Resources {
			line := fmt.Sprintf("%s:%d %s %s", r.Decl.At.Path, r.Decl.At.Line, r.Type, r.Name)
			if v, ok := r.Props.Get("version"); ok {
				line += " " + v.Str()
			}
			out = append(out, line)
		}
		for _, f := range res.Findings {
			out = append(out, fmt.Sprintf("%s:%d:%d %s: %s", f.At.Path, f.At.Line, f.At.Col, f.Rule.ID, f.Message))
		}
		slices.Sort(out)
		return strings.Join(out, "\n") + "\n"
	})
}

// TestOneSecret: what the engine of secrets finds in the configuration of a server is one finding, and either engine alone shows it.
func TestOneSecret(t *testing.T) {
	list, err := ai.Audits()
	if err != nil {
		t.Fatal(err)
	}
	set, err := secret.Load(rules.Secrets())
	if err != nil {
		t.Fatal(err)
	}
	text := `{"mcpServers": {"x": {"command": "./x", "env": {"CORP_API_KEY": "k3y-9f8a7b6c5d4e0a1b2c3d4e5f60718293"}}}}`
	for _, c := range []struct {
		engines []scan.Engine
		want    string
	}{
		{[]scan.Engine{ai.New(list), secret.New(set)}, "generic-api-key: CORP_API_KEY of x is written out"},
		{[]scan.Engine{ai.New(list)}, "ai-mcp-secret:"},
		{[]scan.Engine{secret.New(set)}, "generic-api-key:"},
	} {
		res, err := (&scan.Run{Config: &plinth.Config{Jobs: 1, Offline: true}, Engines: c.engines}).Scan(t.Context(), tree.Memory(".", map[string]string{".mcp.json": text}))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range res.Findings {
			got = append(got, f.Rule.ID+":")
			for _, s := range f.Evidence {
				got = append(got, s.Note)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%q, want %q", s, c.want)
		}
	}
}

// TestPickles walks through pickles that Python wrote.
func TestPickles(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"protocol 0", "cos\nsystem\n(S'id'\ntR.", "it calls os.system"},
		{"protocol 2", "\x80\x02cposix\nsystem\nq\x00X\x02\x00\x00\x00idq\x01\x85q\x02Rq\x03.", "it calls posix.system"},
		{"protocol 4", "\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.", "it calls posix.system"},
		{"protocol 4, out of the memo", "\x80\x04\x8c\x08builtins\x94\x8c\x04eval\x940h\x00h\x01\x93\x8c\x021+\x85R.", "it calls builtins.eval"},
		{"cut off", "\x80\x02cos\nsystem\nq\x00X\x02\x00\x00\x00id.\xff", "it calls os.system"},
		{"a dictionary", "\x80\x04\x95\x0d\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s.", ""},
		{"a tensor", "\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\x00(K\x01K\x02tq\x01Rq\x02.", ""},
		{"an ordered dictionary", "\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01.", ""},
		{"a long string", "\x80\x02X\xff\xff\xff\x7fabc.", ""},
	} {
		got := ""
		for _, f := range look(t, map[string]string{"model.pkl": c.data}).Findings {
			got += f.Message
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("m.pkl", "\x80\x04\x8c\x08builtins\x94\x8c\x04eval\x940h\x00h\x01\x93\x8c\x021+\x85R.")
	f.Add("a.py", "import torch\nx = torch.load(f'{a.email}', {1: [2]}, weights_only=False) # '\n'''\n")
	f.Add("a.ts", "import OpenAI from 'openai'\nclient.responses.create({model: `gpt-${x.email}`, /* */ input: 'a' + user.ssn})")
	f.Add(".mcp.json", `{"mcpServers": {"f": {"command": "npx", "args": ["-y", "x", "/"], "env": {"A_TOKEN": "k3y"}, "url": "http://a.b"}}}`)
	f.Add("pyproject.toml", "dependencies = [\n\"openai>=1\",\n]\n")
	f.Add("b.py", "import a.b as c, d\nfrom torch import (\n  load as l,\n)\nfrom . import x\nl(f); c.d(1)")
	f.Add("m.json", `{"class_name": "__lambda__", "config": {"code": "4wEAAAAAAAAAAAAAAAMAAAADAAAA2gJvcw=="}}`)
	list, err := ai.Audits()
	if err != nil {
		f.Fatal(err)
	}
	e := ai.New(list)
	f.Fuzz(func(t *testing.T, name, text string) { e.File(name, []byte(text), func(plinth.Problem) {}) })
}
