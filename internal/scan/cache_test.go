package scan_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/cache"
	"github.com/plinthsec/plinth/internal/engine/attack"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
)

// estate is a small target in which much depends on other files.
var estate = map[string]string{
	"live/main.tf": `module "store" {
  source = "../modules/store"
  name   = "${var.stage}-store"
  rules  = yamldecode(file("rules.yaml"))
}
module "more" {
  for_each = fileset(path.module, "stores/*.json")
  source   = "../modules/store"
  name     = jsondecode(file("${path.module}/${each.value}")).name
  rules    = []
}
resource "aws_sqs_queue" "q" {
  count             = fileexists("${path.module}/queue.txt") ? 1 : 0
  kms_master_key_id = module.store.key
}
variable "stage" {}
`,
	"live/terraform.tfvars":   "stage = \"dev\"\n",
	"live/rules.yaml":         "- {from: 22, to: 22}\n- {from: 80, to: 443}\n",
	"live/stores/a.json":      `{"name": "a"}`,
	"live/queue.txt":          "yes\n",
	"modules/store/main.tf":   "resource \"aws_s3_bucket\" \"b\" {\n  bucket = var.name\n}\nresource \"aws_security_group\" \"g\" {\n  dynamic \"ingress\" {\n    for_each = var.rules\n    content {\n      from_port   = ingress.value.from\n      to_port     = ingress.value.to\n      protocol    = \"tcp\"\n      cidr_blocks = [\"0.0.0.0/0\"]\n    }\n  }\n}\n",
	"modules/store/inputs.tf": "variable \"name\" {}\nvariable \"rules\" {}\noutput \"key\" {\n  value = \"alias/${var.name}\"\n}\n",
	"other/main.tf":           "resource \"aws_ebs_volume\" \"v\" {\n  encrypted = false # plinth:ignore aws-ebs-volume-encryption it holds nothing\n}\n",
	"k8s/app.yaml":            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: c, image: nginx, securityContext: {privileged: true}}]\n",
	"chart/Chart.yaml":        "apiVersion: v2\nname: c\nversion: 1.0.0\n",
	"chart/values.yaml":       "privileged: false\n",
	"chart/templates/_h.tpl":  "{{ define \"image\" }}nginx:1{{ end }}",
	"chart/templates/p.yaml":  "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Release.Name }}}\nspec:\n  containers: [{name: c, image: {{ include \"image\" . }}, securityContext: {privileged: {{ .Values.privileged }}}}]\n",
	"Dockerfile":              "FROM alpine\nUSER root\n",
	".github/workflows/w.yml": "on: pull_request_target\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: 'echo ${{ github.event.pull_request.title }}'}]\n",
	"stack.json":              `{"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead"}}}}`,
	"broken.yaml":             "a: [\n",
	"app/run.py":              "import openai\n",
	"notes.txt":               "nothing\n",
}

// said is all that a scan tells.
func said(t *testing.T, res *scan.Result) string {
	t.Helper()
	var e plinth.Encoder
	for _, r := range res.Resources {
		e.Resource(r)
	}
	var b strings.Builder
	for i := range res.Findings {
		f := &res.Findings[i]
		b.WriteString(f.Key + " " + f.Rule.ID + " " + f.At.Path + " " + f.Message + " " + f.Verdict.String() + "\n")
		if f.Suppressed != nil {
			b.WriteString("  silent: " + f.Suppressed.Why + "\n")
		}
	}
	for _, p := range res.Problems {
		b.WriteString(string(p.Kind) + " " + p.At.Path + " " + p.Text + "\n")
	}
	for _, name := range slices.Sorted(maps.Keys(res.Files.ByReader)) {
		b.WriteString(name + string(rune('0'+res.Files.ByReader[name])) + "\n")
	}
	for _, n := range res.Map.Nodes() {
		b.WriteString("node " + string(n.ID) + "\n")
	}
	b.WriteString(strings.Join([]string{"files", string(rune('0' + res.Files.Seen)), string(rune('0' + res.Files.Read))}, " "))
	return b.String() + string(e.Bytes())
}

// change is one edit of a target.
func change(t *testing.T, r *rand.Rand, dir string, now map[string]string) {
	t.Helper()
	names := slices.Sorted(maps.Keys(estate))
	name := names[r.IntN(len(names))]
	text, there := now[name]
	switch n := r.IntN(8); {
	case n < 4 && there:
		delete(now, name)
	case n < 4:
		now[name] = estate[name]
	case n == 4 && there:
		now[name] = strings.NewReplacer("22", "23", "dev", "prod", "false", "true", "true", "false", `"a"`, `"b"`, "root", "app", "nginx", "redis").Replace(text)
	case n == 5:
		now["live/stores/"+string(rune('a'+r.IntN(4)))+".json"] = `{"name": "x"}`
	case n == 6 && there:
		now[name] = strings.Replace(text, "\n", "\n\n", 1)
	default:
		now[name] = text + "\n# touched\n"
	}
	missing := slices.DeleteFunc(names, func(n string) bool { _, ok := now[n]; return ok })
	if len(missing) > 3 {
		back := missing[r.IntN(len(missing))]
		now[back] = estate[back]
	}
	write(t, dir, now)
}

// write makes a folder hold exactly these files; those that differ become new ones on the disk.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		data, err := os.ReadFile(p)
		if text, ok := files[filepath.ToSlash(rel)]; err == nil && (!ok || text != string(data)) {
			return os.Remove(p)
		}
		return err
	})
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if _, e := os.Stat(p); err != nil || e == nil {
			continue
		}
		if err = os.MkdirAll(filepath.Dir(p), 0o755); err == nil {
			if err = os.WriteFile(p+"~", []byte(text), 0o644); err == nil {
				err = os.Rename(p+"~", p)
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsRememberedIsTheSame edits a target again and again: a scan that remembers the ones before says what a fresh one does.
func TestWhatIsRememberedIsTheSame(t *testing.T) {
	set, err := all.Rules(nil)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := all.Secrets(nil)
	if err != nil {
		t.Fatal(err)
	}
	audits, err := all.Audits()
	if err != nil {
		t.Fatal(err)
	}
	dir, kept := t.TempDir(), t.TempDir()
	one := func(store *cache.Store) string {
		target, err := tree.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		conf := &plinth.Config{Jobs: 2, Offline: true}
		run := &scan.Run{
			Config: conf, Readers: append(all.Readers(), all.PipelineReaders()...), Engines: all.Engines(set, audits, secrets, conf), Draw: attack.Draw, Cache: store,
		}
		res, err := run.Scan(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		return said(t, res)
	}
	now := maps.Clone(estate)
	write(t, dir, now)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		store := cache.Open(kept, cache.SumOfAll("test"), time.Now().Add(time.Hour))
		got, want := one(store), one(nil)
		if got != want {
			at := 0
			for at < min(len(got), len(want)) && got[at] == want[at] {
				at++
			}
			t.Fatalf("after %d edits: remembered …%q, fresh …%q", i, got[max(0, at-80):min(len(got), at+80)], want[max(0, at-80):min(len(want), at+80)])
		}
		if err := store.Save(); err != nil {
			t.Fatal(err)
		}
		change(t, r, dir, now)
	}
}

// TestNothingIsReadTwice: a second scan of the same files opens none of those in which nothing is.
func TestNothingIsReadTwice(t *testing.T) {
	dir, kept := t.TempDir(), t.TempDir()
	write(t, dir, estate)
	opened := map[string]int{}
	for i := range 2 {
		target, err := tree.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		store := cache.Open(kept, cache.SumOfAll("test"), time.Now().Add(time.Hour))
		run := &scan.Run{Config: &plinth.Config{Jobs: 1, Offline: true}, Readers: all.Readers(), Cache: store}
		count := &counting{Reader: all.Readers()[1], opened: opened}
		run.Readers[1] = count
		if _, err := run.Scan(t.Context(), target); err != nil {
			t.Fatal(err)
		}
		if err := store.Save(); err != nil {
			t.Fatal(err)
		}
		target.Close()
		if i == 0 {
			if opened["wants"] == 0 || opened["read"] != 1 {
				t.Fatalf("the first scan: %v", opened)
			}
			clear(opened)
		}
	}
	if opened["wants"] > 1 || opened["read"] > 0 { // broken.yaml is looked at again: there is something to tell
		t.Errorf("the second scan: %v", opened)
	}
}

// counting counts what a reader is asked.
type counting struct {
	plinth.Reader
	opened map[string]int
}

func (c *counting) Wants(p string, b []byte) bool {
	c.opened["wants"]++
	return c.Reader.Wants(p, b)
}

func (c *counting) Read(ctx context.Context, p *plinth.Project, to plinth.Sink) error {
	c.opened["read"]++
	return c.Reader.Read(ctx, p, to)
}

// TestFaultsAreNotForgotten: what a reader's own fault has kept from being found out is asked again.
func TestFaultsAreNotForgotten(t *testing.T) {
	dir, kept := t.TempDir(), t.TempDir()
	write(t, dir, map[string]string{"a.txt": "a", "b.yaml": "a: 1\n"})
	for i := range 2 {
		target, err := tree.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		store := cache.Open(kept, cache.SumOfAll("test"), time.Now().Add(time.Hour))
		res, err := (&scan.Run{Config: &plinth.Config{Jobs: 1}, Readers: []plinth.Reader{unsure{}}, Cache: store}).Scan(t.Context(), target)
		if err != nil || len(res.Problems) != 1 || res.Problems[0].Kind != plinth.Internal {
			t.Errorf("scan %d: %v %v", i, err, res.Problems)
		}
		if err := store.Save(); err != nil {
			t.Fatal(err)
		}
		target.Close()
	}
}

// unsure is a reader that fails when it is asked.
type unsure struct{ panicker }

func (unsure) Wants(string, []byte) bool { panic("lost the thread") }
