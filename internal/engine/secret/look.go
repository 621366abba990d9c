package secret

import (
	"bytes"
	"fmt"
	"hash"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/tree"
)

const (
	stepsPerByte = 100     // of matching that one text may cost; a text made of beginnings of secrets would cost its square
	bytesPerStep = 16      // of a search for a fixed text
	blockHead    = 256     // bytes of a block that hold its head
	stepsAtLeast = 1 << 22 // for small texts
	maxMatches   = 10_000  // secrets of one text that are reported
	strictName   = 4       // characters of a name up to which it must stand as a word of its own
	leastBlock   = 50      // bytes of a block behind its head
	longValue    = 60      // bytes of a value that tells enough by its form
	maxLines     = 2       // line ends between a name and its value
	nextTo       = 16      // bytes before a value that tell whether one begins there
)

// match is a secret in a text.
type match struct {
	rule  *Rule
	also  []*Rule
	at    span   // where it stands in the text, decoded or not
	whole span   // with what led to it
	value []byte // the secret itself
	weak  bool   // its checksum is wrong

	hollow bool       // it looks like a placeholder
	permit *allowance // the allow list that covers it; nil: none
}

// searcher looks at one text after the other. It is not for concurrent use.
type searcher struct {
	set     *Set
	index   *index
	hits    []hit
	spare   [3][]hit   // room for more
	windows [][]window // by entry
	opened  []int32    // entries with windows
	steps   int
	problem func(plinth.Problem)
	path    string
	lower   string           // the path in lower case
	loaded  []loaded         // by entry
	mine    map[int32]bool   // whether a rule with paths is for this file
	lock    bool             // the file lists versions and hashes of packages
	hash    hash.Hash        // that names secrets
	names   map[print]string // of secrets
	judged  map[judgement]quality
	low     []byte // room for a text in lower case
	lines   lines  // of the text

	memo    *memo     // what other texts had in common with this one; nil: nothing is kept
	kin     *tree.Kin // of the text; nil: it has none that is known
	pieces  []piece   // of the text
	live    []bool    // of the hits: whether they are to be remembered
	ours    []byte    // the class of the file
	touched span      // the bytes that the outcome of a hit depends on; both ends may lie outside the text
}

// locks are files that name packages, versions and hashes: in them a name near a value says nothing.
var locks = []string{
	"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "go.sum", "go.mod", "cargo.lock", "poetry.lock", "pipfile.lock", "uv.lock", "pdm.lock",
	"composer.lock", "gemfile.lock", "podfile.lock", "flake.lock", "pubspec.lock", "mix.lock", "packages.lock.json", "paket.lock", "package.resolved", "gradle.lockfile", "verification-metadata.xml", ".terraform.lock.hcl", "deno.lock", "conan.lock", "cartfile.resolved", "project.assets.json", ".secrets.baseline",
}

// text returns the secrets of a text, in the order of their places, each once under its most specific rule.
func (s *searcher) text(file string, data []byte) []match {
	s.open(file)
	found := s.search(data)
	if s.steps <= 0 {
		s.problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: file}, Text: "the text repeats the beginnings of secrets too often; not all of it was looked at"})
	}
	found = resolve(s.permitted(found, data))
	if len(found) > maxMatches {
		s.problem(plinth.Problem{Kind: plinth.Limit, At: plinth.Location{Path: file}, Text: fmt.Sprintf("more than %d secrets; the rest is not reported", maxMatches)})
		found = found[:maxMatches]
	}
	return found
}

// permitted marks the matches that allow lists of gitleaks configurations cover, and leaves out those whose companions are missing.
func (s *searcher) permitted(list []match, data []byte) []match {
	var l *lines
	for i := range list {
		m := &list[i]
		if l == nil && (m.rule.hidden || len(m.rule.allows)+len(m.rule.required) > 0) {
			l = linesOf(data)
		}
		for k := range m.rule.allows {
			a := &m.rule.allows[k]
			first, last := l.at(m.at.start), l.at(max(m.at.start, m.at.end-1))
			text := data[l.start[first] : l.start[last]+len(l.text(data, last))]
			if a.covers(s.path, "", string(m.value), string(data[m.whole.start:m.whole.end]), string(text)) {
				m.permit = a
				break
			}
		}
	}
	if l == nil {
		return list
	}
	return together(list, l)
}

// open begins a file.
func (s *searcher) open(p string) {
	s.path, s.lower = p, strings.ToLower(p)
	clear(s.mine)
	s.lock = slices.Contains(locks, path.Base(s.lower))
}

// whole returns the matches of rules for whole files. They have no place in the text.
func (s *searcher) whole(file string, data []byte) []match {
	var found []match
	s.open(file)
	for _, i := range s.index.files {
		if r := s.rule(i); r != nil && r.form == formFile {
			found = append(found, match{rule: r, value: data})
		}
	}
	return found
}

// rule returns the rule of an entry if it is for this file and can be used.
func (s *searcher) rule(i int32) *Rule {
	if !s.loaded[i].known {
		r, problems := s.set.entries[i].load()
		for _, p := range problems {
			s.problem(p)
		}
		s.loaded[i] = loaded{rule: r, known: true}
	}
	r := s.loaded[i].rule
	if r == nil || len(r.paths) == 0 && r.pathExpr == nil {
		return r
	}
	mine, known := s.mine[i]
	if !known {
		if r.pathExpr != nil {
			mine = r.pathExpr.MatchString(s.path)
		} else {
			mine = r.forPath(s.lower)
		}
		s.mine[i] = mine
	}
	if !mine {
		return nil
	}
	return r
}

// loaded is a rule that a searcher has asked for.
type loaded struct {
	rule  *Rule
	known bool
}

// forPath tells whether the rule is for a file of this lower-case path.
func (r *Rule) forPath(lower string) bool {
	if len(r.endings) == len(r.paths) {
		return slices.ContainsFunc(r.endings, func(e string) bool { return strings.HasSuffix(lower, e) })
	}
	return slices.ContainsFunc(r.paths, func(p string) bool { return tree.Match(p, lower) })
}

// accept emits a match if the secret passes the checks of its rule.
func (s *searcher) accept(r *Rule, data []byte, whole, secret span, emit func(match)) bool {
	v := data[secret.start:secret.end]
	if len(v) == 0 {
		return false
	}
	q := s.judge(r, v)
	if q == no {
		return false
	}
	if s.touch(secret.start-maxSealed, secret.end); sealed(data, secret.start) {
		return false
	}
	emit(match{rule: r, at: secret, whole: whole, value: v, hollow: q == hollow, weak: r.check.checksum != nil && !r.check.checksum(v)})
	return true
}

// judge tells what a value is worth to a rule: what it was told before, where texts repeat each other.
func (s *searcher) judge(r *Rule, value []byte) quality {
	if s.memo == nil {
		return r.check.judge(value)
	}
	k := judgement{r, s.memo.print(value)}
	q, ok := s.judged[k]
	if !ok {
		if len(s.judged) >= maxJudged {
			clear(s.judged)
		}
		q = r.check.judge(value)
		s.judged[k] = q
	}
	return q
}

const maxJudged = 1 << 14 // values that a searcher remembers

// judgement names a value that a rule was asked about.
type judgement struct {
	rule *Rule
	print
}

// sealed tells whether a value is a part of one that SOPS has encrypted: ENC[AES256_GCM,data:…,iv:…,tag:…,type:str].
func sealed(data []byte, at int) bool {
	from := max(0, at-maxSealed)
	start := at
	for start > from && data[start-1] != ']' && data[start-1] != '\n' {
		start--
	}
	return bytes.Contains(data[start:at], []byte("ENC[AES256_GCM,"))
}

const maxSealed = 4096 // bytes of an encrypted value before its last part

// token looks for a text with a shape of its own around the keyword.
func (s *searcher) token(r *Rule, keyword string, data []byte, at span, emit func(match)) {
	o := &r.offsets[slices.Index(r.Keywords, keyword)]
	if o.least > 0 && (at.start == 0 || !o.before[data[at.start-1]]) || o.more && (at.end == len(data) || !o.after[data[at.end]]) {
		return
	}
	for from := max(0, at.start-o.most); from <= at.start-o.least; from++ {
		if s.steps--; !r.first[data[from]] || !leftFree(data, from) || member(data, from) && !strings.ContainsAny(keyword, "./") {
			continue
		}
		whole, secret, far, ok := r.pattern.at(data, from)
		s.touch(from-nextTo, far)
		s.steps -= whole.end - from
		if ok && whole.end >= at.end && r.rightFree(data, whole.end) && !(r.bare && s.inBlock(data, whole)) && s.accept(r, data, whole, secret, emit) {
			return
		}
	}
}

// near looks for a value behind the name, on the next lines at most.
func (s *searcher) near(r *Rule, data []byte, name span, emit func(match)) {
	if s.lock || !r.named(data, name) || r.check.value && tellsAbout(data, name) {
		return
	}
	s.steps -= r.gap
	lines, parted := 0, false
	limit := min(len(data), name.end+r.gap+1)
	s.touch(name.start, limit)
	for p := name.end; p < limit; p++ {
		c := data[p]
		if c == '\n' {
			if lines++; lines > maxLines {
				return
			}
		}
		if r.first[c] && parted && leftFree(data, p) {
			whole, secret, far, ok := r.pattern.at(data, p)
			s.touch(p-nextTo, far)
			s.steps -= whole.end - p
			if ok && r.rightFree(data, whole.end) && !r.clings(data, p) && s.lies(r, data[name.start:p]) && s.accept(r, data, span{name.start, whole.end}, secret, emit) {
				return
			}
		}
		parted = parted || parting[c]
	}
}

// parting is what lies between a name and a value that is given to it. In a path or a domain there is none of it.
var parting = ofBytes("=:>(,\"'` \t\n")

// clings tells whether the text at p goes on what stands before it, or is named as a digest: a longer value, the hash of an action or a
// package.
func (r *Rule) clings(data []byte, p int) bool {
	c := data[p-1]
	if c == '@' || c == '#' || r.edge[c] && c != '=' && c != ':' {
		return true
	}
	if slices.Contains(digests, nameBefore(data, p)) {
		return true
	}
	for _, digest := range [...]string{"sha256:", "sha1:", "sha512:", "md5:", "h1:", "sha256-", "sha512-", "sha384-", "commit/", "tree/", "blob/", "rev: ", "ref: ", "sha: ", "commit: "} {
		if bytes.HasSuffix(data[max(0, p-len(digest)):p], []byte(digest)) {
			return true
		}
	}
	return false
}

// digests are names of what is computed from something.
var digests = []string{"checksum", "hash", "digest", "sha", "sha1", "sha256", "sha384", "sha512", "md5", "integrity", "etag", "crc"}

// nameBefore is the last word of the name that a value is given to: "sha512": VALUE, in lower case; "" where there is none.
func nameBefore(data []byte, p int) string {
	limit := max(0, p-nextTo)
	assigned := false
	for p > limit && (data[p-1] == '"' || data[p-1] == '\'' || data[p-1] == ' ' || data[p-1] == ':' || data[p-1] == '=') {
		p--
		assigned = assigned || data[p] == ':' || data[p] == '='
	}
	end := p
	for p > limit && (letter(data[p-1]) || data[p-1] >= '0' && data[p-1] <= '9') {
		p--
	}
	if !assigned {
		return ""
	}
	return string(bytes.ToLower(data[p:end]))
}

// lies tells whether one of the words of with: lies between the name and the value.
func (s *searcher) lies(r *Rule, between []byte) bool {
	if len(r.with) == 0 {
		return true
	}
	s.low = append(s.low[:0], between...)
	for i, c := range s.low {
		if c >= 'A' && c <= 'Z' {
			s.low[i] = c + 'a' - 'A'
		}
	}
	low := s.low
	return slices.ContainsFunc(r.with, func(w string) bool { return bytes.Contains(low, []byte(w)) })
}

// assign looks for a value that is assigned to a name that the keyword is in.
func (s *searcher) assign(r *Rule, data []byte, name span, emit func(match)) {
	if s.lock || !r.named(data, name) {
		return
	}
	p, ok := assigned(data, name.end)
	if s.steps -= 16; !ok || p >= len(data) || !r.first[data[p]] {
		return
	}
	whole, secret, far, ok := r.pattern.at(data, p)
	s.touch(p-nextTo, far)
	s.steps -= whole.end - p
	if r.check.value && ok && (!closed(data, whole) || !namesCredential(data, name) || tellsBehind(data, name.end) || saysWhich(data, name, secret)) {
		return
	}
	if ok && r.rightFree(data, whole.end) {
		s.accept(r, data, span{name.start, whole.end}, secret, emit)
	}
}

// leftFree tells whether a word may begin at p: the byte before belongs to no word, or ends an escape such as \n, %3D, \u003d.
func leftFree(data []byte, p int) bool {
	if p == 0 || !wordByte[data[p-1]] {
		return true
	}
	if p >= 2 && data[p-2] == '\\' && (data[p-1] == 'n' || data[p-1] == 'r' || data[p-1] == 't') {
		return true
	}
	if p >= 3 && (data[p-3] == '%' || data[p-3] == 'x' && p >= 4 && data[p-4] == '\\') && hexByte[data[p-2]] && hexByte[data[p-1]] {
		return true
	}
	return p >= 6 && data[p-6] == '\\' && data[p-5] == 'u' && hexByte[data[p-4]] && hexByte[data[p-1]]
}

// rightFree tells whether a match of the rule may end before p.
func (r *Rule) rightFree(data []byte, p int) bool {
	return p >= len(data) || !wordByte[data[p]] && !r.edge[data[p]]
}

var wordByte, hexByte = ofBytes("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"), ofBytes("0123456789ABCDEFabcdef")

func ofBytes(list string) (s set) {
	for i := range len(list) {
		s[list[i]] = true
	}
	return s
}

const blockLine = 40 // bytes of base64 at the end of a line that make it one of a block

var base64Byte = ofBytes("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/=")

// inBlock tells whether a text is a piece of base64: it goes on what + or / leads to, or begins a line below one of the same kind.
func (s *searcher) inBlock(data []byte, at span) bool {
	if at.end < len(data) && (data[at.end] == '+' || data[at.end] == '/') {
		return true
	}
	p := at.start - 1
	if p < 0 {
		return false
	}
	if data[p] == '+' || data[p] == '/' && p > 0 && base64Byte[data[p-1]] && data[p-1] != '/' && !bytes.Contains(data[max(0, p-blockLine):p], []byte("://")) {
		return true
	}
	for p >= 0 && (data[p] == ' ' || data[p] == '\t' || data[p] == '\n' || data[p] == '\r') {
		p--
	}
	s.touch(p-blockLine, at.end)
	if p < blockLine || !bytes.ContainsRune(data[p+1:at.start], '\n') {
		return false
	}
	for _, c := range data[p-blockLine : p+1] {
		if !base64Byte[c] {
			return false
		}
	}
	return true
}

// member tells whether the text at p is a part of a longer name: an extension, a field.
func member(data []byte, p int) bool {
	return p >= 2 && data[p-1] == '.' && wordByte[data[p-2]]
}

// closed tells whether a value that a quote opens ends at one.
func closed(data []byte, value span) bool {
	if value.start == 0 {
		return true
	}
	q := data[value.start-1]
	if q == '(' { // an argument that is no text, or a remark
		return false
	}
	if q != '"' && q != '\'' && q != '`' {
		return value.end >= len(data) || !(data[value.end] == '(' || data[value.end] == '[' || data[value.end] == '{' || data[value.end] == '"' || data[value.end] == '\'' || data[value.end] == '$' || data[value.end] == '*')
	}
	return value.end < len(data) && (data[value.end] == q || data[value.end] == '\\')
}

// named tells whether a keyword is a name and no piece of another word: it begins a word, or a part of one in the usual
// spellings (my_github, myGithub); a short name ends there, too. A long value speaks for itself.
func (r *Rule) named(data []byte, name span) bool {
	if r.generic {
		return true
	}
	c := data[name.start]
	inside := name.start > 0 && letter(c) && letter(data[name.start-1]) && !(isLower(data[name.start-1]) && !isLower(c))
	if name.end >= len(data) {
		return !inside
	}
	last, after := data[name.end-1], data[name.end]
	if letter(last) && !isLower(last) && isLower(data[name.end-2]) && isLower(after) {
		return false // the last letter begins the next word
	}
	if r.pattern.least >= longValue {
		return true
	}
	if inside || name.end-name.start > strictName {
		return !inside
	}
	next := name.end+1 < len(data) && !isLower(after) && isLower(data[name.end+1]) // the next word begins: URLToken
	return !letter(after) || !letter(last) || next || isLower(last) && !isLower(after)
}

func letter(c byte) bool  { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

// resolve leaves one match for each secret: of those that overlap the one of the most specific rule, with the other rules.
func resolve(list []match) []match {
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		if x, y := a.rule.specific(), b.rule.specific(); x != y {
			return x > y
		}
		if x, y := a.at.end-a.at.start, b.at.end-b.at.start; x != y {
			return x > y
		}
		if a.at != b.at {
			return a.at.start < b.at.start
		}
		return a.rule.ID < b.rule.ID
	})
	var out []match
	for _, m := range list {
		owner := slices.IndexFunc(out, func(o match) bool { return m.at.start < o.at.end && o.at.start < m.at.end })
		if owner < 0 {
			out = append(out, m)
			continue
		}
		o := &out[owner]
		if m.rule != o.rule && !slices.Contains(o.also, m.rule) {
			o.also = append(o.also, m.rule)
		}
		if o.whole.end-o.whole.start < m.whole.end-m.whole.start && m.whole.start <= o.at.start && m.whole.end >= o.at.end {
			o.whole = m.whole
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].at.start < out[j].at.start })
	return out
}
