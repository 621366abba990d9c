package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/engine/attack"
	"github.com/plinthsec/plinth/internal/engine/pipeline"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/internal/engine/secret/verify"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/report"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/internal/value"
	"github.com/plinthsec/plinth/internal/verdict"
)

// scanFlags are the flags of scan that are no settings of plinth.yaml.
type scanFlags struct {
	outputs    []string
	config     string
	sets       []string
	ignoreRepo bool
	stdinPath  string
	color      string
	quiet      bool
	wide       bool
	timeout    time.Duration
	staged     bool
	since      string
	imports    []string
	verify     bool
	online     bool
	cache      string
}

func scanCommand(s Streams) *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use:   "scan [TARGET…]",
		Short: "Look at infrastructure code and report what is wrong with it",
		Long: `Look at Terraform and OpenTofu code, plans and state, CloudFormation and SAM, ARM templates, Google Deployment Manager, Kubernetes manifests, Dockerfiles and Compose files,
and report what is wrong with them. A target is a folder, a file, - for standard input, or git:DIR for every object of a Git repository (git:DIR#main..HEAD for
those of a range, git:DIR#- for what the lines of a pre-receive hook on standard input bring), or what the API of GitHub or GitLab says of the settings of
github:OWNER/REPO, github:ORGANIZATION, gitlab:GROUP/PROJECT or gitlab:GROUP; without one it is this folder.

Exit code: 0 passed; 1 the gate failed (a finding at or above --fail-on); 2 usage, configuration or rule error; 3 incomplete:
something could not be looked at (the report lists it); 130 interrupted. The first that holds of 2, 1, 3.

Formats of --output; one of a run can go to standard output, the others go to files:
` + formats(),
		Example: "  plinth scan\n  plinth scan infra/ --fail-on critical -o sarif=plinth.sarif -o table\n  plinth scan - --stdin-path main.tf < main.tf",
		RunE: func(cmd *cobra.Command, args []string) error {
			return runScan(cmd, s, &f, args)
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVarP(&f.outputs, "output", "o", nil, "FORMAT or FORMAT=FILE, may be given several times ("+strings.Join(report.FormatNames(), ", ")+"); default table")
	fl.StringVarP(&f.config, "config", "c", "", "configuration file instead of the target's plinth.yaml")
	fl.StringArrayVar(&f.sets, "set", nil, "KEY=VALUE: any key of plinth.yaml")
	fl.BoolVar(&f.ignoreRepo, "ignore-repo-config", false, "leave the target's own plinth.yaml out")
	fl.StringVar(&f.stdinPath, "stdin-path", "", "the name that standard input would have as a file; its ending tells the format")
	fl.StringVar(&f.color, "color", "auto", "auto, always or never")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress and no summary on standard error")
	fl.BoolVarP(&f.wide, "verbose", "v", false, "every place, every excerpt, and advice (severity info)")
	fl.BoolVar(&f.staged, "staged", false, "look at what is staged for the next commit only, for a pre-commit hook")
	fl.StringVar(&f.since, "changed-since", "", "a Git revision: report only what files that differ from it touch, and what calls or sets them; a branch counts from where it was left")
	fl.StringArrayVar(&f.imports, "import", nil, importHelp)
	fl.BoolVar(&f.online, "online", false, "ask GitHub about the repositories of the actions that are used: commits of forks, branches called like tags (GITHUB_TOKEN, GITHUB_API_URL)")
	fl.BoolVar(&f.verify, "verify", false, "ask the providers of secrets whether they are live, with calls that change nothing: the secrets go over the network to their providers")
	fl.StringVar(&f.cache, "cache", "", "folder that keeps what was found out about the files of targets, so that the next scan only looks at what has changed, or off; default $PLINTH_CACHE, else a folder plinth where programs keep such things")
	fl.DurationVar(&f.timeout, "timeout", 0, "stop after this time (10m, 90s)")
	register(fl)
	return cmd
}

// formats lists the formats of reports, one a line.
func formats() string {
	var b strings.Builder
	for _, f := range report.Formats() {
		fmt.Fprintf(&b, "\n    %-13s %s", f.Name, f.About)
	}
	return b.String()
}

// output is where one format goes.
type output struct {
	format report.Format
	file   string
}

func outputs(specs []string) ([]output, error) {
	if len(specs) == 0 {
		specs = []string{"table"}
	}
	var out []output
	stdout := 0
	for _, spec := range specs {
		name, file, _ := strings.Cut(spec, "=")
		var found bool
		for _, f := range report.Formats() {
			if f.Name == name {
				out, found = append(out, output{f, file}), true
			}
		}
		if !found {
			return nil, faultf("there is no output format %q (%s)%s", name, strings.Join(report.FormatNames(), ", "), value.Hint(name, report.FormatNames()))
		}
		if file == "" {
			stdout++
		} else if dir, err := os.Stat(filepath.Dir(file)); err != nil || !dir.IsDir() {
			return nil, faultf("%s=%s: there is no folder %s", name, file, filepath.Dir(file))
		}
	}
	if stdout > 1 {
		return nil, faultf("only one format can go to standard output; write the others as FORMAT=FILE")
	}
	return out, nil
}

func runScan(cmd *cobra.Command, s Streams, f *scanFlags, args []string) error {
	outs, err := outputs(f.outputs)
	if err != nil {
		return err
	}
	now, err := clock(s.Env)
	if err != nil {
		return err
	}
	if f.color != "auto" && f.color != "always" && f.color != "never" {
		return faultf("--color wants auto, always or never, not %q", f.color)
	}
	ctx := cmd.Context()
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.timeout, errTimeout)
		defer cancel()
	}
	var rep *report.Report
	err = onTargets(ctx, s, f, args, func(targets []*tree.Tree, d *downloads, p *progress) (err error) {
		conf := func(dir string) (*plinth.Config, error) {
			return configure(dir, f.config, f.ignoreRepo, s.Env, f.sets, cmd.Flags())
		}
		if rep, err = scanTargets(ctx, conf, f, targets, d, p); err != nil {
			return err
		}
		p.clear()
		rep.Time, rep.Dated = now, lookup(s.Env, "SOURCE_DATE_EPOCH") != ""
		return write(s, f, outs, rep)
	})
	if err != nil {
		return err
	}
	if rep.Exit != verdict.Passed {
		return exit(rep.Exit)
	}
	return nil
}

// onTargets opens the targets for a command and closes them after it.
func onTargets(ctx context.Context, s Streams, f *scanFlags, args []string, run func([]*tree.Tree, *downloads, *progress) error) error {
	targets, err := openTargets(ctx, s, f, args)
	if err != nil {
		return err
	}
	defer func() {
		for _, t := range targets {
			t.Close()
		}
	}()
	p := newProgress(s, f.quiet)
	defer p.clear()
	d := &downloads{s: s, quiet: f.quiet}
	defer d.Close()
	return run(targets, d, p)
}

var errTimeout = errors.New("the time given with --timeout is over")

func openTargets(ctx context.Context, s Streams, f *scanFlags, args []string) ([]*tree.Tree, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	var out []*tree.Tree
	for _, a := range args {
		var t *tree.Tree
		var err error
		if a == "-" {
			if f.stdinPath == "" {
				return nil, faultf("standard input needs a name that tells its format: --stdin-path main.tf")
			}
			t, err = tree.Text(f.stdinPath, s.In)
		} else {
			t, err = openTarget(ctx, a, f.staged)
		}
		if err != nil {
			return nil, fault{err}
		}
		out = append(out, t)
	}
	return out, nil
}

// scanTargets scans one target after the other and puts the report together.
func scanTargets(ctx context.Context, conf func(dir string) (*plinth.Config, error), f *scanFlags, targets []*tree.Tree, d *downloads, p *progress) (*report.Report, error) {
	rep := &report.Report{Version: Version(), Source: sources(targets, d)}
	engines := map[string]report.Engine{}
	x := &scanner{f: f, d: d, p: p, asker: newAsker(d.s, f)}
	for i, t := range targets {
		c, err := conf(t.Dir())
		if err != nil {
			return nil, fault{err}
		}
		if t, err = collect(ctx, d.s, t, c); err != nil {
			return nil, fault{err}
		}
		targets[i] = t
		res, err := x.scan(ctx, t, c)
		if err != nil {
			return nil, err
		}
		add(rep, engines, res, c)
		rep.Exit = worse(rep.Exit, verdict.Exit(res.Findings, res.Problems, c))
		if i == 0 {
			rep.FailOn, rep.NoGate = c.FailOn, c.FailOnNothing
		}
	}
	asked(rep)
	for _, name := range all.EngineNames() {
		if e, ok := engines[name]; ok {
			rep.Engines = append(rep.Engines, e)
		}
	}
	return rep, nil
}

// scanner scans targets as the flags say.
type scanner struct {
	f     *scanFlags
	d     *downloads
	p     *progress
	asker *verify.Asker
}

// scan scans one target and marks what is known of it.
func (x *scanner) scan(ctx context.Context, t *tree.Tree, c *plinth.Config) (*scan.Result, error) {
	known, err := readBaselines(c.Baselines)
	if err != nil {
		return nil, fault{err}
	}
	run, err := x.run(c)
	if err != nil {
		return nil, err
	}
	problems := known.know(run.Engines, t, c)
	if run.Outside, problems, err = readImports(x.f.imports, t, problems); err != nil {
		return nil, err
	}
	kept := newKeeper(x.d.s, x.f, t, c, run)
	res, err := run.Scan(ctx, t)
	if err != nil {
		if !errors.Is(context.Cause(ctx), errTimeout) {
			return nil, err
		}
		res = partial(t, res)
	}
	kept.wait()
	res.Problems = append(res.Problems, problems...)
	peers, more := ignoreFiles(t, c)
	res.Problems = append(res.Problems, more...)
	for _, b := range append(peers, known.own...) {
		b.Suppress(res.Findings, run.Today)
	}
	if x.f.since != "" {
		diff, err := changedSince(ctx, t, x.f.since)
		if err != nil {
			return nil, err
		}
		res.Findings = diff.keep(res.Findings)
	}
	return res, nil
}

// run makes the run for a target: the engines with their rules, and the readers that these need.
func (x *scanner) run(c *plinth.Config) (*scan.Run, error) {
	if x.f.verify && c.Offline {
		return nil, faultf("--verify asks providers over the network, and --offline forbids that")
	}
	if x.f.online && c.Offline {
		return nil, faultf("--online asks GitHub over the network, and --offline forbids that")
	}
	policies, names, err := all.Policies(c)
	if err != nil {
		return nil, fault{err}
	}
	set, secrets, audits, err := loadRules(c, names...)
	if err != nil {
		return nil, fault{err}
	}
	list := append(all.Engines(set, audits, secrets, c), policies...)
	verifyWith(x.asker, list)
	askWith(x.d.s, x.f, c, list)
	draws := x.f.wants("graph") || all.Draws(c.Only, c.Skip)
	listed := x.f.wants("resources") || x.f.wants("cyclonedx")
	piped := func(r *plinth.Rule) bool { return r.Engine == pipeline.Name }
	judged := set.Len() > 0 || draws || len(policies) > 0 || listed || slices.ContainsFunc(audits, func(r *plinth.Rule) bool { return !piped(r) })
	run := &scan.Run{
		Config: c, Readers: readers(judged, draws || listed || slices.ContainsFunc(audits, piped)), Engines: list, Progress: x.p.show,
		Today: time.Now().Format(time.DateOnly), Lean: !listed, Modules: x.d.source(c),
	}
	if draws {
		run.Draw = attack.Draw
	}
	return run, nil
}

// asked answers for every graph how somebody on the internet, or who reads credentials in the target, becomes an administrator or gets
// at classified data, and ranks the findings by that.
func asked(rep *report.Report) {
	if len(rep.Graphs) == 0 {
		return
	}
	rank := verdict.NewRanking()
	first := 1
	for _, g := range rep.Graphs {
		a := report.Answer{Graph: g, From: "internet", To: "admin or data", First: first}
		from := g.Find("internet")
		if reader, ok := g.Node(plinth.AnyReader); ok {
			a.From, from = "internet or reader", append(slices.Clone(from), reader)
		}
		a.Answer = g.Answer(graph.Question{From: from, To: slices.Concat(g.Find("admin"), g.Find("data")), Limit: 1})
		first += len(a.Paths)
		rank.Add(g.Map, &a.Answer, a.Name)
		rep.Answers = append(rep.Answers, a)
	}
	rep.Priority = rank.Of
}

// partial is the result of a run that ran out of time.
func partial(t *tree.Tree, _ *scan.Result) *scan.Result {
	return &scan.Result{Tree: t, Problems: []plinth.Problem{{Kind: plinth.Timeout, Text: errTimeout.Error() + "; nothing of this target is in the report"}}}
}

// worse returns the exit code that counts of two: a failed gate before an incomplete run before a passed one.
func worse(a, b int) int {
	for _, code := range []int{verdict.Usage, verdict.GateFailed, verdict.Incomplete} {
		if a == code || b == code {
			return code
		}
	}
	return verdict.Passed
}

func add(rep *report.Report, engines map[string]report.Engine, res *scan.Result, c *plinth.Config) {
	t := res.Tree
	rep.Targets = append(rep.Targets, report.Target{
		Name: t.Name, Kind: t.Kind, Prefix: fromRepository(t.Dir()), Seen: res.Files.Seen, Read: res.Files.Read, Skipped: res.Files.Skipped, ByReader: res.Files.ByReader,
		Title: titleOf(t), Resources: res.Resources, Only: t.Only,
	})
	rep.Findings = slices.Grow(rep.Findings, len(res.Findings))
	for i := range res.Findings {
		x := &res.Findings[i]
		if x.Rule.Severity >= c.Least {
			rep.Findings = append(rep.Findings, report.Finding{Target: t.Name, Finding: x})
		}
	}
	for _, x := range res.Problems {
		rep.Problems = append(rep.Problems, report.Problem{Target: t.Name, Problem: x})
	}
	rep.Resources = append(rep.Resources, res.Resources...)
	if res.Map != nil {
		rep.Graphs = append(rep.Graphs, report.Graph{Target: t.Name, Map: res.Map})
	}
	for name, cov := range res.Engines {
		e := engines[name]
		engines[name] = report.Engine{Name: name, Rules: max(e.Rules, cov.Rules), Resources: e.Resources + cov.Resources}
	}
}

func sources(targets []*tree.Tree, d *downloads) func(target, path string) ([]byte, error) {
	return func(target, path string) ([]byte, error) {
		for _, t := range targets {
			if t.Name != target {
				continue
			}
			data, err := t.Read(path)
			if errors.Is(err, os.ErrNotExist) {
				data, err = d.read(path)
			}
			return data, err
		}
		return nil, os.ErrNotExist
	}
}

// loadRules loads the embedded rules and those of the configuration, and the audits of engines, and leaves out what was not asked
// for. Others are names of rules that somebody else runs.
func loadRules(c *plinth.Config, others ...string) (*rule.Set, *secret.Set, []*plinth.Rule, error) {
	audits, err := all.Audits()
	if err != nil {
		return nil, nil, nil, err
	}
	asked := all.Asked(audits, c.Only, c.Skip)
	if len(c.Only) == 1 && c.Only[0] == pipeline.Name && len(c.Skip) == 0 {
		return rule.Nothing(), nil, asked, nil
	}
	if len(c.Only) == 1 && c.Only[0] == secret.Name && len(c.Skip) == 0 && len(c.RuleDirs) == 0 { // no need to read the others' names
		secrets, err := all.Secrets(nil)
		return rule.Nothing(), secrets, asked, err
	}
	var set *rule.Set
	var secrets *secret.Set
	var both errgroup.Group
	both.Go(func() (err error) {
		set, err = all.Rules(c.RuleDirs)
		return err
	})
	both.Go(func() (err error) {
		secrets, err = all.Secrets(c.RuleDirs)
		return err
	})
	if err := both.Wait(); err != nil {
		return nil, nil, nil, err
	}
	foreign := append(all.EngineNames(), others...)
	for _, name := range append(c.Only[:len(c.Only):len(c.Only)], c.Skip...) {
		known := secrets.Knows(name) || slices.ContainsFunc(audits, func(r *plinth.Rule) bool { return rule.Answers(r, name) })
		if known && !set.Knows(name) {
			foreign = append(foreign, name)
		}
	}
	for _, r := range audits {
		foreign = append(foreign, r.ID) // known names, and those that a mistyped one is compared with
	}
	set, err = set.Select(c.Only, c.Skip, foreign)
	return set, secrets.Select(c.Only, c.Skip), asked, err
}

// wants tells whether an output of this format was asked for.
func (f *scanFlags) wants(format string) bool {
	return slices.ContainsFunc(f.outputs, func(o string) bool { name, _, _ := strings.Cut(o, "="); return name == format })
}

// readers are those that somebody needs: none, where nothing is asked of resources.
func readers(resources, pipelines bool) []plinth.Reader {
	var out []plinth.Reader
	if resources {
		out = all.Readers()
	}
	if pipelines {
		out = append(out, all.PipelineReaders()...)
	}
	return out
}

// colored tells whether standard output gets colours.
func colored(s Streams, choice string) bool {
	return choice == "always" || choice == "auto" && terminal(s.Out) && lookup(s.Env, "NO_COLOR") == "" && lookup(s.Env, "TERM") != "dumb"
}

// clock is the time that a report carries: SOURCE_DATE_EPOCH where it is set (https://reproducible-builds.org/specs/source-date-epoch/),
// so that the same input gives the same bytes, or now.
func clock(env []string) (time.Time, error) {
	text := lookup(env, "SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Now(), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 || seconds > latest {
		return time.Time{}, faultf("SOURCE_DATE_EPOCH wants seconds since 1970, not %q", text)
	}
	return time.Unix(seconds, 0), nil
}

func write(s Streams, f *scanFlags, outs []output, rep *report.Report) error {
	for _, o := range outs {
		opt := report.Options{Width: width(s), Wide: f.wide}
		if o.file == "" {
			opt.Color = colored(s, f.color)
			if err := o.format.Write(s.Out, rep, opt); err != nil {
				return fmt.Errorf("write %s: %w", o.format.Name, err)
			}
			continue
		}
		if err := toFile(o, rep, opt); err != nil {
			return fault{err}
		}
	}
	return nil
}

func toFile(o output, rep *report.Report, opt report.Options) (err error) {
	file, err := os.Create(o.file)
	if err != nil {
		return fmt.Errorf("write %s: %w", o.format.Name, err)
	}
	defer func() {
		if e := file.Close(); err == nil {
			err = e
		}
	}()
	return o.format.Write(io.Writer(file), rep, opt)
}

const (
	narrow = 80  // columns where the terminal does not tell
	widest = 140 // longer lines are hard to read

	latest = 253402300799 // seconds since 1970 at the end of the year 9999: no format writes later ones
)

func width(s Streams) int {
	if n, err := strconv.Atoi(lookup(s.Env, "COLUMNS")); err == nil && n >= 40 {
		return min(n, widest)
	}
	return narrow
}

// titleOf is the name of a target's file or folder, "" where there is none.
func titleOf(t *tree.Tree) string {
	if t.Kind == "file" {
		return filepath.Base(t.Name)
	}
	whole, err := filepath.Abs(t.Dir())
	if t.Dir() == "" || err != nil {
		return ""
	}
	return filepath.Base(whole)
}

// fromRepository returns the path of a folder from the root of the Git repository that it lies in, "" when there is none.
func fromRepository(dir string) string {
	if dir == "" {
		return ""
	}
	whole, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	for at := whole; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			rel, err := filepath.Rel(at, whole)
			if err != nil || rel == "." {
				return ""
			}
			return filepath.ToSlash(rel)
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}
