package iam

import (
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/iam/google"
)

// google judges Google Cloud: as whom workloads run, who can make himself an administrator, and whose tokens pools take.
func (l *look) google() {
	e := google.Of(l.g)
	said := map[*google.Principal]bool{}
	for _, r := range l.g.Resources() {
		for _, run := range e.Runs(r) {
			if run.Default || said[run.As] {
				continue
			}
			for _, scope := range scopes(run.As) {
				when, ways := e.Administers(run.As, scope)
				if when.Never() {
					continue
				}
				said[run.As] = true
				l.add(sight{
					audit: "google-workload-administrator", resource: r, at: run.At, path: scope, when: when, evidence: given(ways),
					message: r.Label() + " runs as " + run.As.Label() + ", an administrator of " + shown(e, scope),
				})
				break
			}
		}
	}
	for _, p := range e.Principals() {
		if p.Resource == nil {
			continue
		}
		l.seen++
		for _, scope := range scopes(p) {
			kind, _, _ := strings.Cut(scope, "/")
			permission := "resourcemanager." + kind + ".setIamPolicy"
			admin, _ := e.Administers(p, scope)
			ways := e.Ways(p, permission, e.Above(scope))
			if !admin.Never() || len(ways) == 0 || ways[0].By.On != scope {
				continue
			}
			l.add(sight{
				audit: "google-self-administrator", resource: p.Resource, at: ways[0].By.At, path: scope, when: google.Unlimited(ways[0].When), evidence: given(ways[:1]),
				message: p.Label() + " may change who has which role on " + shown(e, scope),
			})
		}
	}
	l.pools(e)
}

// scopes are those of projects, folders and organizations on which a principal has something.
func scopes(p *google.Principal) []string {
	var out []string
	seen := map[string]bool{}
	for _, b := range p.Bindings() {
		if kind, _, _ := strings.Cut(b.On, "/"); (kind == "projects" || kind == "folders" || kind == "organizations") && !seen[b.On] {
			seen[b.On] = true
			out = append(out, b.On)
		}
	}
	return out
}

func shown(e *google.Estate, scope string) string {
	if r := e.Of(scope); r != nil {
		return r.Label()
	}
	return google.Short(scope)
}

func given(ways []google.Way) []plinth.Step {
	var out []plinth.Step
	for i, way := range ways {
		if i == 0 || way.By.At != ways[i-1].By.At {
			out = append(out, plinth.Step{Note: way.By.Label + " gives " + strings.Join(way.By.Role.Known, ", "), At: way.By.At})
		}
	}
	return out
}

// pools judges providers of workload identity pools: an issuer that serves everybody, no condition, and somebody who takes every token.
func (l *look) pools(e *google.Estate) {
	for _, k := range l.g.OfType("iam.googleapis.com/WorkloadIdentityPoolProvider") {
		r := l.g.Resources()[k]
		issuer, _ := r.Known().At("oidc", "issuerUri")
		filter, has := r.Known().Get("attributeCondition")
		host := strings.TrimSuffix(strings.TrimPrefix(issuer.Str(), "https://"), "/")
		l.seen++
		if issuer.Kind() != plinth.String || has && (filter.IsUnknown() || filter.Str() != "") || !account.Strange(host, "*") {
			continue
		}
		for _, p := range e.Principals() {
			_, rest, ok := strings.Cut(p.Member, "/workloadIdentityPools/")
			pool, name, _ := strings.Cut(rest, "/")
			if !ok || name != "*" || !e.InPool(k, pool) || len(p.Bindings()) == 0 {
				continue
			}
			l.add(sight{
				audit: "google-open-federation", resource: r, at: r.Place(issuer), path: "oidc.issuerUri", when: iam.Always(),
				message:  "every token of " + host + " counts, and " + p.Bindings()[0].Label + " lets the whole pool in",
				evidence: []plinth.Step{{Note: p.Bindings()[0].Label + " gives " + strings.Join(p.Bindings()[0].Role.Known, ", "), At: p.Bindings()[0].At}},
			})
		}
	}
}
