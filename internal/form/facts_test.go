package form

import (
	"strings"
	"testing"
)

// formerly are arguments of earlier provider versions: the embedded facts are of the newest one.
func TestTablesAgainstSchemas(t *testing.T) {
	tables, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	known, err := Known()
	if err != nil {
		t.Fatal(err)
	}
	for _, tf := range tables.Types() {
		e, err := tables.entry(tf)
		if err != nil {
			t.Fatal(err)
		}
		if tf != e.Into {
			if _, ok := known.Has(e.Into, "x"); !ok && !undocumented[e.Into] {
				t.Errorf("%s: no provider knows the type %s", tf, e.Into)
			}
			checkLeft(t, known, tf, e.lines)
		}
		checkRight(t, known, tf, e.Into, e.lines)
		for _, p := range e.parts {
			if !strings.Contains(p.tf, "::") {
				checkLeft(t, known, p.tf, p.lines)
			}
			checkRight(t, known, tf+" part "+p.tf, e.Into, p.lines)
		}
	}
}

// undocumented are types that exist, though no schema of the facts has them: nobody can make one through the API.
var undocumented = map[string]bool{"cloudresourcemanager.googleapis.com/Organization": true}

func checkLeft(t *testing.T, known *Facts, tf string, lines []line) {
	t.Helper()
	for i := range lines {
		for _, left := range lines[i].left {
			path := plainPath(left)
			if path == "" || formerly[tf+"."+path] {
				continue
			}
			if has, ok := known.Has("terraform:"+tf, path); ok && !has {
				t.Errorf("%s: no provider version has the argument %s", tf, path)
			}
		}
	}
}

func checkRight(t *testing.T, known *Facts, where, into string, lines []line) {
	t.Helper()
	for i := range lines {
		l := &lines[i]
		typ := into
		if l.hang != "" {
			typ, _, _ = strings.Cut(l.hang, "[]")
		}
		if l.text == "" {
			continue
		}
		if has, ok := known.Has(typ, l.text); ok && !has {
			t.Errorf("%s: %s has no property %s", where, typ, l.text)
		}
	}
}

func TestSpelling(t *testing.T) {
	known, err := Known()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{"microsoft.insights/logProfiles", "Microsoft.Insights/logprofiles"},
		{"Microsoft.Storage/storageAccounts", "Microsoft.Storage/storageAccounts"},
		{"Microsoft.Example/things", "Microsoft.Example/things"},
	} {
		if got := known.Spelling(c[0]); got != c[1] {
			t.Errorf("Spelling(%s) = %s, want %s", c[0], got, c[1])
		}
	}
}
