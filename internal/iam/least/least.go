// Package least proposes the least policy that serves what a workload visibly uses.
//
// What it uses shows in its configuration, which names tables, queues, secrets, and in its code, whose calls of the AWS SDKs say what
// it does with them. What shows in neither the proposal does not have: it is a start for its owner, not a proof that nothing breaks.
package least

import (
	"bytes"
	_ "embed" // the facts
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam"
	"github.com/plinthsec/plinth/internal/iam/account"
)

//go:embed uses.yaml
var usesYAML []byte

type use struct {
	Read, Write []string
	Calls       map[string][]string
}

// Facts say which actions serve a use of a resource.
type Facts struct {
	Types    map[string]use
	Triggers map[string][]string
}

// Load reads the facts that come with the product.
func Load() (*Facts, error) {
	f := &Facts{}
	return f, yaml.Unmarshal(usesYAML, f)
}

// File is a file of source code.
type File struct {
	Path string
	Text []byte
}

// Need is what a workload needs on one resource.
type Need struct {
	Actions   []string
	Resources []string         // ARNs, {braces} where something is unknown
	On        *plinth.Resource // nil: what the service that runs the workload asks for
	Because   []plinth.Step    // the configuration that names it, the calls in the code
}

// Proposal is the least policy of a workload.
type Proposal struct {
	Workload *plinth.Resource
	Role     *account.Principal
	Needs    []Need // by what they are on, in the order of the configuration
	// Guessed: no call was seen in the code for some resource, so that it was given both reading and writing as far as its role may.
	Guessed bool
}

// For proposes for a workload and one of the roles that it runs as. source is its code, nil where it cannot be seen. Actions that its
// role may not do today are left out: the code cannot be using them.
func For(e *account.Estate, f *Facts, workload *plinth.Resource, role *account.Principal, source []File) Proposal {
	p := Proposal{Workload: workload, Role: role}
	b := &builder{e: e, f: f, p: &p, code: read(source)}
	b.platform()
	b.triggers()
	b.configuration()
	return p
}

type builder struct {
	e    *account.Estate
	f    *Facts
	p    *Proposal
	code *calls
}

// need adds what the role may do today of some actions on a resource.
func (b *builder) need(on *plinth.Resource, actions []string, because ...plinth.Step) {
	i := slices.IndexFunc(b.p.Needs, func(n Need) bool { return n.On == on && on != nil })
	if i < 0 {
		i = len(b.p.Needs)
		b.p.Needs = append(b.p.Needs, Need{On: on})
	}
	n := &b.p.Needs[i]
	for _, a := range actions {
		if slices.Contains(n.Actions, a) || b.e.Decide(b.p.Role, a, on, nil).Result != iam.Allowed {
			continue
		}
		n.Actions = append(n.Actions, a)
		if arn := b.e.Target(a, on); arn != "" && !slices.Contains(n.Resources, arn) {
			n.Resources = append(n.Resources, arn)
		}
	}
	if len(n.Actions) == 0 {
		b.p.Needs = slices.Delete(b.p.Needs, i, i+1)
		return
	}
	for _, s := range because {
		if !slices.Contains(n.Because, s) {
			n.Because = append(n.Because, s)
		}
	}
	slices.Sort(n.Actions)
	b.key(on, because)
}

// key adds the right to use the key with which a store is encrypted.
func (b *builder) key(on *plinth.Resource, because []plinth.Step) {
	key, _ := b.e.Key(on)
	if key == nil || key == on {
		return
	}
	writes := slices.ContainsFunc(b.p.Needs, func(n Need) bool {
		return n.On == on && slices.ContainsFunc(n.Actions, func(a string) bool { return slices.Contains(b.f.Types[account.TypeOf(on)].Write, a) })
	})
	actions := []string{"kms:Decrypt"}
	if writes {
		actions = append(actions, "kms:GenerateDataKey")
	}
	b.need(key, actions, because...)
}

// platform adds what the service that runs a workload does as its role.
func (b *builder) platform() {
	w := b.p.Workload
	if account.TypeOf(w) != "AWS::Lambda::Function" {
		return
	}
	add := func(why string, actions []string, resources ...string) {
		b.p.Needs = append(b.p.Needs, Need{Actions: actions, Resources: resources, Because: []plinth.Step{{Note: why, At: w.Head()}}})
	}
	if arn := b.e.ARN(w); arn != "" {
		part := strings.SplitN(arn, ":", 7)
		name := part[len(part)-1]
		if strings.HasPrefix(name, "{") {
			name = "*" // made when it is deployed
		}
		add("a function writes its log", []string{"logs:CreateLogStream", "logs:PutLogEvents"},
			"arn:aws:logs:"+part[3]+":"+part[4]+":log-group:/aws/lambda/"+name+":*")
	}
	if len(account.Values(w.Known(), "VpcConfig.SubnetIds")) > 0 {
		add("a function in a network has an interface there", []string{"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"}, "*")
	}
	for _, mode := range account.Values(w.Known(), "TracingConfig.Mode") {
		if mode.Str() == "Active" {
			add("a traced function sends what it traced", []string{"xray:PutTelemetryRecords", "xray:PutTraceSegments"}, "*")
		}
	}
}

// triggers adds what a function does to be called.
func (b *builder) triggers() {
	for _, m := range b.e.Resources("AWS::Lambda::EventSourceMapping") {
		props := m.Known()
		if !slices.ContainsFunc(account.Values(props, "FunctionName"), func(v plinth.Value) bool {
			return slices.Contains(b.e.Meant(m, "AWS::Lambda::Function", v), b.p.Workload)
		}) {
			continue
		}
		for _, v := range account.Values(props, "EventSourceArn") {
			for _, typ := range slices.Sorted(maps.Keys(b.f.Triggers)) {
				for _, on := range b.e.Meant(m, typ, v) {
					b.need(on, b.f.Triggers[typ], plinth.Step{Note: m.Label() + " has it called by " + on.Label(), At: m.Place(v), Resource: m.Label()})
				}
			}
		}
	}
}

// apart are properties that name what the workload's maker uses, not its code.
var apart = []string{"Role", "TaskRoleArn", "ExecutionRoleArn", "Tags", "Code", "VpcConfig", "KmsKeyArn", "KMSKeyArn", "Layers", "LoggingConfig", "IamInstanceProfile", "ServiceRole", "EncryptionKey"}

// configuration adds what the properties of a workload name.
func (b *builder) configuration() {
	walk(b.p.Workload.Known(), nil, func(path []string, v plinth.Value) {
		if len(path) > 0 && slices.Contains(apart, path[0]) || v.Kind() != plinth.String && len(v.Refs()) == 0 {
			return
		}
		for _, typ := range slices.Sorted(maps.Keys(b.f.Types)) {
			for _, on := range b.e.Meant(b.p.Workload, typ, v) {
				if on == b.p.Workload {
					continue
				}
				step := plinth.Step{Note: strings.Join(path, ".") + " names " + on.Label(), At: b.p.Workload.Place(v), Resource: b.p.Workload.Label()}
				actions, seen := b.code.of(b.f.Types[typ], service(b.f.Types[typ]), b.e.Services())
				if len(seen) == 0 {
					b.p.Guessed = true
				}
				b.need(on, actions, append([]plinth.Step{step}, seen...)...)
			}
		}
	})
}

func service(u use) string {
	for _, list := range [][]string{u.Read, u.Write} {
		for _, a := range list {
			name, _, _ := strings.Cut(a, ":")
			return name
		}
	}
	return ""
}

const maxWalk = 10_000 // values of one workload that are looked at

func walk(v plinth.Value, path []string, visit func([]string, plinth.Value)) {
	left := maxWalk
	var step func(plinth.Value, []string)
	step = func(v plinth.Value, path []string) {
		if left--; left < 0 {
			return
		}
		switch v.Kind() {
		case plinth.Map:
			for _, f := range v.Fields() {
				step(f.Value, append(slices.Clip(path), f.Key))
			}
		case plinth.List:
			for _, e := range v.List() {
				step(e, path)
			}
		default:
			visit(path, v)
		}
	}
	step(v, path)
}

// Policy writes the proposal as a policy document.
func (p *Proposal) Policy() []byte {
	type statement struct {
		Effect   string
		Action   []string
		Resource []string
	}
	doc := struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{}}
	for _, n := range p.Needs {
		doc.Statement = append(doc.Statement, statement{"Allow", n.Actions, n.Resources})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return nil // texts alone: it cannot fail
	}
	return b.Bytes()
}
