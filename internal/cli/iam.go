package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/value"
	"github.com/plinthsec/plinth/internal/verdict"
)

const maxBatch = 256 << 20 // bytes of standard input: a batch is held in memory

func iamCommand(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "iam", Short: "Ask who may do what", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(iamCanCommand(s), iamEvalCommand(s), iamSuggestCommand(s), iamWhoCanCommand(s))
	return cmd
}

func iamEvalCommand(s Streams) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "eval", Short: "Evaluate AWS requests against policies, in one batch", Args: cobra.NoArgs,
		Long: `Read a JSON array of questions from standard input and answer each.

A question holds id, request (principal, action, resource, resource_account, context) and the policies that bear on it: identity,
boundary, session, resource, endpoint; scp and rcp by level, root first. mode is strict (a condition key that is not in context is
absent) or symbolic (it is unknown); unknown lists patterns of the keys that are unknown in symbolic mode, in place of all that
context lacks. bucket may hold restrict_public_buckets, ignore_public_acls, bucket_owner_enforced and acl, a list of to,
permission, object.

An answer is Allowed, ImplicitlyDenied or ExplicitlyDenied. In symbolic mode Allowed may rest on conditions, of which one list must
hold as a whole; none means that it holds in any case. A question that cannot be read has the result Error, and the exit code is 3.`,
		Example: "  plinth iam eval -o json < questions.json",
		RunE: func(*cobra.Command, []string) error {
			if format != "table" && format != "json" {
				return faultf("-o takes table or json, not %q%s", format, value.Hint(format, []string{"table", "json"}))
			}
			answers, broken, err := evaluate(s.In)
			if err != nil {
				return err
			}
			if err := writeAnswers(s.Out, format, answers); err != nil {
				return err
			}
			if broken > 0 {
				fmt.Fprintf(s.Err, "plinth: %d of %d questions could not be read\n", broken, len(answers))
				return exit(verdict.Incomplete)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table or json")
	return cmd
}

// answer is one answer of iam eval.
type answer struct {
	ID         string     `json:"id"`
	Result     string     `json:"result"`
	BlockedBy  []string   `json:"blocked_by"`
	Conditions [][]string `json:"conditions"`
	DecidedBy  []string   `json:"decided_by"`
	Problems   []string   `json:"problems,omitempty"`
}

// question is one element of the batch that is being read.
type question struct {
	value    plinth.Value
	compiler *iam.Compiler
	problems []string
}

// evaluate answers the questions of a batch and counts those that cannot be read.
func evaluate(in io.Reader) (answers []answer, broken int, err error) {
	text, err := io.ReadAll(io.LimitReader(in, maxBatch+1))
	if err != nil {
		return nil, 0, fmt.Errorf("read standard input: %w", err)
	}
	if len(text) > maxBatch {
		return nil, 0, faultf("standard input is longer than 256 MiB")
	}
	batch, err := value.ParseJSON(string(text))
	if err != nil {
		return nil, 0, faultf("standard input is no JSON: %s", err)
	}
	if batch.Kind() != plinth.List {
		return nil, 0, faultf("standard input is a %s; a list of questions is needed", batch.Kind())
	}
	services, err := iam.LoadServices()
	if err != nil {
		return nil, 0, err
	}
	compiler := iam.NewCompiler(services)
	for _, v := range batch.List() {
		q := &question{value: v, compiler: compiler}
		a, err := q.answer()
		if err != nil {
			broken++
			a = answer{ID: q.get("id").Str(), Result: "Error", BlockedBy: []string{}, DecidedBy: []string{}, Conditions: [][]string{}, Problems: []string{err.Error()}}
		}
		answers = append(answers, a)
	}
	return answers, broken, nil
}

func (q *question) get(keys ...string) plinth.Value {
	v, _ := q.value.At(keys...)
	return v
}

func (q *question) answer() (answer, error) {
	r, err := q.request()
	if err != nil {
		return answer{}, err
	}
	policies, err := q.policies()
	if err != nil {
		return answer{}, err
	}
	got := iam.Decide(r, policies)
	out := answer{ID: q.get("id").Str(), Result: got.Result.String(), BlockedBy: []string{}, DecidedBy: []string{}, Conditions: got.When.Strings(), Problems: q.problems}
	if strict := q.get("mode").Str() != "symbolic"; strict && got.Result == iam.Allowed && !got.When.Always() {
		out.Result, out.Conditions = iam.ImplicitlyDenied.String(), [][]string{} // an operator that nobody knows lets nothing
	}
	for _, l := range got.Blocked {
		out.BlockedBy = append(out.BlockedBy, l.String())
	}
	proofs := got.Allows
	if got.Result != iam.Allowed {
		proofs = got.Denies
	}
	for _, p := range proofs {
		name := p.Layer.String()
		if p.Statement != nil {
			name = p.Statement.String()
		}
		if !slices.Contains(out.DecidedBy, name) {
			out.DecidedBy = append(out.DecidedBy, name)
		}
	}
	return out, nil
}

func (q *question) request() (*iam.Request, error) {
	for _, key := range []string{"principal", "action", "resource"} {
		if v := q.get("request", key); v.Kind() != plinth.String || v.Str() == "" {
			return nil, fmt.Errorf("request.%s is no text", key)
		}
	}
	name := q.get("request", "principal").Str()
	who, ok := iam.ParsePrincipal(name)
	if !ok {
		return nil, fmt.Errorf("request.principal %q is no ARN of a user, role or session, no service name and not anonymous", name)
	}
	account := q.get("request", "resource_account")
	if account.Kind() == plinth.Number {
		account = plinth.StringOf(fmt.Sprintf("%012.0f", account.Num()))
	}
	r := &iam.Request{
		Principal: who, Action: q.compiler.Services().Action(q.get("request", "action").Str()),
		Resource: q.get("request", "resource").Str(), Account: account.Str(),
	}
	keys := map[string][]string{}
	for _, f := range q.get("request", "context").Fields() {
		keys[f.Key] = texts(f.Value)
	}
	switch mode := q.get("mode").Str(); {
	case mode == "" || mode == "strict":
		r.Context = iam.Strict(keys)
	case mode != "symbolic":
		return nil, fmt.Errorf("mode is strict or symbolic, not %q", mode)
	case q.get("unknown").IsNull():
		r.Context = iam.Open(keys)
	default:
		r.Context = iam.OpenOnly(keys, texts(q.get("unknown")))
	}
	return r, nil
}

// texts are the values of a context key: one or a list, as text.
func texts(v plinth.Value) []string {
	list := v.List()
	if v.Kind() != plinth.List && !v.IsNull() {
		list = []plinth.Value{v}
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		switch e.Kind() {
		case plinth.String:
			out = append(out, e.Str())
		case plinth.Number, plinth.Bool:
			out = append(out, e.String())
		}
	}
	return out
}

func (q *question) policies() (*iam.Policies, error) {
	p := &iam.Policies{}
	var err error
	for _, l := range []struct {
		name string
		to   *[]*iam.Policy
	}{{"identity", &p.Identity}, {"boundary", &p.Boundary}, {"session", &p.Session}, {"endpoint", &p.Endpoint}} {
		if *l.to, err = q.list(l.name, q.get(l.name)); err != nil {
			return nil, err
		}
	}
	if v := q.get("resource"); !v.IsNull() {
		p.Resource = q.compile("resource", v)
	}
	for _, l := range []struct {
		name string
		to   *[][]*iam.Policy
	}{{"scp", &p.SCP}, {"rcp", &p.RCP}} {
		for i, level := range q.get(l.name).List() {
			name := fmt.Sprintf("%s[%d]", l.name, i)
			of, err := q.list(name, level)
			if err != nil {
				return nil, err
			}
			*l.to = append(*l.to, of)
		}
	}
	if v := q.get("bucket"); !v.IsNull() {
		p.Bucket = q.bucket()
	}
	return p, nil
}

// list compiles the policies of a layer, one or a list; nil where the layer is absent.
func (q *question) list(name string, v plinth.Value) ([]*iam.Policy, error) {
	switch v.Kind() {
	case plinth.Null:
		return nil, nil
	case plinth.Map:
		return []*iam.Policy{q.compile(name, v)}, nil
	case plinth.List:
		out := make([]*iam.Policy, v.Len())
		for i, one := range v.List() {
			out[i] = q.compile(fmt.Sprintf("%s[%d]", name, i), one)
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s is a %s, no list of policies", name, v.Kind())
}

func (q *question) compile(name string, doc plinth.Value) *iam.Policy {
	p, problems := q.compiler.Compile(name, doc)
	for _, problem := range problems {
		q.problems = append(q.problems, problem.Text)
	}
	return p
}

func (q *question) bucket() *iam.Bucket {
	on := func(key string) iam.Formula {
		if q.get("bucket", key).Bool() {
			return iam.Always()
		}
		return nil
	}
	b := &iam.Bucket{Restrict: on("restrict_public_buckets"), IgnoreACLs: on("ignore_public_acls"), Enforced: on("bucket_owner_enforced")}
	for _, g := range q.get("bucket", "acl").List() {
		to, _ := g.Get("to")
		permission, _ := g.Get("permission")
		object, _ := g.Get("object")
		b.ACL = append(b.ACL, iam.Grantee{To: to.Str(), Permission: permission.Str(), Object: object.Bool()})
	}
	return b
}

func writeAnswers(out io.Writer, format string, answers []answer) error {
	var b bytes.Buffer
	if format == "json" {
		if answers == nil {
			answers = []answer{}
		}
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		if err := e.Encode(answers); err != nil {
			return err
		}
		_, err := out.Write(b.Bytes())
		return err
	}
	for _, a := range answers {
		fmt.Fprintf(&b, "%-30s  %s", a.ID, a.Result)
		switch {
		case len(a.Conditions) > 0:
			terms := make([]string, len(a.Conditions))
			for i, t := range a.Conditions {
				terms[i] = strings.Join(t, " and ")
			}
			b.WriteString(" if " + strings.Join(terms, ", or "))
		case len(a.BlockedBy) > 0:
			b.WriteString(" by " + strings.Join(a.BlockedBy, ", "))
		}
		if len(a.DecidedBy) > 0 {
			b.WriteString(" (" + strings.Join(a.DecidedBy, ", ") + ")")
		}
		b.WriteByte('\n')
		for _, problem := range a.Problems {
			b.WriteString("    " + problem + "\n")
		}
	}
	_, err := out.Write(b.Bytes())
	return err
}
