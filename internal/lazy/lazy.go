// Package lazy has regular expressions that are compiled when they are first asked: what a run does not need costs it nothing at the start.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp is a regular expression in the syntax of package regexp. Its first use compiles it and panics where it has none of that syntax;
// TestPatterns of this package compiles every pattern of the module.
type Regexp struct{ compiled func() *regexp.Regexp }

// New makes one of a pattern, which is written there as a literal.
func New(pattern string) Regexp {
	return Regexp{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })}
}

// Compiled is the expression itself.
func (r Regexp) Compiled() *regexp.Regexp { return r.compiled() }

// MatchString tells whether it matches somewhere in s.
func (r Regexp) MatchString(s string) bool { return r.compiled().MatchString(s) }

// Match tells whether it matches somewhere in b.
func (r Regexp) Match(b []byte) bool { return r.compiled().Match(b) }

// FindString is that of package regexp.
func (r Regexp) FindString(s string) string { return r.compiled().FindString(s) }

// FindStringIndex is that of package regexp.
func (r Regexp) FindStringIndex(s string) []int { return r.compiled().FindStringIndex(s) }

// FindStringSubmatch is that of package regexp.
func (r Regexp) FindStringSubmatch(s string) []string { return r.compiled().FindStringSubmatch(s) }

// FindStringSubmatchIndex is that of package regexp.
func (r Regexp) FindStringSubmatchIndex(s string) []int {
	return r.compiled().FindStringSubmatchIndex(s)
}

// FindAllString is that of package regexp.
func (r Regexp) FindAllString(s string, n int) []string { return r.compiled().FindAllString(s, n) }

// FindAllStringIndex is that of package regexp.
func (r Regexp) FindAllStringIndex(s string, n int) [][]int {
	return r.compiled().FindAllStringIndex(s, n)
}

// FindAllStringSubmatch is that of package regexp.
func (r Regexp) FindAllStringSubmatch(s string, n int) [][]string {
	return r.compiled().FindAllStringSubmatch(s, n)
}

// FindAllStringSubmatchIndex is that of package regexp.
func (r Regexp) FindAllStringSubmatchIndex(s string, n int) [][]int {
	return r.compiled().FindAllStringSubmatchIndex(s, n)
}

// ReplaceAllString is that of package regexp.
func (r Regexp) ReplaceAllString(s, with string) string {
	return r.compiled().ReplaceAllString(s, with)
}

// ReplaceAllStringFunc is that of package regexp.
func (r Regexp) ReplaceAllStringFunc(s string, with func(string) string) string {
	return r.compiled().ReplaceAllStringFunc(s, with)
}
