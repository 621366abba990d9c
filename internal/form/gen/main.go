// Command gen writes internal/form/schema/facts.txt.gz: the property paths of the types that the tables and rules name, taken
// from compact provider schemas. Run it with go generate ./internal/form after a new type came into a table.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/plinthsec/plinth/internal/form"
)

func main() {
	schemas := flag.String("schemas", "", "folder with cloudformation.jsonl.gz, azure.jsonl.gz, google.jsonl.gz and terraform-*.jsonl.gz")
	rules := flag.String("rules", "../../rules", "folder with the rules, whose types count too")
	out := flag.String("out", "schema/facts.txt.gz", "file to write")
	flag.Parse()
	if err := run(*schemas, *rules, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(schemas, rules, out string) error {
	tables, err := form.Load()
	if err != nil {
		return err
	}
	want, err := tables.Named()
	if err != nil {
		return err
	}
	if err := ruleTypes(rules, want); err != nil {
		return err
	}
	paths := map[string]map[string]bool{}
	for _, read := range []func(string, map[string]bool, map[string]map[string]bool) error{clouds, terraform} {
		if err := read(schemas, want, paths); err != nil {
			return err
		}
	}
	return write(out, paths)
}

// more are properties that the services document and the schemas lack: the SDKs that these were made from cut them.
var more = map[string][]string{
	"Microsoft.MachineLearningServices/workspaces": {"properties.managedNetwork{}", "properties.publicNetworkAccess"},
	"Microsoft.MachineLearningServices/workspaces/computes": {
		"properties.disableLocalAuth", "properties.properties.enableNodePublicIp", "properties.properties.scaleSettings.maxNodeCount",
		"properties.properties.scaleSettings.minNodeCount", "properties.properties.vmSize",
	},
}

// ruleTypes adds what stands behind on: in the rules.
func ruleTypes(dir string, want map[string]bool) error {
	return filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".yaml") {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		lines := strings.Split(string(data), "\n")
		for i, line := range lines {
			rest, ok := strings.CutPrefix(line, "on:")
			if !ok {
				continue
			}
			for _, t := range strings.Split(strings.Trim(strings.TrimSpace(rest), "[]"), ",") {
				want[strings.ToLower(strings.Trim(strings.TrimSpace(t), `"'`))] = true
			}
			for _, more := range lines[i+1:] {
				t, ok := strings.CutPrefix(strings.TrimSpace(more), "- ")
				if !ok {
					break
				}
				want[strings.ToLower(strings.Trim(t, `"'`))] = true
			}
		}
		return nil
	})
}

func clouds(dir string, want map[string]bool, paths map[string]map[string]bool) error {
	for _, name := range []string{"cloudformation", "azure", "google"} {
		err := rows(filepath.Join(dir, name+".jsonl.gz"), func(line []byte) error {
			var r struct {
				Type  string            `json:"type"`
				Paths map[string]string `json:"paths"`
				Older map[string]string `json:"older"`
			}
			if err := json.Unmarshal(line, &r); err != nil {
				return err
			}
			if !want[strings.ToLower(r.Type)] {
				return nil
			}
			for p, kind := range r.Paths {
				note(paths, r.Type, p, kind)
			}
			for p, kind := range r.Older {
				note(paths, r.Type, p, kind)
			}
			for _, p := range more[r.Type] {
				note(paths, r.Type, p, "string")
			}
			if name == "google" {
				note(paths, r.Type, "iamPolicy", "any")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// note takes one path without its brackets. Free maps, free JSON and structures that come again are free below.
func note(paths map[string]map[string]bool, typ, path, kind string) {
	if paths[typ] == nil {
		paths[typ] = map[string]bool{}
	}
	kind = strings.TrimPrefix(kind, "ro ")
	kind, _, _ = strings.Cut(kind, ":")
	free := kind == "json" || kind == "map" || kind == "any" || kind == "object" || kind == "rec" || kind == "ref"
	for _, open := range []string{"{}", ".*"} {
		if i := strings.Index(path, open); i >= 0 {
			path, free = path[:i], true
		}
	}
	path = strings.ReplaceAll(path, "[]", "")
	if free {
		path += ".*"
	}
	paths[typ][path] = true
}

type tfBlock struct {
	Args   map[string]tfArg   `json:"args"`
	Blocks map[string]tfBlock `json:"blocks"`
	Any    int                `json:"any"`
}

type tfArg struct {
	Type string           `json:"t"`
	Args map[string]tfArg `json:"args"`
}

func terraform(dir string, want map[string]bool, paths map[string]map[string]bool) error {
	files, err := filepath.Glob(filepath.Join(dir, "terraform-*.jsonl.gz"))
	if err != nil {
		return err
	}
	for _, file := range files {
		err := rows(file, func(line []byte) error {
			var r struct {
				Type, Kind string
				tfBlock
			}
			if err := json.Unmarshal(line, &r); err != nil {
				return err
			}
			typ := "terraform:" + r.Type
			if r.Kind == "data" {
				typ = "data:" + r.Type
			}
			if want[typ] || r.Kind != "data" && want[r.Type] {
				walk(paths, typ, "", r.tfBlock)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func walk(paths map[string]map[string]bool, typ, at string, b tfBlock) {
	for name, a := range b.Args {
		arg(paths, typ, at+name, a)
	}
	for name, inner := range b.Blocks {
		if inner.Any != 0 || len(inner.Args)+len(inner.Blocks) == 0 {
			note(paths, typ, at+name, "any")
		}
		walk(paths, typ, at+name+".", inner)
	}
}

func arg(paths map[string]map[string]bool, typ, at string, a tfArg) {
	kind := "string"
	if strings.HasPrefix(a.Type, "map") || a.Type == "any" || strings.HasPrefix(a.Type, "object") && a.Args == nil {
		kind = "any"
	}
	note(paths, typ, at, kind)
	for name, inner := range a.Args {
		arg(paths, typ, at+"."+name, inner)
	}
}

func rows(file string, row func([]byte) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	s := bufio.NewScanner(z)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		if err := row(s.Bytes()); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return s.Err()
}

// write packs types and paths; each path drops the steps that it shares with the one before and counts them instead.
func write(out string, paths map[string]map[string]bool) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	types := make([]string, 0, len(paths))
	for t := range paths {
		types = append(types, t)
	}
	sort.Strings(types)
	w := bufio.NewWriter(z)
	for _, t := range types {
		fmt.Fprintf(w, "type\t%s\n", t)
		list := make([]string, 0, len(paths[t]))
		for p := range paths[t] {
			list = append(list, p)
		}
		sort.Strings(list)
		last := ""
		for _, p := range list {
			n, end := 0, 0
			for {
				i := strings.IndexByte(p[end:], '.')
				if i < 0 || !strings.HasPrefix(last, p[:end+i+1]) {
					break
				}
				end += i + 1
				n++
			}
			if n == 0 {
				fmt.Fprintln(w, p)
			} else {
				fmt.Fprintf(w, "%d|%s\n", n, p[end:])
			}
			last = p
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o644)
}
