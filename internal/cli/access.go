package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
	"github.com/plinthsec/plinth/internal/iam/azure"
	"github.com/plinthsec/plinth/internal/iam/google"
	"github.com/plinthsec/plinth/internal/report"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/internal/value"
	"github.com/plinthsec/plinth/internal/verdict"
)

// accessAnswer is the answer of can and who-can.
type accessAnswer struct {
	Schema   string          `json:"schema"`
	Action   string          `json:"action,omitempty"`
	Resource string          `json:"resource,omitempty"`
	Answers  []access        `json:"answers"`
	Problems []accessProblem `json:"problems"`
}

// access is what one principal may do.
type access struct {
	Principal  string        `json:"principal"` // ARN, KIND/namespace/name or MEMBER
	Address    string        `json:"address,omitempty"`
	Result     string        `json:"result"`
	Actions    []string      `json:"actions,omitempty"`
	On         string        `json:"on,omitempty"`
	Resources  []string      `json:"resources,omitempty"` // of the code that are meant
	Conditions [][]string    `json:"conditions"`
	BlockedBy  []string      `json:"blocked_by,omitempty"`
	Proofs     []accessProof `json:"proofs"`
}

// accessProof is a statement, a rule or a binding that bears on an answer.
type accessProof struct {
	Effect string          `json:"effect"`
	Layer  string          `json:"layer,omitempty"`
	By     string          `json:"by"`
	At     networkLocation `json:"location"`
}

type accessProblem struct {
	Kind     string          `json:"kind"`
	Location networkLocation `json:"location"`
	Error    string          `json:"error"`
}

const accessSchema = "plinth.access/1"

func iamCanCommand(s Streams) *cobra.Command {
	var format, on string
	cmd := &cobra.Command{
		Use: "can PRINCIPAL [ACTION] [TARGET]", Short: "Say what a principal may do", Args: between(1, 3, "a principal, perhaps an action, perhaps a target"),
		Long: `Evaluate what the code in a folder or file (without one, this folder) lets a principal do, with the statements that decide.

A principal is an AWS user, role or group by ARN, name, address or id; a member of policies of Google Cloud (serviceAccount:x@y,
user:z, allUsers) or a service account by address; a principal of Azure by object id or address; or a Kubernetes identity:
ServiceAccount/namespace/name, User/name, Group/name. An action is written as its provider does: s3:GetObject, storage.objects.get,
Microsoft.Storage/storageAccounts/listKeys/action, or "get secrets" and "create pods/exec" for Kubernetes. Without an action everything that the principal's own policies let it do is listed. --on asks about one resource, by
ARN or address, or for Kubernetes by KIND/namespace/name or namespace/, with its own policy and whatever else decides.

Conditions that are left over are listed: one list of them must hold as a whole; none means that it holds in any case.

Exit code: 0; 2 usage; 3 when something could not be looked at.`,
		Example: "  plinth iam can aws_iam_role.deploy\n  plinth iam can deploy s3:GetObject --on aws_s3_bucket.exports infra/\n  plinth iam can google_service_account.app storage.objects.get infra/\n  plinth iam can ServiceAccount/shop/till \"get secrets\" deploy/",
		RunE: func(cmd *cobra.Command, args []string) error {
			action, target := actionAndTarget(args[1:])
			return answerAccess(cmd, s, format, target, func(w *accessWorld) (*accessAnswer, error) { return w.can(args[0], action, on) }, action)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table or json")
	cmd.Flags().StringVar(&on, "on", "", "the resource that the question is about")
	return cmd
}

func iamWhoCanCommand(s Streams) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "who-can ACTION [RESOURCE] [TARGET]", Short: "Say who may do an action", Args: between(1, 3, "an action, perhaps a resource, perhaps a target"),
		Long: `List who may do an action by the code in a folder or file (without one, this folder), with the statements that decide.

Actions and resources are written as for plinth iam can. About a resource everything counts that decides: the policies of both
sides, boundaries, policies of the organization, Block Public Access. Those whom only the resource's policy names are listed, and
"anonymous" and "any AWS principal" where it lets in everybody. Without a resource the principals are listed whose own policies let
them do it on anything.

Exit code: 0; 2 usage; 3 when something could not be looked at.`,
		Example: "  plinth iam who-can s3:GetObject aws_s3_bucket.exports\n  plinth iam who-can iam:PassRole infra/\n  plinth iam who-can \"get secrets\" shop/ deploy/",
		RunE: func(cmd *cobra.Command, args []string) error {
			resource, target := actionAndTarget(args[1:])
			return answerAccess(cmd, s, format, target, func(w *accessWorld) (*accessAnswer, error) { return w.whoCan(args[0], resource) }, args[0])
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table or json")
	return cmd
}

// actionAndTarget reads two optional arguments: one alone is a target where something is called so.
func actionAndTarget(args []string) (word, target string) {
	switch len(args) {
	case 0:
		return "", "."
	case 2:
		return args[0], args[1]
	}
	if _, err := os.Stat(args[0]); err == nil {
		return "", args[0]
	}
	return args[0], "."
}

// accessWorld is what questions are asked of.
type accessWorld struct {
	resources []*plinth.Resource
	estate    *account.Estate
	google    *google.Estate
	azure     *azure.Estate
}

func answerAccess(cmd *cobra.Command, s Streams, format, target string, ask func(*accessWorld) (*accessAnswer, error), action string) error {
	if format != "table" && format != "json" {
		return faultf("-o takes table or json, not %q%s", format, value.Hint(format, []string{"table", "json"}))
	}
	w, problems, err := accessWorldOf(cmd.Context(), cmd, s, target)
	if err != nil {
		return err
	}
	w.doubt(s, action)
	a, err := ask(w)
	if err != nil {
		return err
	}
	incomplete := false
	a.Schema, a.Problems = accessSchema, []accessProblem{}
	for _, p := range append(problems, w.estate.Problems()...) {
		incomplete = incomplete || p.Kind.Incomplete()
		a.Problems = append(a.Problems, accessProblem{string(p.Kind), networkLocation{p.At.Path, p.At.Line}, p.Text})
	}
	if err := a.write(s.Out, format); err != nil {
		return err
	}
	if incomplete {
		unseen(s, "answer", problems)
		return exit(verdict.Incomplete)
	}
	return nil
}

// doubt says that the facts know no such action of AWS: it is misspelt, or younger than they are.
func (w *accessWorld) doubt(s Streams, action string) {
	service, _, aws := strings.Cut(action, ":")
	facts := w.estate.Services()
	if !aws || strings.ContainsAny(action, "*? ") || facts.Action(action).Known() {
		return
	}
	fmt.Fprintf(s.Err, "plinth: AWS has no action %s that we know of%s\n", action, value.Hint(action, facts.Actions(service+":*")))
}

func accessWorldOf(ctx context.Context, cmd *cobra.Command, s Streams, target string) (*accessWorld, []plinth.Problem, error) {
	t, err := tree.Open(target)
	if err != nil {
		return nil, nil, fault{err}
	}
	defer t.Close()
	conf, err := configure(t.Dir(), "", false, s.Env, nil, cmd.Flags())
	if err != nil {
		return nil, nil, fault{err}
	}
	run := &scan.Run{Config: conf, Readers: all.Readers(), Today: time.Now().Format(time.DateOnly)}
	kept := newKeeper(s, &scanFlags{}, t, conf, run)
	res, err := run.Scan(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	kept.wait()
	e, err := account.New(res.Graph)
	if err != nil {
		return nil, nil, err
	}
	return &accessWorld{res.Resources, e, google.Of(res.Graph), azure.Of(res.Graph)}, res.Problems, nil
}

// can answers what a principal may do.
func (w *accessWorld) can(principal, action, on string) (*accessAnswer, error) {
	a := &accessAnswer{Action: action, Resource: on, Answers: []access{}}
	if who, ok := kubeIdentity(principal); ok {
		return a, w.kubeCan(a, who, action, on)
	}
	p := w.principal(principal)
	if p == nil {
		if found, err := w.cloudCan(a, principal, action, on); found || err != nil {
			return a, err
		}
		return nil, faultf("no principal is called %s%s", principal, value.Hint(principal, w.principals()))
	}
	switch {
	case on != "" && action == "":
		return nil, faultf("--on needs an action")
	case action != "" && !strings.Contains(action, ":"):
		return nil, faultf("an action of AWS is written SERVICE:NAME, not %s", action)
	case on != "":
		got := w.estate.Ask(p, action, on)
		if r := w.resource(on); r != nil {
			got = w.estate.Decide(p, action, r, nil)
		} else if !strings.HasPrefix(on, "arn:") && on != "*" {
			return nil, faultf("no resource is called %s%s", on, value.Hint(on, w.addresses()))
		}
		a.Answers = append(a.Answers, answerOf(p, got))
	case action != "":
		for _, g := range w.estate.Can(p, action) {
			one := granted(p, &g)
			one.Resources = w.touched(action, &g)
			a.Answers = append(a.Answers, one)
		}
	default:
		a.Answers = w.everything(p)
	}
	return a, nil
}

// whoCan answers who may do an action.
func (w *accessWorld) whoCan(action, on string) (*accessAnswer, error) {
	a := &accessAnswer{Action: action, Resource: on, Answers: []access{}}
	if googleAction(action) || azureAction(action) {
		return a, w.cloudWhoCan(a, action, on)
	}
	if !strings.Contains(action, ":") {
		return a, w.kubeWhoCan(a, action, on)
	}
	if on == "" {
		for _, p := range w.estate.Principals() {
			for _, g := range w.estate.Can(p, action) {
				a.Answers = append(a.Answers, granted(p, &g))
			}
		}
		return a, nil
	}
	r := w.resource(on)
	if r == nil {
		if !strings.HasPrefix(on, "arn:") {
			return nil, faultf("no resource is called %s%s", on, value.Hint(on, w.addresses()))
		}
		for _, p := range w.estate.Principals() {
			if got := w.estate.Ask(p, action, on); got.Result == iam.Allowed {
				a.Answers = append(a.Answers, answerOf(p, got))
			}
		}
		return a, nil
	}
	for _, one := range w.estate.WhoCan(action, r) {
		if one.Principal != nil {
			a.Answers = append(a.Answers, answerOf(one.Principal, one.Answer))
			continue
		}
		out := answerOf(&account.Principal{Principal: one.Who}, one.Answer)
		switch {
		case one.Who.Account == account.Anybody().Account:
			out.Principal = "any AWS principal"
		case one.Who.ARN == account.Root(one.Who.Account).ARN:
			out.Principal = "any principal of account " + one.Who.Account
		}
		a.Answers = append(a.Answers, out)
	}
	return a, nil
}

// principal finds a principal by id, ARN, address or name.
func (w *accessWorld) principal(name string) *account.Principal {
	if p := w.estate.Find(name); p != nil {
		return p
	}
	for _, p := range slices.Concat(w.estate.Principals(), w.estate.Groups()) {
		if p.ARN[strings.LastIndexByte(p.ARN, '/')+1:] == name {
			return p
		}
	}
	return nil
}

func (w *accessWorld) principals() []string {
	var out []string
	for _, p := range slices.Concat(w.estate.Principals(), w.estate.Groups()) {
		out = append(out, p.ARN, p.ARN[strings.LastIndexByte(p.ARN, '/')+1:])
		if p.Resource.Decl != nil {
			out = append(out, p.Resource.Decl.Address)
		}
	}
	return out
}

// resource finds a resource by address, id or ARN.
func (w *accessWorld) resource(name string) *plinth.Resource {
	for _, r := range w.resources {
		if string(r.ID) == name || r.Decl != nil && r.Decl.Address == name && !r.Hung {
			return r
		}
	}
	return w.estate.At(name)
}

func (w *accessWorld) addresses() []string {
	var out []string
	for _, r := range w.resources {
		if r.Decl != nil {
			out = append(out, r.Decl.Address)
		}
	}
	return out
}

// touched are the addresses of the resources in the code that a grant lets an action be done on.
func (w *accessWorld) touched(action string, g *iam.Grant) []string {
	var out []string
	types := w.estate.Services().Action(action).Resources()
	for _, r := range w.resources {
		arn := w.estate.ARN(r)
		if arn == "" || r.Decl == nil || !about(types, arn) || !g.Touches(iam.ParsePattern(w.estate.Target(action, r))) {
			continue
		}
		out = append(out, r.Decl.Address)
	}
	return out
}

// about tells whether an ARN is of one of the types of an action, or has things of them inside.
func about(types map[string]string, arn string) bool {
	for _, template := range types {
		have, want := strings.SplitN(arn, ":", 6), strings.SplitN(template, ":", 6)
		if len(have) < 6 || len(want) < 6 || have[2] != want[2] {
			continue
		}
		head, _, _ := strings.Cut(want[5], "${")
		if strings.HasPrefix(have[5], head) {
			return true
		}
	}
	return false
}

// everything lists all that a principal's own policies let it do, actions with the same grant together.
func (w *accessWorld) everything(p *account.Principal) []access {
	byGrant := map[string]int{}
	out := []access{}
	all := w.estate.Services().Actions("*")
	sizes := map[string]int{}
	for _, action := range all {
		service, _, _ := strings.Cut(action, ":")
		sizes[service]++
	}
	for _, action := range all {
		for _, g := range w.estate.Can(p, action) {
			key := g.String()
			for _, proof := range g.By {
				key += "\x00" + proof.Statement.String()
			}
			i, ok := byGrant[key]
			if !ok {
				i = len(out)
				byGrant[key] = i
				out = append(out, granted(p, &g))
			}
			out[i].Actions = append(out[i].Actions, action)
		}
	}
	for i := range out {
		out[i].Actions = folded(out[i].Actions, sizes, len(all))
	}
	return out
}

// folded writes all actions of a service, of which it has so many, as SERVICE:*, and all of all services as *.
func folded(actions []string, sizes map[string]int, all int) []string {
	if len(actions) == all {
		return []string{"*"}
	}
	var out []string
	for len(actions) > 0 {
		service, _, _ := strings.Cut(actions[0], ":")
		n := 1
		for n < len(actions) && strings.HasPrefix(actions[n], service+":") {
			n++
		}
		if n > 1 && n == sizes[service] {
			out = append(out, service+":*")
		} else {
			out = append(out, actions[:n]...)
		}
		actions = actions[n:]
	}
	return out
}

func accessOf(p *account.Principal) access {
	out := access{Principal: p.ARN, Conditions: [][]string{}, Proofs: []accessProof{}}
	if p.Resource != nil && p.Resource.Decl != nil {
		out.Address = p.Resource.Decl.Address
	}
	return out
}

func granted(p *account.Principal, g *iam.Grant) access {
	out := accessOf(p)
	out.Result, out.Conditions, out.On = iam.Allowed.String(), g.When.Strings(), onOf(g)
	out.Proofs = proofsOf(g.By)
	for _, r := range g.Unless {
		out.Conditions = append(out.Conditions, []string{"not where " + r.By.String() + " forbids it"})
	}
	return out
}

// onOf writes what a grant is on, without its condition.
func onOf(g *iam.Grant) string {
	bare := iam.Grant{All: g.All, None: g.None, When: iam.Always()}
	return bare.String()
}

func answerOf(p *account.Principal, a iam.Answer) access {
	out := accessOf(p)
	out.Result, out.Conditions = a.Result.String(), a.When.Strings()
	for _, l := range a.Blocked {
		out.BlockedBy = append(out.BlockedBy, l.String())
	}
	out.Proofs = proofsOf(a.Allows)
	if a.Result != iam.Allowed {
		out.Proofs = proofsOf(a.Denies)
	} else if !a.When.Always() {
		out.Proofs = append(out.Proofs, proofsOf(a.Denies)...)
	}
	return out
}

func proofsOf(list []iam.Proof) []accessProof {
	out := []accessProof{}
	for _, p := range list {
		if p.Layer == iam.Identity && p.Statement != nil && p.Statement.At.Path == "" {
			continue // the side of somebody who is not in the code
		}
		one := accessProof{Effect: "Allow", Layer: p.Layer.String(), By: p.Layer.String()}
		if p.Statement != nil {
			one.By, one.At = p.Statement.String(), networkLocation{p.Statement.At.Path, p.Statement.At.Line}
			if !p.Statement.Allow {
				one.Effect = "Deny"
			}
		}
		if !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}

func (a *accessAnswer) write(out io.Writer, format string) error {
	var b bytes.Buffer
	if format == "json" {
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		if err := e.Encode(a); err != nil {
			return err
		}
		_, err := out.Write(b.Bytes())
		return err
	}
	a.table(&b)
	_, err := out.Write(b.Bytes())
	return err
}

const maxShown = 12 // actions of one line of the table; -o json has them all

func (a *accessAnswer) table(b *bytes.Buffer) {
	if len(a.Answers) == 0 {
		b.WriteString("nobody\n")
		if a.Action == "" || a.Resource == "" {
			b.Reset()
			b.WriteString("nothing\n")
		}
	}
	last := ""
	for _, one := range a.Answers {
		who := one.Principal
		if one.Address != "" && one.Address != one.Principal {
			who = one.Address + "  " + one.Principal
		}
		if who != last {
			fmt.Fprintf(b, "%s\n", report.Clean(who))
			last = who
		}
		line := "  " + one.Result
		if len(one.Actions) > 0 {
			shown := one.Actions[:min(len(one.Actions), maxShown)]
			line += " " + strings.Join(shown, ", ")
			if more := len(one.Actions) - len(shown); more > 0 {
				line += fmt.Sprintf(" and %d more", more)
			}
		}
		if one.On != "" {
			line += " on " + one.On
		}
		if len(one.BlockedBy) > 0 {
			line += " by " + strings.Join(one.BlockedBy, ", ")
		}
		b.WriteString(report.Clean(line) + "\n")
		for i, term := range one.Conditions {
			word := "    if "
			if i > 0 {
				word = "    or if "
			}
			b.WriteString(report.Clean(word+strings.Join(term, " and ")) + "\n")
		}
		for _, r := range one.Resources {
			b.WriteString(report.Clean("    "+r) + "\n")
		}
		for _, p := range one.Proofs {
			fmt.Fprintf(b, "    %s:%d  %s %s\n", report.Clean(p.At.Path), p.At.Line, p.Effect, report.Clean(p.By))
		}
	}
}
