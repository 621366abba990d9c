package cli

import (
	"slices"
	"strings"

	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/azure"
	"github.com/plinthsec/plinth/internal/iam/google"
	"github.com/plinthsec/plinth/internal/value"
)

// googleAction tells whether an action is written as Google Cloud does, storage.objects.get, and azureAction as Azure does,
// Microsoft.Storage/storageAccounts/listKeys/action.
func googleAction(action string) bool {
	return strings.Count(action, ".") >= 2 && !strings.ContainsAny(action, " :/")
}

func azureAction(action string) bool {
	return strings.Contains(action, "/") && !strings.ContainsAny(action, " :")
}

// cloudCan answers what a principal of Google Cloud or Azure may do; false where nobody is called so.
func (w *accessWorld) cloudCan(a *accessAnswer, principal, action, on string) (bool, error) {
	if p := w.google.Find(principal); p != nil {
		if err := w.googleCan(a, p, action, on); err != nil {
			return true, err
		}
		return true, w.everybody(a, action, on)
	}
	if p := w.azure.Find(principal); p != nil {
		return true, w.azureCan(a, p, action, on)
	}
	return false, nil
}

// everybody lets an answer about a resource that nothing gives a principal itself rest on what is given to everybody.
func (w *accessWorld) everybody(a *accessAnswer, action, on string) error {
	for _, member := range [...]string{google.Everybody, google.SignedIn} {
		p := w.google.Find(member)
		if p == nil || on == "" || a.Answers[0].Result != iam.ImplicitlyDenied.String() {
			continue
		}
		var all accessAnswer
		if err := w.googleCan(&all, p, action, on); err != nil {
			return err
		}
		if one := all.Answers[0]; one.Result == iam.Allowed.String() {
			a.Answers[0].Result, a.Answers[0].Conditions, a.Answers[0].Proofs = one.Result, one.Conditions, one.Proofs
		}
	}
	return nil
}

// cloudWhoCan answers who may do an action of Google Cloud or Azure.
func (w *accessWorld) cloudWhoCan(a *accessAnswer, action, on string) error {
	if googleAction(action) {
		for _, p := range w.google.Principals() {
			if err := w.googleCan(a, p, action, on); err != nil {
				return err
			}
		}
	} else {
		for _, p := range w.azure.Principals() {
			if err := w.azureCan(a, p, action, on); err != nil {
				return err
			}
		}
	}
	a.Answers = slices.DeleteFunc(a.Answers, func(one access) bool { return one.Result != iam.Allowed.String() })
	return nil
}

// scopesOn are the scopes of a resource that a question names.
func (w *accessWorld) scopesOn(on string) ([]string, error) {
	if r := w.resource(on); r != nil {
		if strings.HasPrefix(r.Type, "Microsoft.") {
			return w.azure.Scopes(r), nil
		}
		return w.google.Scopes(r), nil
	}
	if strings.HasPrefix(on, "projects/") || strings.HasPrefix(on, "folders/") || strings.HasPrefix(on, "organizations/") {
		return w.google.Above(on), nil
	}
	if strings.HasPrefix(on, "/subscriptions/") {
		return w.azure.Above(on), nil
	}
	return nil, faultf("no resource is called %s%s", on, value.Hint(on, w.addresses()))
}

func (w *accessWorld) googleCan(a *accessAnswer, p *google.Principal, action, on string) error {
	base := access{Principal: p.Member, Result: iam.Allowed.String(), Conditions: [][]string{}, Proofs: []accessProof{}}
	if p.Resource != nil {
		base.Address = p.Resource.Label()
	}
	proof := func(b google.Binding) []accessProof {
		role := strings.Join(b.Role.Known, ", ")
		if r := w.google.Of(role); r != nil {
			role = r.Label()
		}
		return []accessProof{{Effect: "Allow", Layer: "binding", By: b.Label + " (" + role + ")", At: networkLocation{b.At.Path, b.At.Line}}}
	}
	if on != "" {
		if action == "" {
			return faultf("--on needs an action")
		}
		scopes, err := w.scopesOn(on)
		if err != nil {
			return err
		}
		got := w.google.Decide(p, action, scopes)
		base.Conditions = got.When.Strings()
		for _, b := range got.By {
			base.Proofs = append(base.Proofs, proof(*b)...)
		}
		for _, d := range got.Denied {
			base.Proofs = append(base.Proofs, accessProof{Effect: "Deny", Layer: "deny policy", By: "deny policy", At: networkLocation{d.At.Path, d.At.Line}})
		}
		if got.When.Never() {
			base.Result, base.Conditions = iam.ImplicitlyDenied.String(), [][]string{}
			if len(got.Denied) > 0 {
				base.Result = iam.ExplicitlyDenied.String()
			}
		}
		a.Answers = append(a.Answers, base)
		return nil
	}
	for _, b := range p.Bindings() {
		one := base
		one.On, one.Proofs = w.googlePlace(b.On), proof(b)
		if action == "" {
			if b.Condition != "" {
				one.Conditions = [][]string{{b.Condition}}
			}
			for _, role := range b.Role.Known {
				one.Actions = append(one.Actions, w.google.Permissions(role)...)
			}
			if len(one.Actions) == 0 {
				one.Conditions = [][]string{{"it is known what the role holds"}}
			}
			a.Answers = append(a.Answers, one)
			continue
		}
		for _, way := range w.google.Ways(p, action, w.google.Above(b.On)) {
			if way.By.At == b.At && way.By.On == b.On {
				one.Conditions = way.When.Strings()
				a.Answers = append(a.Answers, one)
				break
			}
		}
	}
	return nil
}

func (w *accessWorld) googlePlace(scope string) string {
	if r := w.google.Of(scope); r != nil {
		return r.Label()
	}
	return google.Short(scope)
}

func (w *accessWorld) azureCan(a *accessAnswer, p *azure.Principal, action, on string) error {
	base := access{Principal: p.Label(), Result: iam.Allowed.String(), Conditions: [][]string{}, Proofs: []accessProof{}}
	if p.Resource != nil {
		base.Address = p.Resource.Label()
	}
	proof := func(b azure.Assignment) []accessProof {
		return []accessProof{{Effect: "Allow", Layer: "role assignment", By: b.Label + " (" + w.azure.Role(b) + ")", At: networkLocation{b.At.Path, b.At.Line}}}
	}
	both := func(scopes []string) []azure.Way {
		return append(w.azure.Ways(p, action, false, scopes), w.azure.Ways(p, action, true, scopes)...)
	}
	if on != "" {
		if action == "" {
			return faultf("--on needs an action")
		}
		scopes, err := w.scopesOn(on)
		if err != nil {
			return err
		}
		var when iam.Formula
		for _, way := range both(scopes) {
			when = when.Or(way.When)
			base.Proofs = append(base.Proofs, proof(way.By)...)
		}
		base.Conditions = when.Strings()
		if when.Never() {
			base.Result, base.Conditions = iam.ImplicitlyDenied.String(), [][]string{}
		}
		a.Answers = append(a.Answers, base)
		return nil
	}
	for _, b := range p.Assignments() {
		one := base
		one.On, one.Proofs = w.azure.Short(b.Scope), proof(b)
		if action == "" {
			if b.Condition != "" {
				one.Conditions = [][]string{{b.Condition}}
			}
			one.Actions = w.azure.Actions(b)
			a.Answers = append(a.Answers, one)
			continue
		}
		for _, way := range both(w.azure.Above(b.Scope)) {
			if way.By.At == b.At && way.By.Scope == b.Scope {
				one.Conditions = way.When.Strings()
				a.Answers = append(a.Answers, one)
				break
			}
		}
	}
	return nil
}
