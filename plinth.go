// Package plinth is the vocabulary of the house: the words that every room shares. It decides nothing and imports only the
// standard library.
//
// A reader turns files into resources and relations, an engine turns these into findings, a verdict sorts the findings, a
// report prints them. Whatever could not be looked at is a Problem; it is never left out silently.
package plinth

import (
	"context"
	"io/fs"
	"slices"
)

// ID names a resource for ever: "tf:ROOT#ADDRESS", "cfn:FILE#LOGICAL", "arm:FILE#NAME", "gdm:FILE#NAME",
// "k8s:PROJECT#Kind/namespace/name", "dockerfile:FILE#STAGE".
type ID string

// Location is a range in a file. Path is slash-separated and relative to the target; lines and columns count from 1, columns
// in bytes; EndCol is the column after the last byte. A zero Line means the file as a whole.
type Location struct {
	Path                       string
	Line, Col, EndLine, EndCol int32
}

// Declaration is one block of source that declares a resource, or a part of one: a Terraform resource block in one module
// instance, a CloudFormation logical resource, a Kubernetes document, a Dockerfile stage.
type Declaration struct {
	Address string     // as the user writes it: module.a[0].aws_s3_bucket.b["k"]
	Type    string     // as the user writes it: aws_s3_bucket, AWS::S3::Bucket
	At      Location   // the whole block
	Header  Location   // the line that opens it, where a finding about something missing points
	Callers []Location // the module calls that lead to it, innermost first
}

// Phase says how near to reality a resource is.
type Phase uint8

// The phases, from the farthest from reality to the nearest.
const (
	Code Phase = iota
	Plan
	Live
)

// Resource is one thing that a provider knows, in the form that the provider's own API gives it.
type Resource struct {
	ID      ID
	Type    string // provider form: AWS::S3::Bucket, Microsoft.Storage/storageAccounts, storage.googleapis.com/Bucket, apps/Deployment
	Name    string // the last part of its address or its own name
	Project string // folder of the project that it belongs to, "" for the target itself
	Root    string // folder of the Terraform root module, "" elsewhere
	Phase   Phase
	Decl    *Declaration
	Props   Value // provider form, a map
	Source  Value // the arguments as written and evaluated (Terraform); zero where Props is the source form
	Data    bool  // a Terraform data source: read, not made
	// External: the resource is not in the code, only parts of it are (a security group rule for a group of somebody else).
	// Its Props are an unknown that is Partial; nothing may fail on what is not there.
	External bool
	Hung     bool    // declared by an argument of another resource: the policy written inside a bucket
	Aliases  []ID    // other names of the same thing
	Terms    Context // what else its reader knows that decides defaults
}

// Label is the resource's address in the user's words.
func (r *Resource) Label() string {
	if r.Decl == nil || r.Decl.Address == "" {
		return r.Name
	}
	return r.Decl.Address
}

// Head is the line at which a reader recognises the resource, the zero Location for one that the code does not declare.
func (r *Resource) Head() Location {
	if r.Decl == nil {
		return Location{}
	}
	if r.Decl.Header.Path != "" {
		return r.Decl.Header
	}
	return r.Decl.At
}

// Place is where a value of the resource is written, its head where nobody wrote it.
func (r *Resource) Place(v Value) Location {
	if o := v.Origin(); o != nil && !o.Default && o.At.Path != "" {
		return o.At
	}
	return r.Head()
}

// Known is what is known of the properties.
func (r *Resource) Known() Value {
	if r.Props.Partial() {
		doc, _ := r.Props.Document()
		return doc
	}
	return r.Props
}

// Context is what decides defaults of a resource beside its own text.
type Context struct {
	Provider string // local name of the Terraform provider, "aws"
	Version  string // version constraint that counts for it, "~> 4.0"; "" where none is stated
	Defaults Value  // default_tags or default_labels of the provider, a map
	Package  *Package
	// Config is the provider's configuration that counts, as the root module names it: aws, aws.dev. Settings are what it says about
	// where things are made: account, a number or the ARN of a role in it, and region; absent where it says nothing.
	Config   string
	Settings Value
}

// Package is what Terraform downloads for a provider.
type Package struct {
	Source string   // its address in a registry, as written: hashicorp/aws; a host stands before it where it is not the public one
	Locked string   // the version that the lock file of the root module picks, "" where there is none
	At     Location // where the module asks for it, the zero Location where it does not
}

// ProblemKind says why something could not be looked at.
type ProblemKind string

// The kinds of problems. The first seven make a run incomplete, the others are listed and counted.
const (
	Unreadable    ProblemKind = "unreadable"
	Broken        ProblemKind = "broken"
	Limit         ProblemKind = "limit"
	Timeout       ProblemKind = "timeout"
	MissingObject ProblemKind = "missing-object"
	Refused       ProblemKind = "refused"
	Internal      ProblemKind = "internal"
	NotDownloaded ProblemKind = "not-downloaded"
	Unsupported   ProblemKind = "unsupported"
	Unused        ProblemKind = "unused" // a suppression that silences nothing
)

// Incomplete tells whether a problem of this kind makes the whole run incomplete.
func (k ProblemKind) Incomplete() bool { return k != NotDownloaded && k != Unsupported && k != Unused }

// Problem is a place that could not be looked at, and why.
type Problem struct {
	Kind ProblemKind
	At   Location
	Text string // one sentence without the place: what is wrong and, where there is one, the way out
}

// Severity is how bad a finding is.
type Severity uint8

// The severities in rising order.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severities = [...]string{"info", "low", "medium", "high", "critical"}

func (s Severity) String() string { return severities[min(int(s), len(severities)-1)] }

// ParseSeverity reads the lower-case name of a severity.
func ParseSeverity(name string) (Severity, bool) {
	for i, s := range severities {
		if s == name {
			return Severity(i), true
		}
	}
	return 0, false
}

// Verdict is what a rule says of a resource.
type Verdict uint8

// The three verdicts. Unknown carries its reasons in Finding.Because.
const (
	Pass Verdict = iota
	Fail
	Undecided
)

func (v Verdict) String() string { return [...]string{"pass", "fail", "unknown"}[min(int(v), 2)] }

// Rule is what can be wrong, in words. How it is found out belongs to the engine that runs it.
type Rule struct {
	ID       string
	Engine   string
	Aliases  []string // ids of the peers that ask the same
	Title    string   // what is wrong, one line without a full stop
	Why      string   // what an attacker gains
	Fix      string   // what to change
	Severity Severity
	CWE      []string // "CWE-311"
	Controls []string // "cis-aws-1.5:2.1.1"
	Attack   []string // ATT&CK techniques, "T1530"
	Links    []string
	// YieldsTo are ids of rules that say more about the same place: where one of them fails, too, this rule is not reported a
	// second time. The name of an engine stands for all of its rules, whatever resource they are about.
	YieldsTo []string
}

// Step is one piece of evidence.
type Step struct {
	Note     string
	At       Location
	Resource string // address, where the step is about another resource
	// Cost is what it takes to change this place, for the cheapest set of fixes: 1 is a line that only does harm, 9 something that
	// others rely on. 0: it is a fact that nobody would change (a default of the provider, the internet).
	Cost uint8
}

// Suppression says who silenced a finding and why.
type Suppression struct {
	By    string // comment, config, baseline or vex
	Why   string
	Until string // date, YYYY-MM-DD, or ""
	At    Location
}

// Finding is one verdict of one rule on one resource.
type Finding struct {
	Key        string // fingerprint, set by the verdict
	Rule       *Rule
	Resource   *Resource
	Decl       *Declaration // the declaration that decides: the resource's own, or that of a part
	At         Location
	Path       string // the deciding property in the words of its provider, list elements named by content where that is needed
	Message    string
	Verdict    Verdict
	Because    []string // root causes of an unknown verdict
	Evidence   []Step
	Suppressed *Suppression
	Commit     string  // the commit that At is in; "" for the files themselves
	Also       []*Rule // rules that yielded to this one here; their aliases are this finding's as well
	Owner      *Owner  // who the credential that the finding is about belongs to; nil: it is about none, or nobody can tell
}

// Owner is whom a credential belongs to.
type Owner struct {
	Provider string // aws, google, azure, kubernetes or github
	// Name is the number of an account of AWS, the e-mail of a service account of Google, the client id of an application of Azure,
	// NAMESPACE/NAME of a ServiceAccount; "" where only the provider is known.
	Name string
}

// Aliases are the peers' ids that this finding answers to, those of the rules that yielded included.
func (f *Finding) Aliases() []string {
	return f.all(func(r *Rule) []string {
		if r == f.Rule {
			return r.Aliases
		}
		return append([]string{r.ID}, r.Aliases...)
	})
}

// Controls are the controls that this finding breaks, those of the rules that yielded included.
func (f *Finding) Controls() []string { return f.all(func(r *Rule) []string { return r.Controls }) }

// all gathers words of the finding's rule and of those that yielded to it, each once.
func (f *Finding) all(of func(*Rule) []string) []string {
	words := of(f.Rule)
	if len(f.Also) == 0 {
		return words
	}
	out := slices.Clone(words)
	for _, r := range f.Also {
		for _, w := range of(r) {
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

// Priority says how urgent a finding is among all.
type Priority struct {
	Score   int // 0 to 100
	Reasons []string
}

// Coverage says how much an engine looked at.
type Coverage struct {
	Rules     int // rules that found a resource to judge
	Resources int // resources that some rule judged
}

// Sink takes what a reader or an engine finds. It may be called from several goroutines.
type Sink interface {
	Resource(*Resource)
	Problem(Problem)
}

// File is a file of the target with its content.
type File struct {
	Path string // slash-separated, relative to the target
	Data []byte // not to be changed
}

// Project is a world of its own: references never cross its border.
type Project struct {
	Name   string // folder below the target, "" for the target itself
	FS     fs.FS  // the target; no path and no link in it leads out
	Files  []File // the files that the reader wanted, sorted by path
	Config *Config
	// Modules fetches what the configuration names and the target does not hold; nil when nothing may be fetched.
	Modules ModuleSource
}

// ModuleSource fetches Terraform modules. It is safe for concurrent use.
type ModuleSource interface {
	// Fetch returns the package that holds a module, and the module's folder in it ("." for the top). The source is an address as
	// Terraform knows it, the constraint its version argument or "". One package is one pointer however often it is asked for.
	// The error is a reason without the source.
	Fetch(ctx context.Context, source, constraint string) (*ModulePackage, string, error)
	// ReadFile returns a file of a package that was fetched, by its path after the package's name and a slash.
	ReadFile(name string) ([]byte, error)
}

// ModulePackage is what a remote module comes in.
type ModulePackage struct {
	Name string // a clean path that says what it is and in which version: NAMESPACE/NAME/PROVIDER@1.2.3; no other @ in it
	FS   fs.FS  // its files; no path and no link in it leads out
}

// Reader turns files into resources.
type Reader interface {
	// Name is the reader's name in messages and reports, one lower-case word.
	Name() string
	// Wants tells whether the reader reads this file. It decides by name where the name tells and by content where it does
	// not; it must be cheap and must not panic on any content.
	Wants(path string, data []byte) bool
	// Read reads all wanted files of one project. Faults in the input are problems of the sink; the error is for the run's
	// own failures (ctx done).
	Read(ctx context.Context, p *Project, to Sink) error
}
