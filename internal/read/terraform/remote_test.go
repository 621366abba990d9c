package terraform

import (
	"context"
	"errors"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/readtest"
)

// shelf has packages by source address; what follows // is the folder.
type shelf struct {
	packages map[string]*plinth.ModulePackage
	mu       sync.Mutex
	asked    []string
}

func (s *shelf) Fetch(_ context.Context, source, constraint string) (*plinth.ModulePackage, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, strings.TrimSpace(source+" "+constraint))
	source, dir, _ := strings.Cut(source, "//")
	p := s.packages[source]
	if p == nil {
		return nil, "", errors.New("nobody has it")
	}
	if dir == "" {
		dir = "."
	}
	return p, dir, nil
}

func (s *shelf) ReadFile(string) ([]byte, error) { return nil, errors.New("nobody has it") }

func newPackage(name string, files map[string]string) *plinth.ModulePackage {
	return &plinth.ModulePackage{Name: name, FS: memory(files)}
}

func memory(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for n, text := range files {
		out[n] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return out
}

// readWith reads files with a source of modules and returns resources (address, place, bucket) and problems as lines.
func readWith(t *testing.T, files map[string]string, modules plinth.ModuleSource, conf plinth.Config) []string {
	t.Helper()
	p := &plinth.Project{FS: memory(files), Config: &conf, Modules: modules}
	conf.Jobs = 2
	for n, text := range files {
		if New().Wants(n, nil) {
			p.Files = append(p.Files, plinth.File{Path: n, Data: []byte(text)})
		}
	}
	slices.SortFunc(p.Files, func(a, b plinth.File) int { return strings.Compare(a.Path, b.Path) })
	to := &readtest.Recorder{}
	if err := New().Read(context.Background(), p, to); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range to.Resources {
		if r.Decl.Type != "module" {
			bucket, _ := r.Source.Get("bucket")
			out = append(out, string(r.ID)+" "+r.Decl.At.Path+" "+bucket.String())
		}
	}
	for _, p := range to.Problems {
		out = append(out, string(p.Kind)+" "+p.At.Path+": "+p.Text)
	}
	sort.Strings(out)
	return out
}

const bucketOf = "resource \"aws_s3_bucket\" \"b\" {\n  bucket = "

func TestRemoteModules(t *testing.T) {
	s := &shelf{packages: map[string]*plinth.ModulePackage{
		"acme/store/aws": newPackage("acme/store/aws@1.2.0", map[string]string{
			"main.tf":              "variable \"n\" {}\n" + bucketOf + "\"${var.n}-${file(\"${path.module}/x.txt\")}\"\n}\nmodule \"deep\" { source = \"./modules/deep\" }\nmodule \"out\" { source = \"../../../live\" }\n",
			"x.txt":                "text",
			"modules/deep/main.tf": bucketOf + "\"deep\"\n}\nmodule \"other\" { source = \"acme/other/aws//sub\" }\nmodule \"up\" { source = \"../up\" }\n",
			"modules/up/main.tf":   bucketOf + "join(\",\", fileset(path.module, \"*.tf\"))\n}\n",
			"examples/x/main.tf":   "broken {",
		}),
		"acme/other/aws": newPackage("acme/other/aws@3.0.0", map[string]string{
			"sub/main.tf": bucketOf + "\"other\"\n}\nmodule \"again\" { source = \"acme/store/aws//modules/up\" }\n", "sub/x.auto.tfvars": "n = 1\n", "none/README": "",
		}),
	}}
	files := map[string]string{
		"live/main.tf": "module \"a\" {\n  source = \"acme/store/aws\"\n  version = \"~> 1.0\"\n  n = \"name\"\n}\nmodule \"lost\" { source = \"acme/lost/aws\" }\n" +
			"module \"local\" { source = \"../local\" }\nmodule \"here\" { source = \"acme/here/aws\" }\nmodule \"none\" { source = \"acme/other/aws//none\" }\n",
		"local/main.tf": "module \"b\" { source = \"acme/other/aws//sub\" }\n",
		"live/.terraform/modules/modules.json": `{"Modules":[{"Key":"","Dir":"."},{"Key":"here","Dir":".terraform/modules/here"},
			{"Key":"local","Dir":"../local"}]}`,
		"live/.terraform/modules/here/main.tf": bucketOf + "\"here\"\n}\n",
	}
	want := []string{
		"not-downloaded acme/store/aws@1.2.0/main.tf: module \"out\": ../../../live could not be fetched: the folder lies outside the package that calls it; run terraform init before, and it is read from .terraform/modules",
		"not-downloaded live/main.tf: module \"lost\": acme/lost/aws could not be fetched: nobody has it; run terraform init before, and it is read from .terraform/modules",
		"not-downloaded live/main.tf: module \"none\": acme/other/aws//none could not be fetched: the folder has no Terraform files; run terraform init before, and it is read from .terraform/modules",
		"tf:live#module.a.aws_s3_bucket.b acme/store/aws@1.2.0/main.tf \"name-text\"",
		"tf:live#module.a.module.deep.aws_s3_bucket.b acme/store/aws@1.2.0/modules/deep/main.tf \"deep\"",
		"tf:live#module.a.module.deep.module.other.aws_s3_bucket.b acme/other/aws@3.0.0/sub/main.tf \"other\"",
		"tf:live#module.a.module.deep.module.other.module.again.aws_s3_bucket.b acme/store/aws@1.2.0/modules/up/main.tf \"main.tf\"",
		"tf:live#module.a.module.deep.module.up.aws_s3_bucket.b acme/store/aws@1.2.0/modules/up/main.tf \"main.tf\"",
		"tf:live#module.here.aws_s3_bucket.b live/.terraform/modules/here/main.tf \"here\"",
		"tf:live#module.local.module.b.aws_s3_bucket.b acme/other/aws@3.0.0/sub/main.tf \"other\"",
		"tf:live#module.local.module.b.module.again.aws_s3_bucket.b acme/store/aws@1.2.0/modules/up/main.tf \"main.tf\"",
	}
	if diff := cmp.Diff(want, readWith(t, files, s, plinth.Config{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	sort.Strings(s.asked)
	asked := []string{"acme/lost/aws", "acme/other/aws//none", "acme/other/aws//sub", "acme/other/aws//sub", "acme/store/aws ~> 1.0", "acme/store/aws//modules/up"}
	if diff := cmp.Diff(asked, s.asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

// TestRemoteNames: what the target holds under a package's name never stands for the package, nor does one package for another.
func TestRemoteNames(t *testing.T) {
	s := &shelf{packages: map[string]*plinth.ModulePackage{
		"acme/a/aws": newPackage("acme/a@1", map[string]string{"main.tf": bucketOf + "\"one\"\n}\n"}),
		"acme/b/aws": newPackage("acme/a@1", map[string]string{"main.tf": bucketOf + "\"two\"\n}\n"}),
	}}
	files := map[string]string{
		"main.tf":          "module \"a\" { source = \"acme/a/aws\" }\nmodule \"b\" { source = \"acme/b/aws\" }\nmodule \"c\" { source = \"./acme/a@1\" }\n",
		"acme/a@1/main.tf": bucketOf + "\"own\"\n}\n",
	}
	want := []string{
		"tf:.#module.a.aws_s3_bucket.b acme/a@1~2/main.tf \"one\"",
		"tf:.#module.b.aws_s3_bucket.b acme/a@1~3/main.tf \"two\"",
		"tf:.#module.c.aws_s3_bucket.b acme/a@1/main.tf \"own\"",
	}
	if diff := cmp.Diff(want, readWith(t, files, s, plinth.Config{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRemoteLoop(t *testing.T) {
	s := &shelf{packages: map[string]*plinth.ModulePackage{
		"acme/a/aws": newPackage("acme/a/aws@1", map[string]string{"main.tf": bucketOf + "\"x\"\n}\nmodule \"again\" { source = \"acme/a/aws\" }\n"}),
	}}
	got := readWith(t, map[string]string{"main.tf": "module \"a\" { source = \"acme/a/aws\" }\n"}, s, plinth.Config{})
	want := []string{
		"broken acme/a/aws@1/main.tf: module \"again\" calls itself through acme/a/aws@1: it is left out",
		"tf:.#module.a.aws_s3_bucket.b acme/a/aws@1/main.tf \"x\"",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(s.asked) != 2 {
		t.Errorf("asked for %q", s.asked)
	}
}

func TestRemoteShown(t *testing.T) {
	for source, want := range map[string]string{
		"acme/a/aws": "acme/a/aws", "git::https://me:secret@example.com/x.git//a@b?sshkey=secret&ref=v1&depth=1": "git::https://me@example.com/x.git//a@b?ref=v1",
		"https://example.com/x.zip?token=secret": "https://example.com/x.zip", "git@example.com:x.git": "git@example.com:x.git", "": "",
	} {
		if got := shown(source); got != want {
			t.Errorf("%s is shown as %s, want %s", source, got, want)
		}
	}
}

func TestRemoteForbidden(t *testing.T) {
	files := map[string]string{"main.tf": "module \"a\" {\n  source  = \"acme/a/aws\"\n  version = \"1.0.0\"\n}\n"}
	const text = "not-downloaded main.tf: module \"a\": acme/a/aws 1.0.0 is not in the target; run terraform init before, and it is read from .terraform/modules"
	for tail, conf := range map[string]plinth.Config{
		", or scan with --download": {}, " (--offline forbids --download)": {Download: true, Offline: true},
	} {
		if diff := cmp.Diff([]string{text + tail}, readWith(t, files, nil, conf)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", conf, diff)
		}
	}
}
