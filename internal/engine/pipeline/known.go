package pipeline

import (
	_ "embed" // what is known of actions
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/plinthsec/plinth"
)

//go:embed known.yaml
var knownFile []byte

// known is what the product knows of actions of others. Names are in lower case.
type known struct {
	Advisories []advisory          `yaml:"advisories"`
	Popular    []string            `yaml:"popular"`
	Verified   []string            `yaml:"verified"`
	Outputs    []output            `yaml:"outputs"`
	Variables  map[string][]string `yaml:"variables"` // by service: those whose text outsiders write
}

// output tells who decides outputs of an action: nobody (numbers, hashes, names that the workflow itself chooses), an outsider, or who
// decides one of its inputs ("input text").
type output struct {
	Action string   `yaml:"action"`
	Names  []string `yaml:"names"` // in lower case, with * for any text
	By     string   `yaml:"by"`
	About  string   `yaml:"about"`  // what the output is
	Safe   string   `yaml:"safe"`   // from this version the action escapes what outsiders write, unless safe_output is false
	Listed bool     `yaml:"listed"` // escaped where list-files is shell or escape
}

// advisory is a range of bad versions of an action: From is the first one, "" for all; Fixed is good.
type advisory struct {
	Action   string `yaml:"action"`
	ID       string `yaml:"id"`
	Severity string `yaml:"severity"`
	From     string `yaml:"from"`
	Fixed    string `yaml:"fixed"`
	About    string `yaml:"about"`
}

func readKnown(data []byte) (*known, error) {
	k := &known{}
	if err := yaml.Unmarshal(data, k); err != nil {
		return nil, fmt.Errorf("read known actions: %w", err)
	}
	return k, nil
}

const ourselves = "plinthsec" // the owner of this product, whose binary runs anyway

const newest = 1 << 30 // stands for what a moving tag such as v4 leaves open: it is moved to the newest release

// compare orders a version that a workflow names, v4 or v4.1.2, against one that is whole.
func compare(named, whole string) int {
	a, b := strings.Split(strings.TrimPrefix(named, "v"), "."), strings.Split(whole, ".")
	for i := range max(len(a), len(b)) {
		x, y := newest, 0
		if i < len(a) {
			x = leading(a[i])
		}
		if i < len(b) {
			y = leading(b[i])
		}
		if x != y {
			return x - y
		}
	}
	return 0
}

// leading is the number that a text begins with, 0 where it begins with none.
func leading(s string) int {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.Atoi(s[:min(end, 9)])
	if err != nil {
		return 0
	}
	return n
}

// holds tells whether a version that is known lies in the range.
func (a *advisory) holds(version string) bool {
	return version != "" && (a.From == "" || compare(version, a.From) >= 0) && compare(version, a.Fixed) < 0
}

// knows judges a use by what is known of the action and its owner.
func (f *flow) knows(v plinth.Value, around plinth.Location) {
	uses, ref, version := f.look.used(v)
	if strings.HasPrefix(uses, "./") {
		f.add(sight{audit: "pipeline-self-repository", severity: plinth.Info, at: f.content(v), around: around, path: pathOf(v), message: uses})
	}
	parts := strings.Split(strings.ToLower(uses), "/")
	if len(parts) < 2 || local(uses) || strings.HasPrefix(uses, "docker://") || strings.Contains(uses, "${{") {
		return
	}
	k, name := f.look.known, parts[0]+"/"+parts[1]
	put := func(audit string, severity plinth.Severity, message string) {
		f.add(sight{audit: audit, severity: severity, at: f.content(v), around: around, path: pathOf(v), message: message})
	}
	for _, a := range k.Advisories {
		if a.Action == name && a.holds(version) {
			severity, _ := plinth.ParseSeverity(a.Severity)
			put("pipeline-vulnerable-action", severity, fmt.Sprintf("%s %s: %s (%s), repaired in %s", uses, version, a.About, a.ID, a.Fixed))
		}
	}
	if !slices.Contains(k.Popular, name) {
		for _, p := range k.Popular {
			if owner, _, _ := strings.Cut(p, "/"); owner != parts[0] && oneEdit(name, p) {
				put("pipeline-typosquat", plinth.High, uses+" looks like "+p)
			}
		}
	}
	if parts[0] != ourselves && !slices.Contains(k.Verified, parts[0]) {
		put("pipeline-unverified-creator", plinth.Info, parts[0])
	}
	f.told(v, ref, around)
	if f.engine.Hub != nil && ref != "" {
		owner := strings.SplitN(uses, "/", 3)
		f.target.uses = append(f.target.uses, taken{look: f.look, repository: owner[0] + "/" + owner[1], uses: uses, ref: ref, version: version, v: v, around: around})
	}
}

// told compares the tag that is used with the one that a comment beside it tells.
func (f *flow) told(v plinth.Value, ref string, around plinth.Location) {
	_, comment, _ := strings.Cut(f.line(f.content(v).Line), " #")
	version, _, _ := strings.Cut(strings.TrimSpace(comment), " ")
	version, tag := strings.TrimPrefix(strings.TrimPrefix(version, "tag="), "v"), strings.TrimPrefix(ref, "v")
	if hash(ref) || tag == "" || strings.Trim(tag, ".0123456789") != "" || !strings.Contains(version, ".") || strings.Trim(version, ".0123456789") != "" {
		return
	}
	if version != tag && !strings.HasPrefix(version, tag+".") && !strings.HasPrefix(tag, version+".") {
		f.add(sight{audit: "pipeline-version-mismatch", severity: plinth.Low, at: f.content(v), around: around, path: pathOf(v), message: ref + " is used, the comment tells " + version})
	}
}

// oneEdit tells whether a letter that is added, left out, replaced or swapped with its neighbour makes one name of the other.
func oneEdit(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if a == b || len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	return a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
