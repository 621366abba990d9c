package helm_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/golden"
	"github.com/plinthsec/plinth/internal/read/kubernetes/helm"
)

// render renders the chart in a folder and prints each line behind the line of the template that it comes from.
func render(t *testing.T, files map[string]string) string {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	var b strings.Builder
	problem := func(p plinth.Problem) { fmt.Fprintf(&b, "%s %s:%d %s\n", p.Kind, p.At.Path, p.At.Line, p.Text) }
	c, err := helm.Load(fsys, "chart", problem)
	if err != nil {
		return b.String() + err.Error() + "\n"
	}
	for _, one := range c.Render(t.Context(), problem) {
		fmt.Fprintf(&b, "%s\n", one.Path)
		lines := strings.Split(strings.TrimSuffix(string(one.Text), "\n"), "\n")
		if len(lines) > len(one.Lines) {
			t.Errorf("%s: %d lines, places of %d", one.Path, len(lines), len(one.Lines))
		}
		for i, line := range lines {
			fmt.Fprintf(&b, "%3d│%s\n", one.Lines[i], line)
		}
	}
	return b.String()
}

func TestRender(t *testing.T) { golden.Run(t, "testdata/*.txtar", render) }

// TestHostile: what a chart says takes no more than the limits.
func TestHostile(t *testing.T) {
	for name, template := range map[string]string{
		"loops":       `{{ range until 99999 }}{{ range until 99999 }}{{ range until 99999 }}{{ end }}{{ end }}{{ end }}`,
		"a list":      `{{ range until 999999999 }}{{ end }}`,
		"text":        `{{ $s := "xxxxxxxx" }}{{ range until 64 }}{{ $s = print $s $s }}{{ end }}`,
		"repeat":      `{{ repeat 999999999 "xxxxxxxx" }}`,
		"indent":      `{{ indent 999999999 "x" }}`,
		"trees":       `{{ $l := list 1 }}{{ range until 64 }}{{ $l = list $l $l }}{{ end }}{{ toYaml $l }}`,
		"itself":      `{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ $d }}`,
		"includes":    `{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}`,
		"templates":   `{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}`,
		"tpl":         `{{ define "a" }}{{ tpl "{{ include \"a\" . }}" . }}{{ end }}{{ include "a" . }}`,
		"output":      `{{ range until 9999 }}{{ range until 9999 }}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{ end }}{{ end }}`,
		"a panic":     `{{ chunk 0 (list 1 2) }}`,
		"a number":    `{{ seq 1 999999999 }}`,
		"no function": `{{ env "HOME" }}`,
	} {
		got := render(t, map[string]string{"chart/Chart.yaml": "name: x", "chart/templates/a.yaml": template})
		if !strings.HasPrefix(got, "unsupported chart/templates/a.yaml") || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: %.300s", name, got)
		}
	}
}

// TestLeftOut: what is too large is told, and a folder that is no part of a chart is not read.
func TestLeftOut(t *testing.T) {
	got := render(t, map[string]string{
		"chart/Chart.yaml": "name: x", "chart/templates/a.yaml": "a: 1", "chart/templates/b.yaml": strings.Repeat("# far too long\n", 1<<18), "chart/docs/c.yaml": strings.Repeat("# long\n", 1<<20),
	})
	if want := "limit chart/templates/b.yaml:0 the file of a Helm chart has more than 2 MiB and was left out\nchart/templates/a.yaml\n  1│a: 1\n"; got != want {
		t.Errorf("%.400s", got)
	}
}

func FuzzRender(f *testing.F) {
	f.Add("a: {{ .Values.a }}\n{{- include \"x\" . | nindent 2 }}{{ define \"x\" }}b{{ end }}", "a: 1")
	f.Add("{{ range $k, $v := .Values }}{{ $k }}: {{ toYaml $v }}{{ end }}", "a: {b: [1, 2]}")
	f.Add("{{ tpl .Values.t . }}", "t: '{{ .Release.Name }}'")
	f.Fuzz(func(t *testing.T, template, values string) {
		render(t, map[string]string{"chart/Chart.yaml": "name: x", "chart/templates/a.yaml": template, "chart/values.yaml": values})
	})
}
