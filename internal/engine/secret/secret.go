// Package secret finds secrets in texts: tokens, keys and passwords that should not stand there.
//
// A text goes through four stages: one automaton for the keywords of all rules, a check of the bytes around a keyword, a regular
// expression on a small window where the rule has one, and conditions on the secret itself. docs/adding-a-secret-rule.md
// describes the rules. No secret leaves this package: findings show four characters at each end and a keyed hash.
package secret

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
)

// Name is the engine's name, in reports and for --only and --skip.
const Name = "secret"

const (
	shown     = 4  // characters at each end of a secret that are shown
	longShown = 16 // characters of a secret from which both ends are shown
	hashBytes = 12 // of the hash that tells secrets apart: 96 bits
	maxPlaces = 20 // further places of a secret that are listed
)

// hashKey separates our hashes of secrets from all others, so that a table of hashes of well-known passwords is of no use.
var hashKey = []byte("plinth/secret/1")

// Engine finds secrets in the files of one run.
type Engine struct {
	// Plain: comments in the texts do not silence findings.
	Plain bool

	rules    *Set
	searches sync.Pool

	mu    sync.Mutex
	seen  []sighting
	texts int
}

// sighting is a secret at one place.
type sighting struct {
	rule   *plinth.Rule
	also   []*plinth.Rule
	hash   string
	shape  string // what may be shown of it
	note   string
	at     plinth.Location
	silent *plinth.Suppression
}

// New returns an engine for the rules.
func New(rules *Set) *Engine { return &Engine{rules: rules} }

// Name is the engine's name.
func (e *Engine) Name() string { return Name }

// File looks at one file. It may be called from several goroutines; data is not kept.
func (e *Engine) File(path string, data []byte, problem func(plinth.Problem)) {
	s, err := e.searcher(problem)
	if err != nil {
		problem(plinth.Problem{Kind: plinth.Internal, At: plinth.Location{Path: path}, Text: err.Error()})
		return
	}
	found := s.whole(path, data)
	body := plainText(data)
	if body != nil {
		found = append(found, s.text(path, body)...)
	}
	e.searches.Put(s)
	var list []sighting
	if len(found) > 0 {
		l := linesOf(body)
		for i := range found {
			list = append(list, e.sighting(path, body, l, &found[i]))
		}
	}
	e.mu.Lock()
	e.seen = append(e.seen, list...)
	e.texts++
	e.mu.Unlock()
}

func (e *Engine) searcher(problem func(plinth.Problem)) (*searcher, error) {
	if s, ok := e.searches.Get().(*searcher); ok {
		s.problem = problem
		return s, nil
	}
	x, err := e.rules.index()
	if err != nil {
		return nil, fmt.Errorf("rules for secrets: %w", err)
	}
	return &searcher{set: e.rules, index: x, problem: problem, windows: map[int32][]span{}, mine: map[int32]bool{}}, nil
}

func (e *Engine) sighting(path string, body []byte, l *lines, m *match) sighting {
	s := sighting{rule: &m.rule.Rule, hash: hashOf(m.value), shape: redact(m.value), at: l.location(path, m.at)}
	switch {
	case m.hollow:
		s.rule, s.note = m.rule.faint, "it looks like a placeholder"
	case m.weak:
		s.rule, s.note = m.rule.weaker, "its checksum is wrong: made up or damaged"
	}
	if m.rule.check.note != nil {
		s.note = strings.TrimSpace(m.rule.check.note(m.value) + " " + s.note)
	}
	for _, r := range m.also {
		s.also = append(s.also, &r.Rule)
	}
	if !e.Plain {
		s.silent = allowed(path, body, l, m)
	}
	return s
}

// hashOf names a secret without telling it.
func hashOf(secret []byte) string {
	h := hmac.New(sha256.New, hashKey)
	h.Write(secret)
	return hex.EncodeToString(h.Sum(nil)[:hashBytes])
}

// redact shows so little of a secret that its owner can tell it and nobody else can use it.
func redact(s []byte) string {
	clean := func(b []byte) string {
		return strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '.'
			}
			return r
		}, string(b))
	}
	switch {
	case len(s) >= longShown:
		return clean(s[:shown]) + "…" + clean(s[len(s)-shown:])
	case len(s) >= longShown/2:
		return clean(s[:shown/2]) + "…"
	}
	return "…"
}

// Check reports what the files held: one finding for each secret of a file, the first place with the others as evidence.
func (e *Engine) Check(ctx context.Context, _ *graph.Graph, _ int, report func(plinth.Finding), _ func(plinth.Problem)) (plinth.Coverage, error) {
	e.mu.Lock()
	seen, texts := e.seen, e.texts
	e.seen, e.texts = nil, 0
	e.mu.Unlock()
	slices.SortStableFunc(seen, func(a, b sighting) int {
		for _, c := range []int{strings.Compare(a.rule.ID, b.rule.ID), strings.Compare(a.hash, b.hash), strings.Compare(a.at.Path, b.at.Path), int(a.at.Line - b.at.Line), int(a.at.Col - b.at.Col)} {
			if c != 0 {
				return c
			}
		}
		return 0
	})
	used := map[string]bool{}
	for from := 0; from < len(seen); {
		to := from + 1
		for to < len(seen) && seen[to].rule.ID == seen[from].rule.ID && seen[to].hash == seen[from].hash && seen[to].at.Path == seen[from].at.Path {
			to++
		}
		used[seen[from].rule.ID] = true
		report(finding(seen[from:to]))
		from = to
	}
	return plinth.Coverage{Rules: len(used), Resources: texts}, ctx.Err()
}

// finding joins the places of one secret. The first that nothing silences counts.
func finding(places []sighting) plinth.Finding {
	first := max(0, slices.IndexFunc(places, func(s sighting) bool { return s.silent == nil }))
	s := places[first]
	f := plinth.Finding{Rule: s.rule, At: s.at, Path: s.hash, Verdict: plinth.Fail, Suppressed: s.silent, Message: s.rule.Title + ": " + s.shape}
	if s.note != "" {
		f.Message += " (" + s.note + ")"
	}
	for i, p := range places {
		for _, r := range p.also {
			if !slices.Contains(f.Also, r) {
				f.Also = append(f.Also, r)
			}
		}
		if i != first && len(f.Evidence) < maxPlaces {
			f.Evidence = append(f.Evidence, plinth.Step{Note: "the same secret", At: p.at})
		}
	}
	return f
}
