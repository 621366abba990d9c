package module

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// version is a version as registries have them: 1.2.3-beta.1+build. Missing numbers are zero.
type version struct {
	text    string
	numbers []uint64
	pre     string
}

func parseVersion(s string) (version, error) {
	v := version{text: s}
	if len(s) > maxVersion {
		return v, fmt.Errorf("%.100q is no version", s)
	}
	core, _, _ := strings.Cut(strings.TrimPrefix(s, "v"), "+")
	core, v.pre, _ = strings.Cut(core, "-")
	for _, part := range strings.Split(core, ".") {
		n, err := strconv.ParseUint(part, 10, 63)
		if err != nil || len(v.numbers) == maxNumbers {
			return version{}, fmt.Errorf("%q is no version", s)
		}
		v.numbers = append(v.numbers, n)
	}
	return v, nil
}

func (v version) number(i int) uint64 {
	if i < len(v.numbers) {
		return v.numbers[i]
	}
	return 0
}

// compare orders versions as https://semver.org has it; what is built does not count.
func (v version) compare(w version) int {
	for i := range max(len(v.numbers), len(w.numbers)) {
		if c := cmp.Compare(v.number(i), w.number(i)); c != 0 {
			return c
		}
	}
	switch {
	case v.pre == w.pre:
		return 0
	case v.pre == "":
		return 1
	case w.pre == "":
		return -1
	}
	return slices.CompareFunc(strings.Split(v.pre, "."), strings.Split(w.pre, "."), comparePart)
}

// comparePart compares parts of a pre-release: numbers are below words.
func comparePart(a, b string) int {
	n, errA := strconv.ParseUint(a, 10, 64)
	m, errB := strconv.ParseUint(b, 10, 64)
	switch {
	case errA == nil && errB == nil:
		return cmp.Compare(n, m)
	case errA == nil:
		return -1
	case errB == nil:
		return 1
	}
	return cmp.Compare(a, b)
}

// constraint is one condition of a version argument.
type constraint struct {
	operator string
	version  version
}

// parseConstraints reads a version argument: conditions with =, !=, >, >=, <, <= and ~>, separated by commas. An empty one has no
// conditions.
func parseConstraints(s string) ([]constraint, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	if len(s) > maxSource {
		return nil, fmt.Errorf("the version constraint has more than %d bytes", maxSource)
	}
	var out []constraint
	for _, part := range strings.Split(s, ",") {
		part = strings.TrimSpace(part)
		n := len(part) - len(strings.TrimLeft(part, "=!<>~"))
		c := constraint{operator: part[:n]}
		switch c.operator {
		case "":
			c.operator = "="
		case "=", "!=", ">", ">=", "<", "<=", "~>":
		default:
			return nil, fmt.Errorf("%q is no version constraint", part)
		}
		var err error
		if c.version, err = parseVersion(strings.TrimSpace(part[n:])); err != nil {
			return nil, fmt.Errorf("%q is no version constraint", part)
		}
		out = append(out, c)
	}
	return out, nil
}

// allows tells whether a version meets the condition, as Terraform has it: an order holds for a pre-release only against another
// pre-release of the same version, and ~> for releases only against a release.
func (c constraint) allows(v version) bool {
	order := v.compare(c.version)
	switch {
	case c.operator == "=":
		return order == 0
	case c.operator == "!=":
		return order != 0
	case v.pre != "" && (c.version.pre == "" || (version{numbers: v.numbers}).compare(version{numbers: c.version.numbers}) != 0):
		return false
	case v.pre == "" && c.version.pre != "" && c.operator == "~>":
		return false
	}
	switch c.operator {
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	}
	return order >= 0 && slices.Equal(c.fixed(c.version), c.fixed(v))
}

// fixed are the numbers that ~> keeps: all but the last that the constraint writes.
func (c constraint) fixed(v version) []uint64 {
	out := make([]uint64, max(0, len(c.version.numbers)-1))
	for i := range out {
		out[i] = v.number(i)
	}
	return out
}

// exact returns the version that the constraints leave no choice about.
func exact(all []constraint) (version, bool) {
	if len(all) == 1 && all[0].operator == "=" {
		return all[0].version, true
	}
	return version{}, false
}

// newest returns the newest version that the constraints allow. A pre-release counts only where a constraint asks for exactly it.
func newest(versions []string, all []constraint) (version, bool) {
	var best version
	found := false
	for _, s := range versions {
		v, err := parseVersion(s)
		if err != nil {
			continue
		}
		asked := v.pre == ""
		for _, c := range all {
			asked = asked || c.operator == "=" && c.version.compare(v) == 0
		}
		allowed := !slices.ContainsFunc(all, func(c constraint) bool { return !c.allows(v) })
		if asked && allowed && (!found || v.compare(best) > 0) {
			best, found = v, true
		}
	}
	return best, found
}
