package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
)

func TestCacheDir(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have other places")
	}
	for _, c := range []struct {
		env        []string
		flag, want string
	}{
		{[]string{"HOME=/home/a"}, "", "/home/a/.cache/plinth/scans"},
		{[]string{"HOME=/home/a", "XDG_CACHE_HOME=/x"}, "", "/x/plinth/scans"},
		{[]string{"HOME=/home/a", "PLINTH_CACHE=/ci"}, "", "/ci"},
		{[]string{"HOME=/home/a", "PLINTH_CACHE=/ci"}, "/flag", "/flag"},
		{[]string{"HOME=/home/a", "PLINTH_CACHE=off"}, "", ""},
		{[]string{"HOME=/home/a", "PLINTH_CACHE=/ci"}, "off", ""},
		{[]string{"HOME=relative"}, "", ""},
		{nil, "", ""},
	} {
		if got := cacheDir(c.env, c.flag); got != c.want {
			t.Errorf("%v and %q: %q, want %q", c.env, c.flag, got, c.want)
		}
	}
}

func TestBuildIsFound(t *testing.T) {
	for name, head := range map[string]string{
		"quoted": "\x00\x01\xff Go build ID: \"abc/def\"\n \xff", "little": "\x7fELF\x00\x07\x00\x00\x00\x04\x00\x00\x00Go\x00\x00abc/def\x00", "big": "\x7fELF\x00\x00\x00\x00\x07\x00\x00\x00\x04Go\x00\x00abc/def\x00",
	} {
		if got := idIn([]byte(head)); got != "abc/def" {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, head := range []string{"", "\x04\x00\x00\x00Go\x00\x00", "\xff\xff\xff\x7f\x04\x00\x00\x00Go\x00\x00abc", "#!/bin/sh"} {
		if got := idIn([]byte(head)); got != "" {
			t.Errorf("%q: %q", head, got)
		}
	}
	if id, ok := buildID(); !ok || id == "" {
		t.Errorf("this program has no id: %q", id)
	}
}

// TestCacheKey: what may change what is found out about a file has a store of its own; what only changes the gate has not.
func TestCacheKey(t *testing.T) {
	own := t.TempDir()
	rule := filepath.Join(own, "r.yaml")
	if err := os.WriteFile(rule, []byte("id: x"), 0o644); err != nil {
		t.Fatal(err)
	}
	run := &scan.Run{Readers: all.Readers()}
	of := func(c plinth.Config, run *scan.Run, dir string) string {
		sum, ok := cacheKey(dir, &c, run)
		if !ok {
			return ""
		}
		return sum.String()
	}
	base := of(plinth.Config{}, run, ".")
	for name, same := range map[string]plinth.Config{
		"jobs": {Jobs: 7}, "gate": {FailOn: plinth.High, Strict: true, Least: plinth.Low}, "baseline": {Baselines: []string{"b.json"}}, "suppressions": {Suppress: []plinth.Exception{{Why: "x"}}},
	} {
		if of(same, run, ".") != base {
			t.Errorf("%s: another store", name)
		}
	}
	for name, other := range map[string]plinth.Config{
		"var files": {VarFiles: []string{"a.tfvars"}}, "exclude": {Exclude: []string{"a"}}, "only": {Only: []string{"secret"}}, "rules": {RuleDirs: []string{own}}, "projects": {Projects: []string{"a"}}, "comments": {IgnoreRepo: true},
	} {
		if key := of(other, run, "."); key == base || key == "" {
			t.Errorf("%s: %q, the same store", name, key)
		}
	}
	if of(plinth.Config{}, run, "..") == base || of(plinth.Config{}, &scan.Run{}, ".") == base {
		t.Error("another target, or other readers, have the same store")
	}
	before := of(plinth.Config{RuleDirs: []string{own}}, run, ".")
	if err := os.WriteFile(rule, []byte("id: y"), 0o644); err != nil {
		t.Fatal(err)
	}
	if of(plinth.Config{RuleDirs: []string{own}}, run, ".") == before {
		t.Error("changed rules have the same store")
	}
	if of(plinth.Config{RuleDirs: []string{"x.toml"}}, run, ".") != "" || of(plinth.Config{RuleDirs: []string{filepath.Join(own, "none")}}, run, ".") != "" {
		t.Error("rules that cannot be told have a store")
	}
}

func TestKeeper(t *testing.T) {
	dir, kept := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte("resource \"aws_sqs_queue\" \"q\" {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	open := func() *tree.Tree {
		target, err := tree.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { target.Close() })
		return target
	}
	var errs bytes.Buffer
	conf := &plinth.Config{Jobs: 1}
	one := func(cache string, long bool) *keeper {
		run := &scan.Run{Config: conf, Readers: all.Readers()}
		target := open()
		k := newKeeper(Streams{Err: &errs}, &scanFlags{cache: cache}, target, conf, run)
		if k != nil && long {
			k.begin = time.Now().Add(-time.Minute)
		}
		if _, err := run.Scan(t.Context(), target); err != nil {
			t.Fatal(err)
		}
		k.wait()
		return k
	}
	if one("off", true) != nil || one("", true) != nil {
		t.Error("something is kept where nobody says where")
	}
	if k := one(kept, false); k.Known() || one(kept, false).Known() {
		t.Error("a short run is kept")
	}
	if k := one(kept, true); k.Known() || !one(kept, false).Known() {
		t.Error("a long run is not kept")
	}
	file := filepath.Join(kept, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if one(filepath.Join(file, "below"), true); !strings.Contains(errs.String(), "--cache off") {
		t.Errorf("a folder that cannot be made is told as %q", errs.String())
	}
	text, err := tree.Text("main.tf", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	if newKeeper(Streams{Err: &errs}, &scanFlags{cache: kept}, text, conf, &scan.Run{Readers: all.Readers()}) != nil {
		t.Error("standard input is kept")
	}
}
