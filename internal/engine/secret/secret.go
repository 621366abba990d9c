// Package secret finds secrets in texts: tokens, keys and passwords that should not stand there.
//
// A text goes through four stages: one automaton for the keywords of all rules, a check of the bytes around a keyword, a regular
// expression on a small window where the rule has one, and conditions on the secret itself. docs/adding-a-secret-rule.md
// describes the rules. No secret leaves this package: findings show four characters at each end and a keyed hash.
// The one exception is what the user asks for: an Asker asks the provider of a secret about it.
package secret

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/secret/verify"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/tree"
)

// Name is the engine's name, in reports and for --only and --skip.
const Name = "secret"

const (
	shown     = 4  // characters at each end of a secret that are shown
	longShown = 16 // characters of a secret from which both ends are shown
	hashBytes = 12 // of the hash that tells secrets apart: 96 bits
	maxPlaces = 20 // further places of a secret that are listed

	shortCommit = 12 // digits of a commit that name it for people
)

func newHash() hash.Hash { return hmac.New(sha256.New, hashKey) }

// hashKey separates our hashes of secrets from all others, so that a table of hashes of well-known passwords is of no use.
var hashKey = []byte("plinth/secret/1")

// Engine finds secrets in the files of one run.
type Engine struct {
	// Plain: comments in the texts do not silence findings.
	Plain bool
	// Known are places that are not told again; nil: none.
	Known *Ignore
	// Verify asks providers whether what was found is live; nil: nobody is asked, and no secret is kept.
	Verify *verify.Asker

	rules    *Set
	read     func(path string) ([]byte, error) // files of the target; nil: what resources are given is not looked at
	searches sync.Pool
	memory   func() *memo // of the objects of a history

	mu      sync.Mutex
	seen    []sighting
	pending map[string][]sighting // of objects of a history whose origin is not known yet
}

// sighting is a secret at one place.
type sighting struct {
	rule   *plinth.Rule
	also   []*plinth.Rule
	hash   string
	shape  string // what may be shown of it
	note   string
	owner  *plinth.Owner
	cell   string // of a notebook, in words
	at     plinth.Location
	silent *plinth.Suppression
	allows []allowance
	ask    *verify.Question // nil: nobody is asked about it

	part                 bool   // of a longer text that a resource is given
	history              bool   // the place is in a history
	member               string // the path inside an archive, with the separator before it; "" for none
	inHead               bool
	commit, author, date string
	origin               string // a note on where the object is
}

// New returns an engine for the rules.
func New(rules *Set) *Engine { return &Engine{rules: rules, memory: sync.OnceValue(newMemo)} }

// Name is the engine's name.
func (e *Engine) Name() string { return Name }

// Reads tells how the files of the target are read. Without it what resources are given is not looked at.
func (e *Engine) Reads(read func(path string) ([]byte, error)) { e.read = read }

// Prepare gets ready to look at texts.
func (e *Engine) Prepare([]string) { _, _ = e.rules.index() } // what is wrong is told with the first text

// File looks at one file and tells whether it holds a secret. It may be called from several goroutines; data is not kept.
func (e *Engine) File(path string, data []byte, problem func(plinth.Problem)) bool {
	list := e.look(path, data, nil, nil, problem)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen = append(e.seen, list...)
	return len(list) > 0
}

// Object looks at an object of a history and tells whether it holds a secret. It may be called from several goroutines; data is
// not kept.
func (e *Engine) Object(o tree.Object, problem func(plinth.Problem)) bool {
	path := o.Path
	if o.Message {
		path = tree.MessagePath
	}
	list := e.look(path, o.Data, o.Kin, e.memory(), problem)
	tree.Unpack(path, o.Data, func(member string, data []byte) {
		for _, s := range e.look(member, data, nil, e.memory(), problem) {
			s.member = strings.TrimPrefix(member, path)
			list = append(list, s)
		}
	}, problem)
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(list) == 0 {
		return false
	}
	if e.pending == nil {
		e.pending = map[string][]sighting{}
	}
	e.pending[o.ID] = list
	return true
}

// Origin tells where an object that held a secret is from.
func (e *Engine) Origin(id string, o tree.Origin) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.seen) == 0 { // the first one: all of them come now
		n := 0
		for _, list := range e.pending {
			n += len(list)
		}
		e.seen = make([]sighting, 0, n)
	}
	for _, s := range e.pending[id] {
		for i := range s.allows {
			if a := &s.allows[i]; s.silent == nil && len(a.commits) > 0 && a.covers(o.Path, o.Commit, "", "", "") {
				s.silent = a.suppression()
			}
		}
		s.at.Path, s.history, s.inHead, s.commit, s.author, s.date, s.origin = o.Path+s.member, true, o.InHead, o.Commit, o.Author, o.Date, o.Note
		e.seen = append(e.seen, s)
	}
	delete(e.pending, id)
}

// look returns the secrets of a text. kin is what it has in common with another one, and memory of texts that were searched before; nil: none.
func (e *Engine) look(path string, data []byte, kin *tree.Kin, memory *memo, problem func(plinth.Problem)) []sighting {
	s, err := e.searcher(problem)
	if err != nil {
		problem(plinth.Problem{Kind: plinth.Internal, At: plinth.Location{Path: path}, Text: err.Error()})
		return nil
	}
	defer e.searches.Put(s)
	if s.memo = memory; s.index.auto.longest > leastSight {
		s.memo = nil // a hit would depend on more than a piece sees
	}
	found := s.whole(path, data)
	body := plainText(data)
	if s.kin = nil; len(body) > 0 && len(body) == len(data) && &body[0] == &data[0] {
		s.kin = kin // places are the same in both
	}
	if body != nil {
		found = append(found, s.text(path, body)...)
	}
	if len(found) == 0 {
		return nil
	}
	l := s.lines.of(body)
	list := make([]sighting, 0, len(found))
	var whole []sighting
	for i := range found {
		list = append(list, e.sighting(path, body, l, s.name(found[i].value), &found[i]))
		if last := &list[i]; last.owner != nil && strings.HasSuffix(last.rule.ID, pair) {
			whole = append(whole, *last)
		}
	}
	for i := range list {
		if len(whole) > 0 && list[i].half(whole) {
			list[i].rule, list[i].note = found[i].rule.faint, strings.TrimSpace(list[i].note+" its secret stands beside it")
		}
	}
	return list
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
	return &searcher{set: e.rules, index: x, problem: problem, windows: make([][]window, len(e.rules.entries)), mine: map[int32]bool{}, loaded: make([]loaded, len(e.rules.entries)), hash: newHash(), names: map[print]string{}, judged: map[judgement]quality{}}, nil
}

func (e *Engine) sighting(path string, body []byte, l *lines, name string, m *match) sighting {
	s := sighting{rule: &m.rule.Rule, hash: name, shape: redact(m.value), at: l.location(path, m.at)}
	switch {
	case m.hollow:
		s.rule, s.note = m.rule.faint, "it looks like a placeholder"
	case published(path):
		s.rule, s.note = m.rule.faint, "it stands in a copy of a published package, which everybody has"
	case m.weak:
		s.rule, s.note = m.rule.weaker, "its checksum is wrong: made up or damaged"
	}
	if m.rule.owner != nil {
		s.owner = m.rule.owner(body, m)
		s.note = strings.TrimSpace(whose(s.owner) + " " + s.note)
	}
	for _, r := range m.also {
		s.also = append(s.also, &r.Rule)
	}
	s.cell = cell(path, body, m.at.start)
	s.allows = m.rule.allows
	if e.Verify != nil && m.rule.recipe != nil && !m.hollow && !m.weak {
		s.ask = &verify.Question{Recipe: m.rule.recipe, Secret: slices.Clone(m.value)}
	}
	switch {
	case m.permit != nil:
		s.silent = m.permit.suppression()
	case !e.Plain:
		s.silent = allowed(path, body, l, m)
	}
	return s
}

// pair ends the ids of rules for a key of two halves; the rule for the half that is public is called the same without it.
const pair = "-pair"

// half tells whether what it shows is the public half of one of these pairs of the same text.
func (s *sighting) half(whole []sighting) bool {
	return s.owner != nil && slices.ContainsFunc(whole, func(o sighting) bool {
		near := o.at.Line-s.at.Line <= nearby && s.at.Line-o.at.Line <= nearby
		return *o.owner == *s.owner && (s.owner.Name != "" || near) && strings.TrimSuffix(o.rule.ID, pair) == s.rule.ID
	})
}

const nearby = 5 // lines between the halves of a pair whose owner nobody knows

// packages are folders of packages as registries give them to everybody, in a work tree or in an archive.
var packages = []string{"/node_modules/", "/bower_components/", "/site-packages/", "/dist-packages/", ".dist-info/", ".egg-info/", "/botocore/data/"}

// published tells whether a file belongs to a copy of a published package.
func published(path string) bool {
	path = "/" + strings.ReplaceAll(path, "!", "/")
	return slices.ContainsFunc(packages, func(p string) bool { return strings.Contains(path, p) })
}

// name names a secret without telling it.
func (s *searcher) name(secret []byte) string {
	if s.memo == nil {
		return hashOf(s.hash, secret)
	}
	p := s.memo.print(secret) // histories tell the same over and over
	name, ok := s.names[p]
	if !ok {
		if len(s.names) >= maxNames {
			clear(s.names)
		}
		name = hashOf(s.hash, secret)
		s.names[p] = name
	}
	return name
}

const maxNames = 1 << 12 // names that a searcher remembers

// hashOf names a secret without telling it. h is of newHash.
func hashOf(h hash.Hash, secret []byte) string {
	h.Reset()
	h.Write(secret)
	var sum [sha256.Size]byte
	return hex.EncodeToString(h.Sum(sum[:0])[:hashBytes])
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
	case len(s) >= longShown && s[0] == '{': // its ends tell nothing
		return "{…}"
	case len(s) >= longShown:
		return clean(s[:shown]) + "…" + clean(s[len(s)-shown:])
	case len(s) >= longShown/2:
		return clean(s[:shown/2]) + "…"
	}
	return "…"
}

// Check reports what the texts held, and what resources are given: one finding for each secret of a file, and one for each of a
// history, at its first place with the others, the other files that hold it, and the settings that it reaches, as evidence.
func (e *Engine) Check(ctx context.Context, g *graph.Graph, _ int, report func(plinth.Finding), problem func(plinth.Problem)) (plinth.Coverage, error) {
	e.mu.Lock()
	seen := e.seen
	e.seen = nil
	e.mu.Unlock()
	more, reached := e.evaluated(g, seen, problem)
	seen = append(seen, more...)
	for i := range seen {
		if s := &seen[i]; s.silent == nil {
			s.silent = e.Known.of(s)
		}
	}
	seen = ordered(seen)
	outcomes := e.outcomes(ctx, seen)
	used := map[string]bool{}
	for secret := range alike(seen, joined) {
		used[secret[0].rule.ID] = true
		var findings []plinth.Finding
		for places := range alike(secret, same) {
			f := finding(places)
			f.Evidence = append(f.Evidence, reaches(reached[f.Path])...)
			judge(&f, outcomes[secret[0].named()])
			findings = append(findings, f)
		}
		for i := range findings {
			report(elsewhere(findings, i))
		}
	}
	return plinth.Coverage{Rules: len(used)}, ctx.Err()
}

// reaches lists settings, few of them.
func reaches(list []plinth.Step) []plinth.Step {
	if len(list) <= maxReached {
		return list
	}
	rest := list[maxReached]
	rest.Note = fmt.Sprintf("it reaches %d more settings", len(list)-maxReached)
	return append(list[:maxReached:maxReached], rest)
}

// ordered sorts sightings. They are large, so that their places are sorted.
func ordered(list []sighting) []sighting {
	places := make([]*sighting, len(list))
	for i := range list {
		places[i] = &list[i]
	}
	slices.SortFunc(places, compare)
	out := make([]sighting, len(list))
	for i, s := range places {
		out[i] = *s
	}
	return out
}

// compare orders sightings by rule, secret and place, in a history by time.
func compare(a, b *sighting) int {
	for _, c := range [...]int{strings.Compare(a.rule.ID, b.rule.ID), strings.Compare(a.hash, b.hash)} {
		if c != 0 {
			return c
		}
	}
	if a.history && b.history && a.date != b.date {
		switch { // what is in no commit comes last
		case a.date == "":
			return 1
		case b.date == "":
			return -1
		}
		return strings.Compare(a.date, b.date)
	}
	for _, c := range [...]int{strings.Compare(a.at.Path, b.at.Path), int(a.at.Line - b.at.Line), int(a.at.Col - b.at.Col), strings.Compare(a.commit, b.commit)} {
		if c != 0 {
			return c
		}
	}
	return 0
}

// same tells whether two sightings are one finding.
func same(a, b *sighting) bool {
	return joined(a, b) && (a.history && b.history || a.at.Path == b.at.Path)
}

// joined tells whether two sightings are the same secret.
func joined(a, b *sighting) bool { return a.rule.ID == b.rule.ID && a.hash == b.hash }

// alike cuts a list into the runs of which each element is alike the first.
func alike(list []sighting, as func(a, b *sighting) bool) iter.Seq[[]sighting] {
	return func(yield func([]sighting) bool) {
		for from := 0; from < len(list); {
			to := from + 1
			for to < len(list) && as(&list[from], &list[to]) {
				to++
			}
			if !yield(list[from:to]) {
				return
			}
			from = to
		}
	}
}

// elsewhere returns the i-th finding of a secret, with the places of the others as evidence.
func elsewhere(findings []plinth.Finding, i int) plinth.Finding {
	f := findings[i]
	listed := 0
	for j := range findings {
		if j == i {
			continue
		}
		if listed++; listed > maxPlaces {
			f.Evidence = append(f.Evidence, plinth.Step{Note: fmt.Sprintf("the same secret in %d more files", len(findings)-1-maxPlaces), At: f.At})
			break
		}
		f.Evidence = append(f.Evidence, plinth.Step{Note: "the same secret in another file", At: findings[j].At})
	}
	return f
}

// finding joins the places of one secret. The first that nothing silences counts.
func finding(places []sighting) plinth.Finding {
	first := max(0, slices.IndexFunc(places, func(s sighting) bool { return s.silent == nil }))
	s := &places[first]
	f := plinth.Finding{Rule: s.rule, At: s.at, Commit: s.commit, Path: s.hash, Verdict: plinth.Fail, Suppressed: s.silent, Owner: s.owner, Message: s.rule.Title + ": " + s.shape}
	if s.note != "" {
		f.Message += " (" + s.note + ")"
	}
	if s.cell != "" {
		f.Evidence = append(f.Evidence, plinth.Step{Note: "in " + s.cell, At: s.at})
	}
	if s.history {
		f.Evidence = append(f.Evidence, plinth.Step{Note: s.came(places), At: s.at})
	}
	listed := 0
	for i, p := range places {
		for _, r := range p.also {
			if !slices.Contains(f.Also, r) {
				f.Also = append(f.Also, r)
			}
		}
		if i != first && listed < maxPlaces {
			listed++
			note := "the same secret"
			if p.cell != "" {
				note += " in " + p.cell
			}
			if p.commit != "" {
				note += " in commit " + p.commit[:min(len(p.commit), shortCommit)]
			}
			if p.silent != nil && s.silent == nil {
				note += ", silenced there: " + p.silent.Why
			}
			f.Evidence = append(f.Evidence, plinth.Step{Note: note, At: p.at})
		}
	}
	if rest := len(places) - 1 - listed; rest > 0 {
		f.Evidence = append(f.Evidence, plinth.Step{Note: fmt.Sprintf("the same secret at %d more places", rest), At: s.at})
	}
	return f
}

// came tells who brought a secret into the history and whether it is still there.
func (s *sighting) came(places []sighting) string {
	if s.commit == "" {
		return s.origin
	}
	now := "no longer in HEAD, but in the history"
	if slices.ContainsFunc(places, func(p sighting) bool { return p.inHead }) {
		now = "still in HEAD"
	}
	if s.at.Path == tree.MessagePath {
		now = "in the message of the commit"
	}
	return fmt.Sprintf("commit %s by %s on %s; %s", s.commit[:min(len(s.commit), shortCommit)], s.author, s.date[:min(len(s.date), len("2006-01-02"))], now)
}
