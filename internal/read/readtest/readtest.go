// Package readtest holds what every reader is tested with: hostile files that must neither kill it nor be skipped in silence,
// and golden archives of files with what was read of them.
package readtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/plinthsec/plinth/internal/golden"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

const slow = time.Minute // a guard against what never ends, not a measure: machines are shared

// Recorder is a sink that keeps what it is given.
type Recorder struct {
	mu        sync.Mutex
	Resources []*plinth.Resource
	Problems  []plinth.Problem
}

var _ plinth.Sink = (*Recorder)(nil)

// Resource keeps a resource.
func (r *Recorder) Resource(x *plinth.Resource) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Resources = append(r.Resources, x)
}

// Problem keeps a problem.
func (r *Recorder) Problem(x plinth.Problem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Problems = append(r.Problems, x)
}

// Run gives the reader those of the files that it wants, as one project without a name, and returns what it found.
func Run(t testing.TB, reader plinth.Reader, files map[string]string) *Recorder {
	t.Helper()
	wanted := map[string]string{}
	for name, text := range files {
		if reader.Wants(name, []byte(text)) {
			wanted[name] = text
		}
	}
	return read(t, reader, files, wanted)
}

func read(t testing.TB, reader plinth.Reader, files, wanted map[string]string) *Recorder {
	t.Helper()
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	p := &plinth.Project{FS: tree, Config: &plinth.Config{Jobs: 1}}
	for name, text := range wanted {
		p.Files = append(p.Files, plinth.File{Path: name, Data: []byte(text)})
	}
	slices.SortFunc(p.Files, func(a, b plinth.File) int { return strings.Compare(a.Path, b.Path) })
	to := &Recorder{}
	if err := reader.Read(context.Background(), p, to); err != nil {
		t.Fatalf("Read: %v", err)
	}
	return to
}

// Hostile reads hostile files, and every beginning of the sample, under the sample's name. No file may make the reader panic or
// take long, and of a file that it wants it must tell something: a resource or a problem.
func Hostile(t *testing.T, reader plinth.Reader, name, sample string) {
	t.Helper()
	const many = 1 << 20
	texts := map[string]string{
		"empty": "", "line feed": "\n", "binary": "\x00\x01\x02\xff\xfe\xfd\x7fELF", "bom": "\xef\xbb\xbf", "utf-16": "\xff\xfe\x00",
		"bom sample": "\xef\xbb\xbf" + sample, "crlf sample": strings.ReplaceAll(sample, "\n", "\r\n"), "latin-1 sample": sample + "\n# \xe9\n",
		"tail of nuls": sample + strings.Repeat("\x00", 64), "control": strings.ReplaceAll(sample, " ", " \x01"),
		"long line": sample + "# " + strings.Repeat("x", many) + "\n",
	}
	for _, s := range []string{"[", "{", "(", "{\"a\":[", "- ", "a: ", "$(", "${", "\"", "'", "`", "<<", "&a *a ", "if ", "!x ", "\\\n", "\t", "#\n"} {
		texts["many "+s] = strings.Repeat(s, many/len(s))
		texts["sample, then many "+s] = sample + strings.Repeat(s, many/len(s))
	}
	for what, text := range texts {
		hostile(t, reader, name, what, text)
	}
	for n := range len(sample) {
		hostile(t, reader, name, fmt.Sprintf("first %d bytes", n), sample[:n])
	}
	if n := len(Run(t, reader, map[string]string{name: sample}).Resources); n == 0 {
		t.Error("the sample itself has no resource")
	}
}

func hostile(t *testing.T, reader plinth.Reader, name, what, text string) {
	t.Helper()
	start := time.Now()
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%s: panic: %v", what, r)
		}
		if d := time.Since(start); d > slow {
			t.Errorf("%s: took %v", what, d)
		}
	}()
	file := map[string]string{name: text}
	got := read(t, reader, file, file)
	if reader.Wants(name, []byte(text)) && len(got.Resources) == 0 && len(got.Problems) == 0 {
		t.Errorf("%s: wanted and skipped in silence: %.200q", what, text)
	}
	for _, p := range got.Problems {
		if p.At.Path != name {
			t.Errorf("%s: problem without a place: %+v", what, p)
		}
	}
}

// Golden runs the reader over the files of each archive that the pattern names and compares what it found with the file named
// want; -update writes it.
func Golden(t *testing.T, reader plinth.Reader, pattern string) {
	golden.Run(t, pattern, func(t *testing.T, files map[string]string) string { return Print(Run(t, reader, files)) })
}

// Print writes what was found as text: one line for each resource, one for each leaf of its properties with the line it was
// written in, then problems.
func Print(r *Recorder) string {
	var b strings.Builder
	slices.SortStableFunc(r.Resources, func(x, y *plinth.Resource) int {
		return cmp.Or(strings.Compare(x.Decl.At.Path, y.Decl.At.Path), cmp.Compare(x.Decl.At.Line, y.Decl.At.Line),
			strings.Compare(string(x.ID), string(y.ID)), strings.Compare(x.Type, y.Type))
	})
	for _, x := range r.Resources {
		fmt.Fprintf(&b, "%s %s %q\n", x.ID, x.Type, x.Name)
		fmt.Fprintf(&b, "  %s %s %s header %d root %q\n", x.Decl.Address, x.Decl.Type, place(x.Decl.At), x.Decl.Header.Line, x.Root)
		for _, a := range x.Aliases {
			fmt.Fprintf(&b, "  also %s\n", a)
		}
		for _, r := range x.Props.Refs() {
			fmt.Fprintf(&b, "  -> %s\n", r.To)
		}
		leaves(&b, "", x.Props)
		if !x.Source.IsNull() {
			leaves(&b, "source:", x.Source)
		}
	}
	slices.SortStableFunc(r.Problems, func(x, y plinth.Problem) int {
		return cmp.Or(strings.Compare(x.At.Path, y.At.Path), cmp.Compare(x.At.Line, y.At.Line), strings.Compare(x.Text, y.Text))
	})
	for _, x := range r.Problems {
		fmt.Fprintf(&b, "%s %s: %s\n", x.Kind, place(x.At), x.Text)
	}
	return b.String()
}

func place(l plinth.Location) string {
	if l.EndLine == l.Line {
		return fmt.Sprintf("%s:%d", l.Path, l.Line)
	}
	return fmt.Sprintf("%s:%d-%d", l.Path, l.Line, l.EndLine)
}

func leaves(b *strings.Builder, prefix string, v plinth.Value) {
	value.Walk(v, func(path string, v plinth.Value) bool {
		if v.Len() > 0 && (v.Kind() == plinth.List || v.Kind() == plinth.Map) {
			return true
		}
		fmt.Fprintf(b, "    %s%s = %s", prefix, path, v)
		if o := v.Origin(); o != nil {
			fmt.Fprintf(b, " @%d", o.At.Line)
			if o.Path != path {
				fmt.Fprintf(b, " (%s)", o.Path)
			}
			if o.From != nil {
				fmt.Fprintf(b, " from %d", o.From.At.Line)
			}
			if o.Default {
				b.WriteString(" default")
			}
		}
		for _, r := range v.Refs() {
			fmt.Fprintf(b, " -> %s", strings.TrimSuffix(r.To+"."+r.Attr, "."))
		}
		if doc, ok := v.Document(); ok {
			fmt.Fprintf(b, " document %s", doc)
		}
		b.WriteByte('\n')
		return false
	})
}
