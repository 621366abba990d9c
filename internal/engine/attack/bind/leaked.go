package bind

import (
	"regexp"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/iam/google"
)

const (
	costLeak = 1 // a key that is revoked opens nothing
	nearby   = 3 // lines around a key that may name its user
)

// leaked tells the credentials that stand in the texts of the target, that its readers have them, and whom they make. A credential that
// is not live opens nothing; nobody was asked, so each is taken for live.
func (w *scene) leaked() {
	var list []*plinth.Finding
	for i := range w.Findings {
		if f := &w.Findings[i]; f.Owner != nil && f.Path != "" && f.Verdict == plinth.Fail && f.Suppressed == nil && f.Rule.Severity > plinth.Info {
			list = append(list, f)
		}
	}
	list = withoutIDs(list)
	if len(list) == 0 {
		return
	}
	w.to.Node(plinth.Node{ID: plinth.AnyReader, Type: plinth.TypeReader, Name: "reader", Address: "whoever reads the repository"})
	for _, f := range list {
		id := plinth.Credential(f.Rule.ID, f.Path)
		w.to.Node(plinth.Node{ID: id, Type: plinth.TypeCredential, Name: f.Rule.Title, Address: f.Rule.Title + " in " + f.At.Path, At: f.At})
		w.to.Relation(plinth.Relation{From: plinth.AnyReader, To: id, Kind: plinth.ReadsSecret, When: half(f), Evidence: []plinth.Step{{Note: f.Message, At: f.At, Cost: costLeak}}})
		if f.Owner.Name == "" {
			continue
		}
		switch f.Owner.Provider {
		case "aws":
			w.leakedAWS(id, f)
		case "google":
			w.leakedGoogle(id, f)
		case "azure":
			w.leakedAzure(id, f)
		case "kubernetes":
			for _, c := range w.clusters {
				if r := c.byName["ServiceAccount/"+f.Owner.Name]; r != nil {
					w.opens(id, r.ID, f, nil, step(r, r.Decl.Header, 0, "the subject of the token is this ServiceAccount"))
				}
			}
		}
	}
}

// owned is what a credential of each provider is of.
var owned = map[string]string{"aws": "account ", "google": "service account ", "azure": "client ", "kubernetes": "ServiceAccount "}

// keyID is the rule that finds the id of a key of AWS, the half of it that is no secret.
const keyID = "aws-access-key"

// withoutIDs leaves out the ids of keys beside whose secret they stand.
func withoutIDs(list []*plinth.Finding) []*plinth.Finding {
	whole := func(f *plinth.Finding) bool {
		return f.Rule.ID == keyID && slices.ContainsFunc(list, func(o *plinth.Finding) bool {
			return o.Rule.ID != keyID && o.Owner.Provider == "aws" && o.At.Path == f.At.Path && o.Owner.Name == f.Owner.Name
		})
	}
	return slices.DeleteFunc(slices.Clone(list), whole)
}

// half is the condition under which a credential is one: an id needs its secret.
func half(f *plinth.Finding) plinth.Condition {
	if f.Rule.ID == keyID {
		return plinth.Condition{{"the secret of the key is known, too"}}
	}
	return nil
}

// opens tells whose session a credential gives.
func (w *scene) opens(id, to plinth.ID, f *plinth.Finding, when plinth.Condition, more ...plinth.Step) {
	evidence := append([]plinth.Step{{Note: "the credential is that of " + owned[f.Owner.Provider] + f.Owner.Name, At: f.At, Cost: costLeak}}, more...)
	w.to.Relation(plinth.Relation{From: id, To: to, Kind: plinth.ReadsSecret, When: when, Evidence: evidence})
}

// leakedAWS tells the account of a key of AWS, and its user, where the code declares it: the one whose name stands beside the key; else
// those of the account who have keys by the code, or any where it has no keys, each in case that the key is its own. A key tells its account alone.
func (w *scene) leakedAWS(id plinth.ID, f *plinth.Finding) {
	number := f.Owner.Name
	root := plinth.AccountRoot(number)
	w.to.Node(plinth.Node{
		ID: root, Type: plinth.TypeAccount, Name: "account " + number, Address: "any principal of account " + number,
		Aliases: []plinth.ID{plinth.ID("arn:aws:iam::" + number + ":root")},
	})
	w.opens(id, root, f, plinth.Condition{{"the policies of its user let it"}})
	var users []*account.Principal
	for _, p := range w.estate.Principals() {
		if p.Kind == iam.User && (p.Account == number || strings.Contains(p.Account, "{")) && !p.Resource.External {
			users = append(users, p)
		}
	}
	if named := w.namedBeside(f, users); len(named) > 0 {
		users = named
	} else {
		keys := w.keyed()
		own := func(p *account.Principal) bool { return !slices.Contains(keys, p) }
		if with := slices.DeleteFunc(slices.Clone(users), own); len(with) > 0 {
			users = with
		}
		for _, p := range users {
			if slices.Contains(keys, p) || p.Account == number {
				w.ofUser(id, f, p, "the key is that of "+p.Resource.Label())
			}
		}
		return
	}
	for _, p := range users {
		w.ofUser(id, f, p, "")
	}
}

func (w *scene) ofUser(id plinth.ID, f *plinth.Finding, p *account.Principal, guess string) {
	var when plinth.Condition
	note := "its name stands beside the key"
	if guess != "" {
		note, when = "a user of the account", when.And(guess)
	}
	if p.Account != f.Owner.Name {
		note, when = "a user of the code, which does not say its account", when.And("the account of the code is "+f.Owner.Name)
	}
	w.opens(id, p.ID, f, when, step(p.Resource, p.Resource.Decl.Header, 0, note))
}

// keyed returns the users to whom the code gives access keys.
func (w *scene) keyed() []*account.Principal {
	var out []*account.Principal
	for _, i := range w.OfType("AWS::IAM::AccessKey") {
		r := w.Resources()[i]
		name, _ := r.Known().Get("UserName")
		if p := w.estate.Referred(r, name); p != nil {
			out = append(out, p)
		}
	}
	return out
}

// namedBeside returns the users whose names stand in the lines around a key.
func (w *scene) namedBeside(f *plinth.Finding, users []*account.Principal) []*account.Principal {
	if len(users) == 0 || f.Commit != "" || w.Read == nil {
		return nil
	}
	text, err := w.Read(f.At.Path)
	if err != nil {
		return nil
	}
	lines := strings.Split(string(text), "\n")
	line := int(f.At.Line) - 1
	from, to := max(0, line-nearby), min(len(lines), line+nearby+1)
	if from >= to {
		return nil
	}
	around := strings.Join(lines[from:to], "\n")
	return slices.DeleteFunc(slices.Clone(users), func(p *account.Principal) bool {
		name := p.ARN[strings.LastIndexByte(p.ARN, '/')+1:]
		return len(name) < 3 || strings.Contains(name, "{") || !regexp.MustCompile(`(?:^|[^\w.-])`+regexp.QuoteMeta(name)+`(?:$|[^\w.-])`).MatchString(around)
	})
}

// leakedGoogle tells the service account of a key file, and one of the code that has its name in a project that nobody knows.
func (w *scene) leakedGoogle(id plinth.ID, f *plinth.Finding) {
	member := "serviceAccount:" + f.Owner.Name
	if p := google.Of(w.Graph).Find(member); p != nil {
		if p.Resource != nil {
			w.opens(id, p.Resource.ID, f, nil, step(p.Resource, p.Resource.Decl.Header, 0, "the key file names this service account"))
			return
		}
		member = p.Member
	}
	name, host, _ := strings.Cut(f.Owner.Name, "@")
	for _, p := range google.Of(w.Graph).Principals() {
		own, project, ok := strings.Cut(strings.TrimPrefix(p.Member, "serviceAccount:"), "@")
		if ok && p.Resource != nil && own == name && strings.Contains(project, "{") {
			w.opens(id, p.Resource.ID, f, plinth.Condition{{"its project is " + strings.TrimSuffix(host, ".iam.gserviceaccount.com")}},
				step(p.Resource, p.Resource.Decl.Header, 0, "the key file names a service account that is called so"))
		}
	}
	w.to.Node(plinth.Node{ID: plinth.GoogleMember(member), Type: plinth.TypePrincipal, Name: member, Address: member})
	w.opens(id, plinth.GoogleMember(member), f, nil)
}

// leakedAzure tells the application of a client secret.
func (w *scene) leakedAzure(id plinth.ID, f *plinth.Finding) {
	found := false
	for _, r := range w.Resources() {
		if r.Type != "terraform:azuread_application" && r.Type != "terraform:azuread_service_principal" && r.Type != "data:azuread_service_principal" && r.Type != "data:azuread_application" {
			continue
		}
		for _, key := range [...]string{"client_id", "application_id"} {
			if v, ok := r.Source.Get(key); ok && strings.EqualFold(v.Str(), f.Owner.Name) {
				found = true
				w.opens(id, r.ID, f, nil, step(r, r.Place(v), 0, "it has the client id that stands beside the secret"))
			}
		}
	}
	if !found {
		who := plinth.AzurePrincipal(f.Owner.Name)
		w.to.Node(plinth.Node{ID: who, Type: plinth.TypePrincipal, Name: f.Owner.Name, Address: "application " + f.Owner.Name})
		w.opens(id, who, f, nil)
	}
}
