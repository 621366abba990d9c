package kubernetes_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/plinthsec/plinth/internal/read/kubernetes"
	"github.com/plinthsec/plinth/internal/read/readtest"
)

const sample = `# the shop
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      containers:
      - name: main
        image: "registry.example.org/web:1"
---
apiVersion: v1
kind: Service
metadata: {name: web}
`

func TestGolden(t *testing.T) { readtest.Golden(t, kubernetes.New(), "testdata/*.txtar") }

func TestHostile(t *testing.T) {
	readtest.Hostile(t, kubernetes.New(), "web.yaml", sample)
	readtest.Hostile(t, kubernetes.New(), "web.json", `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}`)
}

func TestWants(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"a.yaml", sample, true},
		{"a.txt", sample, false},
		{"a.yaml", "AWSTemplateFormatVersion: x\nResources: {}\n", false},
		{"a.yaml", "name: x\nspec:\n  apiVersion: v1\n  kind: Pod\n", false},
		{"a.yaml", "apiVersion: v2\nname: chart\n", false},
		{"a.yaml", "---\n  apiVersion: v1\n  kind: Pod\n", true},
		{"a.yaml", "a: 1\n---\n\"kind\": Pod\n'apiVersion' : v1\n", true},
		{"a.yaml", "apiVersion: v1\n---\nkind: Pod\n", false},
		{"a.yaml", "{apiVersion: v1, kind: Pod}", true},
		{"a.yaml", "--- {apiVersion: v1, kind: Pod}", true},
		{"a.json", `{"items": [{"kind": "x"}], "kind": "List", "apiVersion": "v1"}`, true},
		{"a.json", `{"resources": [{"apiVersion": "2022-01-01", "kind": "StorageV2"}]}`, false},
		{"a.json", `{"a": "apiVersion", "b": "kind"}`, false},
		{"a.yml", "\xff\xfe" + wide("apiVersion: v1\nkind: Pod\n"), true},
	} {
		if got := kubernetes.New().Wants(c.name, []byte(c.text)); got != c.want {
			t.Errorf("Wants(%s, %q) = %v", c.name, c.text, got)
		}
	}
}

func wide(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteString(string(r) + "\x00")
	}
	return b.String()
}

func TestList(t *testing.T) {
	var items []string
	for i := range 3 {
		items = append(items, fmt.Sprintf(`{"metadata": {"name": "p%d"}}`, i))
	}
	got := readtest.Run(t, kubernetes.New(), map[string]string{"l.json": `{"kind": "PodList", "apiVersion": "v1", "items": [` + strings.Join(items, ",\n") + `]}`})
	if len(got.Resources) != 3 || len(got.Problems) != 0 {
		t.Fatal(readtest.Print(got))
	}
	for i, r := range got.Resources {
		if want := fmt.Sprintf("Pod/default/p%d", i); r.Decl.Address != want || r.Decl.At.Line != int32(i+1) {
			t.Errorf("%s at %v, want %s", r.Decl.Address, r.Decl.At, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"a.yaml", "charts/x/templates/a.yaml"} {
			readtest.Print(readtest.Run(t, kubernetes.New(), map[string]string{name: string(data), "charts/x/Chart.yaml": "name: x"}))
		}
	})
}
