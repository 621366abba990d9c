package secret

import (
	"regexp"
	"sync"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/secret/verify"
)

const (
	maxFile    = 64 << 10 // bytes of a rule file
	maxFiles   = 20_000   // rule files of one folder
	maxTitle   = 80       // characters, one line of a terminal with its severity
	defaultGap = 64       // bytes between a name and its value where the rule does not say
	maxGap     = 1024
	maxWindow  = 4 << 10 // bytes on each side of a keyword that a regular expression may see
	maxBlock   = 64 << 10
)

// form is how a rule finds its secret.
type form uint8

const (
	formToken  form = iota // a text with a shape of its own around a keyword
	formNear               // a value at most gap bytes behind a name
	formAssign             // a value assigned to a name
	formText               // a regular expression in a window around a keyword
	formFile               // a file, by its path
)

// scope is the window of a regular expression.
type scope uint8

const (
	scopeLine     scope = iota // the logical line that the keyword is in
	scopeBytes                 // so many bytes on each side
	scopeDocument              // the YAML document
	scopeFile                  // the whole text
	scopeBlock                 // from the keyword to the END line; the expression matches its head
)

// Rule finds one kind of secret. It is immutable and safe for concurrent use.
type Rule struct {
	plinth.Rule
	File     string
	Keywords []string // in lower case; one of them is in every text that the rule finds

	form    form
	generic bool     // it tells nothing of the kind: it yields to every other rule
	pattern *pattern // token, near, assign
	offsets []offset // of each keyword in the pattern
	first   set      // bytes that a match of pattern may begin with
	bare    bool     // base64 may hold by chance what it matches
	edge    set      // bytes that may not follow it
	gap     int
	with    []string // one of these words lies between name and value (near), in the window (text)

	expr    func() *regexp.Regexp // text
	group   int                   // its group that is the secret; 0: the first that holds something, else the whole
	scope   scope
	reach   int            // bytes of scope bytes
	must    [][]byte       // texts that are in every match
	follow  *set           // behind the keyword's name comes one of these; nil: anything
	needs   *regexp.Regexp // must match in the window as well; nil: nothing more
	under   []string       // a match lies in the block of one of these keys (YAML, JSON); empty: anywhere
	paths   []string       // patterns of lower-case paths
	endings []string       // paths, where all of them are endings
	check   check
	weaker  *plinth.Rule // the same with the severity of a secret whose checksum is wrong; nil without a checksum
	faint   *plinth.Rule // the same with the severity of what looks like a placeholder

	owner  func(text []byte, m *match) *plinth.Owner // reads whom the secret belongs to; nil: nobody can tell
	recipe *verify.Recipe                            // how to ask whether a secret is live; nil: nobody can

	pathExpr *regexp.Regexp // of a gitleaks rule; nil: every path
	allows   []allowance
	required []partner
	hidden   bool // it is there for the rules that require it

	examples func() (found, clean []Example, problems []plinth.Problem)
}

// offset is where a keyword lies in a pattern.
type offset struct {
	least, most   int // bytes of a match before it
	before, after set // the bytes next to it
	more          bool
}

// Example is a text of a rule file.
type Example struct {
	Path string // the name of the file that the text is in
	Text []byte
	At   plinth.Location
}

// Examples returns the texts in which the rule finds its secret, and those in which it finds nothing.
func (r *Rule) Examples() (found, clean []Example, problems []plinth.Problem) {
	if r.examples == nil { // a rule of a peer's form
		return nil, nil, nil
	}
	return r.examples()
}

// Recipe is how to ask whether a secret that the rule finds is live, nil where nobody can be asked.
func (r *Rule) Recipe() *verify.Recipe { return r.recipe }

// specific orders rules that find the same secret: the highest tells most.
func (r *Rule) specific() int {
	switch {
	case r.generic:
		return 0
	case r.form == formNear:
		return 2
	case r.form == formAssign:
		return 3
	case r.form == formText:
		return 4
	case r.form == formToken && r.owner == nil:
		return 5
	case r.form == formToken: // it tells whose it is as well
		return 6
	}
	return 1
}

// lazy compiles a regular expression when it is needed first.
func lazy(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// keyWords are what stands for "one of the usual names of a credential" in with:.
var keyWords = []string{"key", "secret", "token", "private", "access", "auth", "api", "pass", "pwd", "credential", "bearer", "pat", "license", "client"}
