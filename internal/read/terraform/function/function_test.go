package function

import (
	"errors"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
)

// oneFile is a folder with one file.
type oneFile struct{ name, text string }

func (o oneFile) ReadFile(p string) ([]byte, string, error) {
	if p != o.name {
		return nil, "", &FileError{Path: p, Kind: plinth.NotDownloaded, Why: "is not there"}
	}
	return []byte(o.text), p, nil
}

func (o oneFile) Exists(p string) (bool, error)              { return p == o.name, nil }
func (o oneFile) Glob(dir, pattern string) ([]string, error) { return []string{o.name}, nil }

func args(in ...any) []plinth.Value {
	out := make([]plinth.Value, len(in))
	for i, a := range in {
		switch a := a.(type) {
		case string:
			out[i] = plinth.StringOf(a)
		case int:
			out[i] = plinth.NumberOf(float64(a))
		case plinth.Value:
			out[i] = a
		}
	}
	return out
}

func TestFileFunctions(t *testing.T) {
	files := oneFile{"a.txt", "content"}
	for _, c := range []struct{ name, want string }{
		{"file", `"content"`},
		{"filebase64", `"Y29udGVudA=="`},
		{"filemd5", `"9a0364b9e99bb480dd25e1f0284c8555"`},
		{"filesha1", `"040f06fd774092478d450774f5ba30c5da78acc8"`},
		{"filesha256", `"ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"`},
		{"filebase64sha256", `"7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M="`},
		{"fileexists", `true`},
	} {
		v, err := All()[c.name].Call(files, args("a.txt"))
		if err != nil || v.String() != c.want {
			t.Errorf("%s = %s, %v; want %s", c.name, v, err, c.want)
		}
		if c.name == "fileexists" {
			continue
		}
		var missing *FileError
		if _, err := All()[c.name].Call(files, args("b.txt")); !errors.As(err, &missing) {
			t.Errorf("%s of a missing file: %v", c.name, err)
		}
		if v, err := All()[c.name].Call(nil, args("a.txt")); err != nil || !v.IsUnknown() {
			t.Errorf("%s without files = %s, %v", c.name, v, err)
		}
	}
}

func TestBeyondTerraform(t *testing.T) {
	for _, c := range []struct {
		name, want string
		args       []plinth.Value
	}{
		{"cidrcontains", `true`, args("10.0.0.0/8", "10.9.0.1")},
		{"cidrcontains", `false`, args("10.0.0.0/8", "10.0.0.0/7")},
		{"cidrcontains", `true`, args("fd00::/8", "fd12:3456::/32")},
		{"base64gunzip", `"text"`, args("H4sIAAAAAAAAAytJrSgBAMenizsEAAAA")},
		{"urldecode", `"a b&c"`, args("a+b%26c")},
		{"list", `["a", 1]`, args("a", 1)},
		{"map", `{k: "v"}`, args("k", "v")},
		{"bcrypt", `<unknown: bcrypt()>`, args("p")},
		{"uuid", `<unknown: uuid()>`, nil},
		{"pathexpand", `<unknown: pathexpand("~/x")>`, args("~/x")},
	} {
		if v, err := All()[c.name].Call(nil, c.args); err != nil || v.String() != c.want {
			t.Errorf("%s%v = %s, %v; want %s", c.name, c.args, v, err, c.want)
		}
	}
}

// TestBombs holds that no call makes more than it may.
func TestBombs(t *testing.T) {
	long := plinth.StringOf(strings.Repeat("a", 1<<20))
	deep := plinth.ListOf(args("x"))
	for range 40 {
		deep = plinth.ListOf([]plinth.Value{deep, deep, deep})
	}
	wide := make([]plinth.Value, 1000)
	for i := range wide {
		wide[i] = plinth.NumberOf(float64(i))
	}
	many := plinth.ListOf(wide)
	for name, in := range map[string][]plinth.Value{
		"format": args("%999999999d", 1), "indent": args(9999, strings.Repeat("\n", 100_000)), "replace": args(long, "", "bbbbbbbbbbbbbbbbbbbb"),
		"jsonencode": args(deep), "yamlencode": args(deep), "flatten": args(deep), "setproduct": args(many, many, many), "range": args(1_000_000),
		"join": {long, plinth.ListOf([]plinth.Value{long, long, long, long, long, long, long, long, long})}, "parseint": args(strings.Repeat("9", 2000), 10),
	} {
		if v, err := All()[name].Call(nil, in); err == nil {
			t.Errorf("%s makes a value of %d parts", name, v.Len())
		}
	}
	if _, err := ParseYAML(bombYAML()); err == nil {
		t.Error("an alias bomb is read")
	}
	if _, err := ParseYAML(strings.Repeat("[", 5000) + strings.Repeat("]", 5000)); err == nil {
		t.Error("deep YAML is read")
	}
}

func bombYAML() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		n := string(rune('a'+i)) + "x"
		last := "a0"
		if i > 1 {
			last = string(rune('a'+i-1)) + "x"
		}
		b.WriteString(n + ": &" + n + " [" + strings.TrimSuffix(strings.Repeat("*"+last+", ", 8), ", ") + "]\n")
	}
	return b.String()
}

func FuzzParseYAML(f *testing.F) {
	for _, s := range []string{"a: 1", "- x\n- [1, {b: c}]", "a: &x {b: 1}\nc:\n  <<: *x", bombYAML(), "? [a]\n: b", "!!int x", "0x", "\xef\xbb\xbfa: b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 10_000 {
			return
		}
		if v, err := ParseYAML(s); err != nil && v.Len() > 0 {
			t.Errorf("a value beside an error: %v", err)
		}
	})
}
