package suggest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth/internal/golden"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
	"github.com/plinthsec/plinth/internal/value"
)

type heap struct{ resources []*plinth.Resource }

func (h *heap) Resource(r *plinth.Resource) { h.resources = append(h.resources, r) }
func (h *heap) Problem(plinth.Problem)      {}

func TestGolden(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, files map[string]string) string {
		p, h := &plinth.Project{Config: &plinth.Config{}}, &heap{}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			p.Files = append(p.Files, plinth.File{Path: name, Data: []byte(files[name])})
		}
		if err := kubernetes.New().Read(context.Background(), p, h); err != nil {
			t.Fatal(err)
		}
		s, ok := For(h.resources)
		if !ok {
			t.Fatal("no suggestion")
		}
		return fmt.Sprintf("kept %d, closed %d\n%s\n%s\n%s", s.Kept, s.Closed, strings.Join(s.Notes, "\n"), strings.Join(s.Faults, "\n"), s.YAML())
	})
}

func TestMentions(t *testing.T) {
	for _, c := range []struct{ called, text, want string }{
		{"MODE", "api", ""},
		{"API_HOST", "api", "api"},
		{"", "--listen=:8080 --db-host=postgres", "postgres"},
		{"X", "http://user:pass@api/v1", "api"},
		{"X", "amqp://mq:5672", "mq:5672"},
		{"X", "kafka-0.kafka:9092,kafka-1.kafka:9092", "kafka-0.kafka:9092 kafka-1.kafka:9092"},
		{"X", "see https://example.com/a?b=c for more", "example.com"},
		{"X", "12:30", "12:30"},
	} {
		var got []string
		for _, m := range mentions(c.called, c.text) {
			if !m.sure {
				continue
			}
			if m.port > 0 {
				m.host += fmt.Sprintf(":%d", m.port)
			}
			got = append(got, m.host)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s=%s: %q, want %q", c.called, c.text, s, c.want)
		}
	}
}

// FuzzFor gives any list of objects to the suggestion, which must be able to read what it wrote.
func FuzzFor(f *testing.F) {
	f.Add(`[{"type":"core/Pod","metadata":{"name":"a","labels":{"x":"'\"#: \\n"}},"spec":{"containers":[{"env":[{"name":"A_HOST","value":"b:80"}]}]}},{"type":"core/Service","metadata":{"name":"b"},"spec":{"selector":{"x":"'\"#: \\n"},"ports":[{"port":80,"protocol":"SCTP"}]}}]`)
	f.Add(`[{"type":"apps/StatefulSet","metadata":{"name":"s","namespace":"n: [x"},"spec":{"serviceName":"s","template":{"metadata":{"labels":{"yes":"no","1":"2"}},"spec":{}}}},{"type":"core/Service","metadata":{"name":"s","namespace":"n: [x"},"spec":{"selector":{"1":"2"},"type":"NodePort","ports":[{"port":1}]}}]`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := value.ParseJSON(text)
		if err != nil || list.Len() > 30 {
			return
		}
		var resources []*plinth.Resource
		for _, v := range list.List() {
			typ, _ := v.Get("type")
			name, _ := v.At("metadata", "name")
			resources = append(resources, &plinth.Resource{Type: typ.Str(), Name: name.Str(), Props: v, Decl: &plinth.Declaration{}})
		}
		s, ok := For(resources)
		if !ok {
			return
		}
		for _, x := range s.Faults {
			if strings.HasPrefix(x, "line ") {
				t.Errorf("%s\n%s", x, s.YAML())
			}
		}
	})
}
