// Package iam judges permissions by what they come to: who gets in after everything that decides, not what a policy's text looks like.
//
// What an audit says stands in audits.yaml. The questions are put to the room iam/account. Where a rule about the text says the same
// of the same place, the audit yields to it.
package iam

import (
	"context"
	_ "embed" // the audits
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/iam/least"
	"github.com/plinthsec/plinth/internal/rule"
)

// Name is the engine's name, in reports and for --only and --skip.
const Name = "iam"

//go:embed audits.yaml
var audits []byte

// Audits reads the audits that come with the product, sorted by id.
func Audits() ([]*plinth.Rule, error) { return rule.Audits(Name, "audits.yaml", audits) }

// Engine judges permissions with the audits that it was given.
type Engine struct{ audits map[string]*plinth.Rule }

// New returns an engine for the audits.
func New(all []*plinth.Rule) *Engine {
	e := &Engine{audits: map[string]*plinth.Rule{}}
	for _, r := range all {
		e.audits[r.ID] = r
	}
	return e
}

// Name is the engine's name.
func (e *Engine) Name() string { return Name }

// Check judges the AWS accounts, the Google Cloud and the Azure of a graph.
func (e *Engine) Check(ctx context.Context, g *graph.Graph, _ int, report func(plinth.Finding), problem func(plinth.Problem)) (plinth.Coverage, error) {
	estate, err := account.Of(g)
	if err != nil {
		return plinth.Coverage{}, err
	}
	uses, err := least.Load()
	if err != nil {
		return plinth.Coverage{}, err
	}
	l := &look{Estate: estate, uses: uses, engine: e, g: g, report: report, said: map[*iam.Statement]bool{}}
	cov := plinth.Coverage{Resources: len(estate.Principals()) + len(estate.Groups())}
	for _, judge := range []func(){l.resources, l.trusts, l.principals, l.workloads, l.google, l.azure} {
		if err := ctx.Err(); err != nil {
			return cov, err
		}
		judge()
	}
	for _, p := range estate.Problems() {
		problem(p)
	}
	if cov.Resources += l.seen; cov.Resources > 0 {
		cov.Rules = len(e.audits)
	}
	return cov, nil
}

// look is one estate that is being judged.
type look struct {
	*account.Estate
	engine *Engine
	uses   *least.Facts
	g      *graph.Graph
	report func(plinth.Finding)
	seen   int
	said   map[*iam.Statement]bool // of which literal-star was said
}

// sight is what an audit found.
type sight struct {
	audit    string
	resource *plinth.Resource // that it is about
	holder   *plinth.Resource // whose declaration decides; nil: the resource's own
	at       plinth.Location
	path     string // tells findings of an audit apart
	message  string
	when     iam.Formula
	evidence []plinth.Step
}

func (l *look) add(s sight) {
	rule := l.engine.audits["iam-"+s.audit]
	if s.holder == nil {
		s.holder = s.resource
	}
	if rule == nil || s.holder.Decl == nil || s.holder.Data || s.when.Never() {
		return
	}
	if s.at.Path == "" {
		s.at = s.holder.Decl.Header
	}
	f := plinth.Finding{
		Rule: rule, Resource: s.holder, Decl: s.holder.Decl, At: s.at, Path: s.path, Message: rule.Title + ": " + s.message, Verdict: plinth.Fail, Evidence: s.evidence,
	}
	if !s.when.Always() {
		f.Verdict = plinth.Undecided
		for _, term := range s.when.Strings() {
			f.Because = append(f.Because, strings.Join(term, " and "))
		}
	}
	l.report(f)
}
