// Package account knows the AWS accounts that resources declare: their principals and policies, and who may do what there.
//
// An Estate is made once from the resources of a target. Names and ARNs keep what is not known in braces:
// arn:aws:iam::{account}:role/build-{var.stage}. Two texts with the same braces mean the same thing within one world (a Terraform root,
// a template), and nothing that is only in braces is taken to match.
package account

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/iam"
)

// unknownAccount and unknownRegion stand for the account and the region that nobody names.
const (
	unknownAccount = "{account}"
	unknownRegion  = "{region}"
)

// Estate is what the resources of a target say about AWS accounts. It is not for concurrent use.
type Estate struct {
	g          *graph.Graph
	services   *iam.Services
	compiler   *iam.Compiler
	worlds     map[setting]*where
	principals []*Principal // users and roles, then groups, in the order of the resources
	users      int          // how many of them are no groups
	byResource map[plinth.ID]*Principal
	byARN      map[string]*Principal
	arns       map[int32]string
	places     map[*plinth.Resource]int32
	index      map[string][]int32 // resources with an ARN, by type
	named      map[string][]int32 // resources by ARN without region and account
	names      map[int32][]string // principals that the policy of a resource names
	guards     map[int32]*Guard
	holders    map[*iam.Policy]int32 // the resource that holds a policy
	holding    map[int32][]int32     // policies that other resources hold for one
	managed    map[attached]*iam.Policy
	can        map[asked][]iam.Grant
	limits     map[string][]limit // organization policies by account
	self       map[int32]bool     // resources whose ARN is being made
	problems   []plinth.Problem
}

type asked struct {
	who             *Principal
	action, service string
}

// Principal is a user, a role or a group that resources declare.
type Principal struct {
	iam.Principal                  // of a group: kind User, with the group's ARN
	ID            plinth.ID        // of the resource
	Resource      *plinth.Resource // may be External
	Group         bool
	Groups        []*Principal // of a user
	Memberships   []plinth.Value

	at       int32
	attached []attachment // in the order of the resources
	boundary plinth.Value
	trust    *iam.Policy
	policies *iam.Policies
	closed   bool         // the policies are made
	alone    *iam.Context // of a request about nothing in particular
}

type key struct{}

// Of returns the estate of a target's resources, which is made once for all who ask. They must not ask it at the same time.
func Of(g *graph.Graph) (*Estate, error) {
	type made struct {
		estate *Estate
		err    error
	}
	m := graph.Once(g, key{}, func() made {
		e, err := New(g)
		return made{e, err}
	})
	return m.estate, m.err
}

// New makes the estate of a target's resources.
func New(g *graph.Graph) (*Estate, error) {
	services := &iam.Services{}
	if slices.ContainsFunc(g.Types(), aboutAWS) { // unpacking the facts takes longer than many an estate
		var err error
		if services, err = iam.LoadServices(); err != nil {
			return nil, err
		}
	}
	e := &Estate{
		g: g, services: services, compiler: iam.NewCompiler(services), worlds: map[setting]*where{}, byResource: map[plinth.ID]*Principal{},
		byARN: map[string]*Principal{}, arns: map[int32]string{}, places: map[*plinth.Resource]int32{}, index: map[string][]int32{}, named: map[string][]int32{}, names: map[int32][]string{}, guards: map[int32]*Guard{}, holders: map[*iam.Policy]int32{},
		holding: map[int32][]int32{}, managed: map[attached]*iam.Policy{}, can: map[asked][]iam.Grant{}, self: map[int32]bool{},
	}
	for i, r := range g.Resources() {
		e.places[r] = int32(i)
	}
	e.settle()
	e.collect()
	e.attach()
	e.hold()
	e.organize()
	return e, nil
}

// aboutAWS tells whether resources of a type may be AWS's, or hold policies of it.
func aboutAWS(typ string) bool {
	return strings.HasPrefix(typ, "AWS::") || strings.Contains(typ, ":aws")
}

// Graph is what the estate was made from.
func (e *Estate) Graph() *graph.Graph { return e.g }

// Services are the facts about actions that the estate uses.
func (e *Estate) Services() *iam.Services { return e.services }

// Problems are the faults of the policies that were read so far, in the order in which they were read.
func (e *Estate) Problems() []plinth.Problem { return e.problems }

// Principals returns the users and roles in the order of the resources. The slice is not to be changed.
func (e *Estate) Principals() []*Principal { return e.principals[:e.users] }

// Groups returns the groups in the order of the resources. The slice is not to be changed.
func (e *Estate) Groups() []*Principal { return e.principals[e.users:] }

// Accounts returns the accounts of all resources, sorted: numbers, or names in braces.
func (e *Estate) Accounts() []string {
	var out []string
	for _, w := range e.worlds {
		if !slices.Contains(out, w.account) {
			out = append(out, w.account)
		}
	}
	slices.Sort(out)
	return out
}

// ByARN returns the user, role or group with an ARN; nil where there is none.
func (e *Estate) ByARN(arn string) *Principal { return e.byARN[arn] }

// At returns the first resource with an ARN; nil where there is none.
func (e *Estate) At(arn string) *plinth.Resource {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		for _, i := range e.named[bare(parts)] {
			if e.arn(i) == arn {
				return e.g.Resources()[i]
			}
		}
	}
	return nil
}

// Resources returns the resources of a type that have an ARN, in their order; those that data sources read are among them.
func (e *Estate) Resources(typ string) []*plinth.Resource {
	out := make([]*plinth.Resource, len(e.index[typ]))
	for k, i := range e.index[typ] {
		out[k] = e.g.Resources()[i]
	}
	return out
}

// Find returns the principal of a resource, an ARN or a resource's address; nil where there is none.
func (e *Estate) Find(name string) *Principal {
	if p := e.byResource[plinth.ID(name)]; p != nil {
		return p
	}
	if p := e.byARN[name]; p != nil {
		return p
	}
	for _, p := range e.principals {
		if p.Resource.Decl != nil && p.Resource.Decl.Address == name {
			return p
		}
	}
	return nil
}

// Referred returns the principal that a value of a resource names: by reference, ARN or, within the account, by its plain name. It
// is nil where the value names none that resources declare.
func (e *Estate) Referred(r *plinth.Resource, v plinth.Value) *Principal {
	i, ok := e.place(r)
	if !ok {
		return nil
	}
	return e.referred(i, v)
}

func (e *Estate) referred(i int32, v plinth.Value) *Principal {
	for _, to := range e.g.Of(i, v) {
		if p := e.byResource[e.g.Resources()[to].ID]; p != nil {
			return p
		}
	}
	text, ok := e.text(i, v)
	if !ok {
		return nil
	}
	if strings.HasPrefix(text, "arn:") {
		return e.near(i, text)
	}
	account := e.account(i)
	for _, p := range e.principals {
		if p.Account == account && lastPart(p.ARN) == text && (!strings.Contains(account+text, "{") || e.sameWorld(i, p.at)) {
			return p
		}
	}
	return nil
}

// near returns the principal of an ARN; of several in accounts that nobody knows the one of the same world.
func (e *Estate) near(i int32, arn string) *Principal {
	p := e.byARN[arn]
	if p == nil || !strings.Contains(p.Account, "{") || e.sameWorld(i, p.at) {
		return p
	}
	for _, other := range e.principals {
		if other.ARN == arn && e.sameWorld(i, other.at) {
			return other
		}
	}
	return p
}

func (e *Estate) place(r *plinth.Resource) (int32, bool) {
	i, ok := e.places[r]
	return i, ok
}

func lastPart(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// open tells whether something of a text is not known, its account and region apart.
func open(text string) bool {
	for {
		_, rest, ok := strings.Cut(text, "{")
		if !ok {
			return false
		}
		if !strings.HasPrefix(rest, "account") && !strings.HasPrefix(rest, "region}") {
			return true
		}
		text = rest
	}
}

// sameWorld tells whether two resources stand in one Terraform root, or one template: braces mean the same to them.
func (e *Estate) sameWorld(i, j int32) bool {
	a, b := e.g.Resources()[i], e.g.Resources()[j]
	worldOf := func(r *plinth.Resource) string { head, _, _ := strings.Cut(string(r.ID), "#"); return head }
	return a.Project == b.Project && worldOf(a) == worldOf(b)
}
