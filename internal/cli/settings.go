package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

// setting is one thing that a run can be told: in plinth.yaml, by a PLINTH_ variable, by --set, and some by a flag. The list of
// settings is the only place that knows them; flags, variables, the schema and the reference page come from it.
type setting struct {
	key   string // in plinth.yaml: terraform.var-files
	flag  string // "" where there is none
	short string
	kind  kind
	def   string
	about string
	words []string // allowed values, nil for any
	set   func(*plinth.Config, []string) error
}

type kind int

const (
	yesNo kind = iota
	word
	words
	count
)

func (k kind) String() string { return [...]string{"true or false", "text", "list", "number"}[k] }

const configName = "plinth.yaml"

var severityWords = []string{"info", "low", "medium", "high", "critical"}

func settings() []setting {
	return []setting{
		{key: "projects", kind: words, about: "folders that are worlds of their own: references and joins never cross their borders", set: list(func(c *plinth.Config) *[]string { return &c.Projects })},
		{key: "exclude", flag: "exclude", short: "x", kind: words, about: "paths to leave out (glob; a pattern without a slash matches at any depth)", set: list(func(c *plinth.Config) *[]string { return &c.Exclude })},
		{key: "only", flag: "only", kind: words, about: "run only these rules (ids or aliases) or engines", set: list(func(c *plinth.Config) *[]string { return &c.Only })},
		{key: "skip", flag: "skip", kind: words, about: "leave these rules or engines out", set: list(func(c *plinth.Config) *[]string { return &c.Skip })},
		{key: "rules", flag: "rules", kind: words, about: "folders with rules of your own", set: list(func(c *plinth.Config) *[]string { return &c.RuleDirs })},
		{key: "policies", flag: "policy", kind: words, about: "folders with policies in Rego (package main on documents, as in Conftest; package plinth on resources) and with Gatekeeper's templates and constraints", set: list(func(c *plinth.Config) *[]string { return &c.Policies })},
		{key: "policy-data", flag: "data", kind: words, about: "YAML or JSON files, or folders of them, that policies see as data", set: list(func(c *plinth.Config) *[]string { return &c.PolicyData })},
		{key: "rego-version", flag: "rego-version", kind: word, def: "auto", words: []string{"auto", "v0", "v1"}, about: "version of Rego that policies are written in; auto reads a file as v1 and, where that fails, as v0", set: setRegoVersion},
		{key: "baseline", flag: "baseline", kind: words, about: "files with findings that are known: a baseline or report of plinth, a baseline of Checkov or gitleaks (JSON), an ignore file of Trivy (.trivyignore, .trivyignore.yaml)", set: list(func(c *plinth.Config) *[]string { return &c.Baselines })},
		{key: "severity", flag: "severity", kind: word, def: "info", words: severityWords, about: "report findings from this severity on", set: severity(func(c *plinth.Config) *plinth.Severity { return &c.Least })},
		{key: "fail-on", flag: "fail-on", kind: word, def: "high", words: append([]string{"none"}, severityWords...), about: "the gate fails from this severity on", set: setFailOn},
		{key: "fail-on-unknown", flag: "fail-on-unknown", kind: yesNo, about: "an unknown verdict fails the gate", set: truth(func(c *plinth.Config) *bool { return &c.FailOnUnknown })},
		{key: "allow-incomplete", flag: "allow-incomplete", kind: yesNo, about: "what could not be looked at does not change the exit code", set: truth(func(c *plinth.Config) *bool { return &c.AllowPartial })},
		{key: "strict", flag: "strict", kind: yesNo, about: "modules that are not downloaded and unsupported files make the run incomplete, too", set: truth(func(c *plinth.Config) *bool { return &c.Strict })},
		{key: "offline", flag: "offline", kind: yesNo, about: "never use the network", set: truth(func(c *plinth.Config) *bool { return &c.Offline })},
		{key: "jobs", flag: "jobs", short: "j", kind: count, def: "number of processors", about: "how many things are done at once", set: setJobs},
		{key: "terraform.var-files", flag: "var-file", kind: words, about: "Terraform variable files to load after the ones that Terraform loads by itself", set: list(func(c *plinth.Config) *[]string { return &c.VarFiles })},
		{key: "terraform.download", flag: "download", kind: yesNo, about: "fetch the remote Terraform modules that terraform init has not left in .terraform/modules, from registries, Git repositories and archives", set: truth(func(c *plinth.Config) *bool { return &c.Download })},
		{key: "kubernetes.pod-security-version", kind: word, def: "latest", about: "version of the Pod Security Standards for pods whose namespace states none with its enforce-version label: latest or v1.N", set: setPodSecurity},
		{key: "pipeline.allow-uses", kind: words, about: "the only actions, orbs, pipes and components of others that pipelines may use: OWNER/NAME, OWNER/NAME@VERSION, with * for any text", set: list(func(c *plinth.Config) *[]string { return &c.AllowUses })},
		{key: "pipeline.deny-uses", kind: words, about: "actions, orbs, pipes and components that pipelines may not use, in the same form", set: list(func(c *plinth.Config) *[]string { return &c.DenyUses })},
	}
}

func list(at func(*plinth.Config) *[]string) func(*plinth.Config, []string) error {
	return func(c *plinth.Config, v []string) error {
		*at(c) = v
		return nil
	}
}

func truth(at func(*plinth.Config) *bool) func(*plinth.Config, []string) error {
	return func(c *plinth.Config, v []string) (err error) {
		*at(c), err = strconv.ParseBool(v[0])
		if err != nil {
			return fmt.Errorf("wants true or false, not %q", v[0])
		}
		return nil
	}
}

func severity(at func(*plinth.Config) *plinth.Severity) func(*plinth.Config, []string) error {
	return func(c *plinth.Config, v []string) error {
		s, ok := plinth.ParseSeverity(v[0])
		if !ok {
			return fmt.Errorf("%q is no severity (%s)%s", v[0], strings.Join(severityWords, ", "), value.Hint(v[0], severityWords))
		}
		*at(c) = s
		return nil
	}
}

func setFailOn(c *plinth.Config, v []string) error {
	if c.FailOnNothing = v[0] == "none"; c.FailOnNothing {
		return nil
	}
	return severity(func(c *plinth.Config) *plinth.Severity { return &c.FailOn })(c, v)
}

func setJobs(c *plinth.Config, v []string) error {
	n, err := strconv.Atoi(v[0])
	if err != nil || n < 1 {
		return fmt.Errorf("wants a number from 1 on, not %q", v[0])
	}
	c.Jobs = n
	return nil
}

func setRegoVersion(c *plinth.Config, v []string) error {
	switch v[0] {
	case "auto", "v0", "v1":
		c.RegoVersion = v[0]
		return nil
	}
	return fmt.Errorf("wants auto, v0 or v1, not %q", v[0])
}

func setPodSecurity(c *plinth.Config, v []string) error {
	if c.PodSecurity = 0; v[0] == "latest" {
		return nil
	}
	minor, ok := strings.CutPrefix(v[0], "v1.")
	n, err := strconv.Atoi(minor)
	if !ok || err != nil || n < 1 {
		return fmt.Errorf("wants latest or a version such as v1.28, not %q", v[0])
	}
	c.PodSecurity = n
	return nil
}

// fresh is the configuration before anybody said anything.
func fresh() *plinth.Config {
	return &plinth.Config{FailOn: plinth.High, Jobs: runtime.GOMAXPROCS(0), RegoVersion: "auto"}
}

// register adds the settings' flags to a command.
func register(f *pflag.FlagSet, names ...string) {
	for _, s := range settings() {
		if s.flag == "" || len(names) > 0 && !contains(names, s.key) {
			continue
		}
		about := s.about
		if s.words != nil {
			about += " (" + strings.Join(s.words, ", ") + ")"
		}
		switch s.kind {
		case yesNo:
			f.BoolP(s.flag, s.short, false, about)
		case words:
			f.StringSliceP(s.flag, s.short, nil, about)
		default:
			f.StringP(s.flag, s.short, "", about+defaultNote(s))
		}
	}
}

func defaultNote(s setting) string {
	if s.def == "" {
		return ""
	}
	return "; default " + s.def
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// configure makes the configuration of a target: its plinth.yaml (or the named one), PLINTH_ variables, --set, flags.
func configure(dir, named string, ignoreRepo bool, env []string, sets []string, flags *pflag.FlagSet) (*plinth.Config, error) {
	c := fresh()
	c.IgnoreRepo = ignoreRepo
	path := named
	if path == "" && !ignoreRepo {
		path = filepath.Join(dir, configName)
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
			path = ""
		}
	}
	if path != "" {
		if err := fromFile(c, path); err != nil {
			return nil, err
		}
	}
	if err := fromEnv(c, env); err != nil {
		return nil, err
	}
	for _, s := range sets {
		k, v, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("--set wants KEY=VALUE, not %q", s)
		}
		if err := apply(c, k, strings.Split(v, ","), "--set "+k); err != nil {
			return nil, err
		}
	}
	return c, fromFlags(c, flags)
}

func fromFlags(c *plinth.Config, flags *pflag.FlagSet) error {
	for _, s := range settings() {
		f := flags.Lookup(s.flag)
		if s.flag == "" || f == nil || !f.Changed {
			continue
		}
		values := []string{f.Value.String()}
		if v, ok := f.Value.(pflag.SliceValue); ok {
			values = v.GetSlice()
		}
		if err := s.set(c, values); err != nil {
			return fmt.Errorf("--%s %w", s.flag, err)
		}
	}
	return nil
}

func fromEnv(c *plinth.Config, env []string) error {
	for _, e := range env {
		k, v, _ := strings.Cut(e, "=")
		if name, ours := strings.CutPrefix(k, "PLINTH_"); ours {
			for _, s := range settings() {
				if envName(s.key) != name {
					continue
				}
				if err := s.set(c, strings.Split(v, ",")); err != nil {
					return fmt.Errorf("%s %w", k, err)
				}
			}
		}
	}
	return nil
}

func envName(key string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

func apply(c *plinth.Config, key string, v []string, where string) error {
	var keys []string
	for _, s := range settings() {
		if s.key == key {
			if err := s.set(c, v); err != nil {
				return fmt.Errorf("%s %w", where, err)
			}
			return nil
		}
		keys = append(keys, s.key)
	}
	if key == suppressKey {
		return fmt.Errorf("%s stands in plinth.yaml only", where)
	}
	return fmt.Errorf("%s: there is no such key%s", where, value.Hint(key, append(keys, suppressKey)))
}

const maxConfig = 4 << 20 // bytes of plinth.yaml

func fromFile(c *plinth.Config, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	if len(data) > maxConfig {
		return fmt.Errorf("%s: more than %d MiB", path, maxConfig>>20)
	}
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil
		}
		return fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return fromNode(c, path, "", doc.Content[0])
}

func fromNode(c *plinth.Config, path, prefix string, n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
			return nil
		}
		return fmt.Errorf("%s:%d: wants keys and values", path, n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key := prefix + k.Value
		where := fmt.Sprintf("%s:%d: %s", path, k.Line, key)
		if v.Kind == yaml.AliasNode {
			return fmt.Errorf("%s: aliases are not read here", where)
		}
		if key == suppressKey {
			if err := readExceptions(c, path, v); err != nil {
				return err
			}
			continue
		}
		if group(key) {
			if err := fromNode(c, path, key+".", v); err != nil {
				return err
			}
			continue
		}
		values, err := scalars(v)
		if err != nil {
			return fmt.Errorf("%s %w", where, err)
		}
		if err := apply(c, key, values, where); err != nil {
			return err
		}
	}
	return nil
}

// group tells whether settings stand below this key.
func group(key string) bool {
	for _, s := range settings() {
		if strings.HasPrefix(s.key, key+".") {
			return true
		}
	}
	return false
}

func scalars(n *yaml.Node) ([]string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return []string{n.Value}, nil
	case yaml.SequenceNode:
		out := []string{}
		for _, c := range n.Content {
			if c.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("wants a list of words")
			}
			out = append(out, c.Value)
		}
		return out, nil
	}
	return nil, fmt.Errorf("wants a word or a list of words")
}

// Schema is the JSON Schema of plinth.yaml.
func Schema() ([]byte, error) {
	top := object()
	for _, s := range settings() {
		at := top
		parts := strings.Split(s.key, ".")
		for _, g := range parts[:len(parts)-1] {
			props := at["properties"].(map[string]any)
			if props[g] == nil {
				props[g] = object()
			}
			at = props[g].(map[string]any)
		}
		at["properties"].(map[string]any)[parts[len(parts)-1]] = s.schema()
	}
	top["properties"].(map[string]any)[suppressKey] = exceptionSchema()
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "plinth.yaml"
	out, err := json.MarshalIndent(top, "", "  ")
	return append(out, '\n'), err
}

func object() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{}}
}

func (s setting) schema() map[string]any {
	out := map[string]any{"description": s.about}
	switch s.kind {
	case yesNo:
		out["type"] = "boolean"
	case words:
		out["type"], out["items"] = []string{"array", "string"}, map[string]any{"type": "string"}
	case count:
		out["type"], out["minimum"] = "integer", 1
	default:
		out["type"] = "string"
	}
	if s.words != nil {
		out["enum"] = s.words
	}
	return out
}
