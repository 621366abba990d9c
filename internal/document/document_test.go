package document_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
)

var update = flag.Bool("update", false, "write the wanted results anew")

// TestGolden reads the first file of each archive and compares values, ranges and problems with the file named want. In the
// input ␍ stands for a carriage return and ␠ for a space at the end of a line.
func TestGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no test data", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.NewReplacer("␍", "\r", "␠", " ").Replace(string(a.Files[0].Data))
			p := &document.Parser{Relaxed: strings.Contains(name, "relaxed"), Tag: func(tag string, v plinth.Value) plinth.Value {
				return plinth.MapOf([]plinth.Field{{Key: tag, Value: v}})
			}}
			if strings.Contains(name, "elements") {
				p.Elements = "items"
			}
			got := dump(p, a.Files[0].Name, []byte(text))
			if *update {
				a.Files = []txtar.File{a.Files[0], {Name: "want", Data: []byte(got)}}
				if err := os.WriteFile(name, txtar.Format(a), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(a.Files[len(a.Files)-1].Data), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func dump(p *document.Parser, name string, data []byte) string {
	var b strings.Builder
	problems := p.Parse(name, data, func(d document.Document) {
		fmt.Fprintf(&b, "document %s\n", at(d.Decl.At))
		write(&b, d.Value, d.Decl)
	})
	for _, p := range problems {
		fmt.Fprintf(&b, "%s %s: %s\n", p.Kind, at(p.At), p.Text)
	}
	return b.String()
}

func write(b *strings.Builder, v plinth.Value, decl *plinth.Declaration) {
	o := v.Origin()
	text := v.Kind().String()
	if v.Len() == 0 || v.Kind() != plinth.List && v.Kind() != plinth.Map {
		text = v.String()
	}
	fmt.Fprintf(b, "  %s %s = %s", at(o.At), o.Path, text)
	if o.From != nil {
		fmt.Fprintf(b, " from %s", at(o.From.At))
	}
	if o.Decl != decl {
		fmt.Fprintf(b, " in %s", at(o.Decl.At))
	}
	b.WriteByte('\n')
	for _, e := range v.List() {
		write(b, e, decl)
	}
	for _, f := range v.Fields() {
		write(b, f.Value, decl)
	}
}

func at(l plinth.Location) string {
	return fmt.Sprintf("%d:%d-%d:%d", l.Line, l.Col, l.EndLine, l.EndCol)
}

// TestHostile holds that hostile texts end quickly, with a problem.
func TestHostile(t *testing.T) {
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 12; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
	}
	const many = 1 << 20
	for name, text := range map[string]string{
		"brackets.json":  strings.Repeat("[", many),
		"brackets.yaml":  strings.Repeat("[", many),
		"braces.yaml":    strings.Repeat("{", many),
		"objects.json":   strings.Repeat(`{"a":`, many),
		"dashes.yaml":    strings.Repeat("- ", many),
		"questions.yaml": strings.Repeat("? ", many),
		"anchors.yaml":   strings.Repeat("&a ", many),
		"tags.yaml":      strings.Repeat("!a ", many),
		"bomb.yaml":      bomb,
		"loop.yaml":      "a: &a\n  b: *a\n",
		"merge.yaml":     "a: &a\n  <<: *a\n",
		"binary.yaml":    "a: \x00\x01\x02\xff\xfe",
		"nul.json":       "{\"a\": \x00}",
		"open.yaml":      "a: \"" + strings.Repeat("x", many),
		"tab.yaml":       "a:\n\tb: 1\n",
		"alias.yaml":     "a: *nobody\n",
		"keys.yaml":      strings.Repeat("a: 1\n", 2000),
		"tail.json":      `{"a": 1} x`,
		"half.json":      `{"a": "\u12`,
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			problems := (&document.Parser{}).Parse(name, []byte(text), func(document.Document) {})
			if len(problems) == 0 {
				t.Error("no problem")
			}
			for _, p := range problems {
				if p.At.Line < 1 || p.At.Col < 1 || p.At.Path != name {
					t.Errorf("problem without a place: %+v", p)
				}
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// TestLong holds that long lines and many comments are read in linear time.
func TestLong(t *testing.T) {
	for name, text := range map[string]string{
		"line.yaml":      "a: [" + strings.Repeat("é, ", 1<<18) + "x]\n",
		"comments.yaml":  "a: 1\n" + strings.Repeat("# é\n", 1<<18) + "b: 2\n",
		"scalar.yaml":    "a: |\n" + strings.Repeat("  xxxxxxxxxxxxxxxxxxxxxxxxxx\n", 1<<16),
		"plain.yaml":     "a: x\n" + strings.Repeat("  xxxxxxxxxxxxxxxxxxxxxxxxxx\n", 1<<16),
		"string.json":    `{"a": "` + strings.Repeat(`\n`, 1<<20) + `"}`,
		"documents.yaml": strings.Repeat("---\na: 1\n", 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			n := 0
			if problems := (&document.Parser{}).Parse(name, []byte(text), func(document.Document) { n++ }); len(problems) > 0 || n == 0 {
				t.Errorf("%d documents, problems: %v", n, problems)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func TestText(t *testing.T) {
	for _, data := range []string{
		"\xef\xbb\xbfa: ü\n",
		"\xff\xfea\x00:\x00 \x00\xfc\x00\n\x00",
		"\xfe\xff\x00a\x00:\x00 \x00\xfc\x00\n",
	} {
		if got := document.Text([]byte(data)); got != "a: ü\n" {
			t.Errorf("Text(%q) = %q", data, got)
		}
		var got string
		problems := (&document.Parser{}).Parse("a.yaml", []byte(data), func(d document.Document) { got = d.Value.String() })
		if len(problems) > 0 || got != `{a: "ü"}` {
			t.Errorf("%q: %s %v", data, got, problems)
		}
	}
}

func FuzzYAML(f *testing.F) { fuzz(f, "a.yaml") }
func FuzzJSON(f *testing.F) { fuzz(f, "a.json") }

func fuzz(f *testing.F, name string) {
	for _, s := range []string{
		"a: 1\nb: [x, {y: z}]\n---\nc: |\n  d\n", `{"a": [1, "\u00e9", null], "b": {}} {}`, "a: &x {b: c}\nd: {<<: *x}\n...\n%YAML 1.2\n---\ne: >-\n f\n g\n",
		"k: !Sub \"${A}\"\nl: !If [c, 'it''s', *x]\n? [a]\n: b\n", "a: b\r\nc:\r\n- d\r\n", "a: x\u2028 y\rb: é 1\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := &document.Parser{Elements: "items", Tag: func(tag string, v plinth.Value) plinth.Value { return v }}
		yielded := 0
		problems := p.Parse(name, data, func(d document.Document) {
			yielded++
			check(t, d.Value)
		})
		for _, p := range problems {
			if p.At.Line < 1 || p.At.Col < 1 {
				t.Errorf("problem without a place: %+v", p)
			}
		}
	})
}

func check(t *testing.T, v plinth.Value) {
	o := v.Origin()
	if o == nil || o.Decl == nil {
		t.Fatalf("no origin: %v", v)
	}
	if a := o.At; a.Line < 1 || a.Col < 1 || a.EndLine < a.Line || a.EndLine == a.Line && a.EndCol < a.Col {
		t.Fatalf("range %s of %v", at(a), v)
	}
	for _, e := range v.List() {
		check(t, e)
	}
	for _, f := range v.Fields() {
		check(t, f.Value)
	}
}

func BenchmarkYAML(b *testing.B) {
	text := []byte(strings.Repeat("---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: main\n    image: x:1\n", 1000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		(&document.Parser{}).Parse("a.yaml", text, func(document.Document) {})
	}
}
