// Command gen writes the tables of internal/iam/data from compact JSON facts about the providers: aws.json.gz,
// aws-managed-policies.json.gz, azure-roles.json.gz and gcp-roles.json.gz. Run it with go generate ./internal/iam after the facts
// were renewed. The forms are told in data/README.md.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tables are the files that are written, each from one file of facts.
var tables = []struct {
	facts, name string
	block       int // lines of a member: what is looked up line by line is unpacked in parts
	write       func(*bytes.Buffer, []byte) error
}{
	{"aws.json.gz", "services.txt.gz", 0, services},
	{"aws-managed-policies.json.gz", "managed.txt.gz", 64, managed},
	{"azure-roles.json.gz", "azure.txt.gz", 0, azure},
	{"gcp-roles.json.gz", "google.txt.gz", 0, google},
}

func main() {
	from := flag.String("from", "", "folder with the facts")
	out := flag.String("out", "data", "folder to write to")
	flag.Parse()
	if err := generate(*from, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func generate(from, out string) error {
	for _, t := range tables {
		if err := run(filepath.Join(from, t.facts), filepath.Join(out, t.name), t.block, t.write); err != nil {
			return err
		}
	}
	return nil
}

// run writes one table; block is the number of lines of a member, 0 for all.
func run(facts, name string, block int, write func(*bytes.Buffer, []byte) error) error {
	f, err := os.Open(facts)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("read %s: %w", facts, err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return fmt.Errorf("read %s: %w", facts, err)
	}
	var b bytes.Buffer
	if err := write(&b, text); err != nil {
		return fmt.Errorf("%s: %w", facts, err)
	}
	lines := bytes.SplitAfter(b.Bytes(), []byte("\n"))
	if block == 0 {
		block = len(lines)
	}
	var packed bytes.Buffer
	for part := range slices.Chunk(lines, block) {
		if text := bytes.Join(part, nil); len(text) > 0 {
			if err := member(&packed, text); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(name, packed.Bytes(), 0o644)
}

// member writes one member of a gzip file. Its header names the first field of its first line and, as its extra field, its own length:
// a reader skips the members that it does not want.
func member(to *bytes.Buffer, text []byte) error {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	first, _, _ := bytes.Cut(text, []byte("\t"))
	if first, _, _ = bytes.Cut(first, []byte("\n")); utf8.Valid(first) {
		w.Name = string(first)
	}
	w.Extra = make([]byte, 4)
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(packed.Bytes()[12:], uint32(packed.Len())) // RFC 1952: ten bytes, the length of the extra field, that
	_, err = to.Write(packed.Bytes())
	return err
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Slice(out, func(i, j int) bool { return strings.ToLower(out[i]) < strings.ToLower(out[j]) })
	return out
}

type service struct {
	Name      string                       `json:"name"`
	RCP       bool                         `json:"rcp"`
	Resources map[string]string            `json:"resources"`
	Keys      [][]string                   `json:"keys"`
	Actions   map[string][]json.RawMessage `json:"actions"`
}

// services writes s, r, k and a lines, sorted by prefix and name.
func services(b *bytes.Buffer, text []byte) error {
	var facts struct {
		Services map[string]service `json:"services"`
	}
	if err := json.Unmarshal(text, &facts); err != nil {
		return err
	}
	for _, prefix := range keys(facts.Services) {
		s := facts.Services[prefix]
		fmt.Fprintf(b, "s\t%s\t%d\t%s\n", prefix, truth(s.RCP), s.Name)
		for _, r := range keys(s.Resources) {
			fmt.Fprintf(b, "r\t%s\t%s\n", r, s.Resources[r])
		}
		for _, k := range s.Keys {
			fmt.Fprintf(b, "k\t%s\n", strings.Join(k, "\t"))
		}
		for _, name := range keys(s.Actions) {
			if err := action(b, name, s.Actions[name]); err != nil {
				return fmt.Errorf("%s:%s: %w", prefix, name, err)
			}
		}
	}
	return nil
}

func truth(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// action writes the name, level, resource types, condition keys (those of its resource types included) and dependent actions.
func action(b *bytes.Buffer, name string, facts []json.RawMessage) error {
	var level string
	var types, needs []string
	var indexes []int
	byType := map[string][]int{}
	for i, to := range []any{&level, &types, &indexes, &byType, &needs} {
		if i < len(facts) {
			if err := json.Unmarshal(facts[i], to); err != nil {
				return err
			}
		}
	}
	set := map[int]bool{}
	for _, i := range indexes {
		set[i] = true
	}
	for _, list := range byType {
		for _, i := range list {
			set[i] = true
		}
	}
	line := strings.Join([]string{"a", name, level, strings.Join(types, ","), ranges(set), strings.Join(needs, ",")}, "\t")
	b.WriteString(strings.TrimRight(line, "\t") + "\n")
	return nil
}

// ranges writes a set of numbers as 1-3,7.
func ranges(set map[int]bool) string {
	list := make([]int, 0, len(set))
	for i := range set {
		list = append(list, i)
	}
	sort.Ints(list)
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		part := strconv.Itoa(list[i])
		if j > i {
			part += "-" + strconv.Itoa(list[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// managed writes ARN and document, one policy a line.
func managed(b *bytes.Buffer, text []byte) error {
	var facts struct {
		Policies map[string]json.RawMessage `json:"policies"`
	}
	if err := json.Unmarshal(text, &facts); err != nil {
		return err
	}
	for _, arn := range keys(facts.Policies) {
		b.WriteString(arn + "\t")
		if err := json.Compact(b, facts.Policies[arn]); err != nil {
			return fmt.Errorf("%s: %w", arn, err)
		}
		b.WriteByte('\n')
	}
	return nil
}

// azure writes R lines (id, name), each followed by P lines: actions, not actions, data actions, not data actions, condition.
func azure(b *bytes.Buffer, text []byte) error {
	var facts struct {
		Roles [][]json.RawMessage `json:"roles"`
	}
	if err := json.Unmarshal(text, &facts); err != nil {
		return err
	}
	for _, r := range facts.Roles {
		var id, name string
		var permissions [][]json.RawMessage
		for i, to := range []any{&id, &name, &permissions} {
			if err := json.Unmarshal(r[i], to); err != nil {
				return err
			}
		}
		fmt.Fprintf(b, "R\t%s\t%s\n", id, name)
		for _, p := range permissions {
			parts := make([]string, 5)
			for i := range parts[:4] {
				var list []string
				if err := json.Unmarshal(p[i], &list); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				parts[i] = strings.Join(list, ",")
			}
			if len(p) > 4 {
				if err := json.Unmarshal(p[4], &parts[4]); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			parts[4] = strings.Join(strings.Fields(parts[4]), " ")
			b.WriteString("P\t" + strings.Join(parts, "\t") + "\n")
		}
	}
	return nil
}

// google writes all permissions, one a line, an empty line, and the roles: name, stage, runs of permissions as gap,length pairs.
func google(b *bytes.Buffer, text []byte) error {
	var facts struct {
		Permissions []string                     `json:"permissions"`
		Roles       map[string][]json.RawMessage `json:"roles"`
	}
	if err := json.Unmarshal(text, &facts); err != nil {
		return err
	}
	b.WriteString(strings.Join(facts.Permissions, "\n") + "\n\n")
	for _, name := range keys(facts.Roles) {
		var stage string
		var runs []int
		for i, to := range []any{&stage, &runs} {
			if err := json.Unmarshal(facts.Roles[name][i], to); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		parts := make([]string, len(runs))
		for i, n := range runs {
			parts[i] = strconv.Itoa(n)
		}
		fmt.Fprintf(b, "%s\t%s\t%s\n", name, stage, strings.Join(parts, ","))
	}
	return nil
}
