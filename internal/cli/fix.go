package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/cache"
	"github.com/plinthsec/plinth/internal/collect/scm"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/internal/fix"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/internal/verdict"
)

// fixFlags are the flags of fix.
type fixFlags struct {
	scanFlags
	apply  bool
	lesser bool
	format string
	pins   string
	online bool
}

func fixCommand(s Streams) *cobra.Command {
	var f fixFlags
	cmd := &cobra.Command{
		Use: "fix [FINDING…] [TARGET]", Short: "Show the changes that do away with findings, each proven by a second look",
		Long: `Show, as a unified diff, the changes that do away with findings; with --apply write them. A finding is named by its key, by its rule
(its id or any alias), or by a path, with * for any text; without one all are meant. The target is a folder or a file, without one this folder.

Each change is made in memory first and the target is looked at again: the finding is gone, there is none that was not there before,
and every file still reads; otherwise the change is refused with its reason. Only what the change means is touched: comments, layout
and line ends stay. What only the owner knows (an address range, a key) is not invented.

Exit code: 0 all chosen findings are fixed; 1 some are refused; 2 usage; 3 when something could not be looked at.`,
		Example: "  plinth fix\n  plinth fix aws-rds-cluster-encryption --apply infra/\n  plinth fix '*.tf' --severity high -o json",
		RunE:    func(cmd *cobra.Command, args []string) error { return runFix(cmd, s, &f, args) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.apply, "apply", false, "write the changes")
	fl.BoolVar(&f.lesser, "lesser", false, "also take a change that leaves a less severe finding on the same resource: encrypted, but not with a key of one's own")
	fl.StringVar(&f.pins, "pins", "", "file that says what the tags of actions stand for, a line each: actions/checkout@v4 HASH")
	fl.BoolVar(&f.online, "online", false, "ask GitHub which commits the tags of actions stand for (GITHUB_TOKEN, GITHUB_API_URL)")
	fl.StringVarP(&f.format, "output", "o", "diff", "diff or json")
	fl.StringVarP(&f.config, "config", "c", "", "configuration file instead of the target's plinth.yaml")
	fl.StringArrayVar(&f.sets, "set", nil, "KEY=VALUE: any key of plinth.yaml")
	fl.BoolVar(&f.ignoreRepo, "ignore-repo-config", false, "leave the target's own plinth.yaml out")
	fl.StringVar(&f.color, "color", "auto", "auto, always or never")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress and no summary on standard error")
	fl.BoolVarP(&f.wide, "verbose", "v", false, "list every finding that is not fixed, advice (severity info) included")
	register(fl, "severity", "exclude", "rules", "jobs", "offline", "terraform.var-files", "terraform.download")
	return cmd
}

// fixRun is one run of fix over a target.
type fixRun struct {
	*fixFlags
	tree *tree.Tree
	conf *plinth.Config
	down *downloads
	p    *progress

	set     *rule.Set
	secrets *secret.Set
	audits  []*plinth.Rule

	known   *cache.Store    // what the looks so far have found out
	changed map[string]bool // files that some look saw changed
}

func runFix(cmd *cobra.Command, s Streams, f *fixFlags, args []string) error {
	if f.format != "diff" && f.format != "json" {
		return faultf("-o takes diff or json, not %q", f.format)
	}
	if f.color != "auto" && f.color != "always" && f.color != "never" {
		return faultf("--color wants auto, always or never, not %q", f.color)
	}
	names, targets := splitTarget(args)
	pins, err := readPins(f.pins)
	if err != nil {
		return fault{err}
	}
	return onTargets(cmd.Context(), s, &f.scanFlags, targets, func(trees []*tree.Tree, d *downloads, p *progress) error {
		t := trees[0]
		if t.Dir() == "" || t.History() != nil {
			return faultf("fix changes files: name a folder or a file")
		}
		c, err := configure(t.Dir(), f.config, f.ignoreRepo, s.Env, f.sets, cmd.Flags())
		if err != nil {
			return fault{err}
		}
		set, err := all.Rules(c.RuleDirs)
		if err != nil {
			return fault{err}
		}
		secrets, err := all.Secrets(c.RuleDirs)
		if err != nil {
			return fault{err}
		}
		audits, err := all.Audits()
		if err != nil {
			return err
		}
		if f.online && c.Offline {
			return faultf("--online asks GitHub over the network, and --offline forbids that")
		}
		r := &fixRun{fixFlags: f, tree: t, conf: c, down: d, p: p, set: set, secrets: secrets, audits: audits, known: cache.New(time.Now()), changed: map[string]bool{}}
		return r.run(cmd.Context(), s, p, names, pins)
	})
}

func (r *fixRun) run(ctx context.Context, s Streams, p *progress, names []string, pins map[string]string) error {
	before, err := r.look(ctx, nil)
	if err != nil {
		return err
	}
	chosen, err := choose(before, names, r.conf.Least)
	if err != nil {
		return err
	}
	listing, err := r.tree.List(r.conf.Exclude, func(plinth.Problem) {})
	if err != nil {
		return fmt.Errorf("list %s: %w", r.tree.Name, err)
	}
	tf := &fix.Terraform{Examples: r.examples}
	for _, f := range listing.Files {
		if r.tree.Only(f.Path) {
			tf.Files = append(tf.Files, f.Path)
		}
	}
	proposer := &fix.Proposer{Terraform: tf, Workflow: r.workflow(ctx, s, pins), Document: &fix.Document{Examples: r.examples}}
	w := &fix.Work{Lesser: r.lesser, Read: r.tree.Read, Look: r.look, Propose: r.inside(proposer.Propose)}
	outs, files, err := w.Run(ctx, before, chosen)
	if err != nil {
		return err
	}
	p.clear()
	diffs := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		was, err := r.tree.Read(name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		diffs[name] = fix.Diff(name, was, files[name])
	}
	if r.apply && len(files) > 0 {
		if err := fix.Write(r.tree.Dir(), files, r.tree.Read); err != nil {
			return err
		}
	}
	if err := r.print(s, outs, diffs); err != nil {
		return err
	}
	return fixExit(before, outs, r.conf)
}

// workflow is what fixes workflows; it asks GitHub only where that is wanted.
func (r *fixRun) workflow(ctx context.Context, s Streams, pins map[string]string) *fix.Workflow {
	w := &fix.Workflow{Pins: pins}
	if r.online {
		commits := &scm.Commits{Collector: asker(s, r.conf)}
		w.Ask = func(repository, ref string) (string, error) { return commits.Of(ctx, repository, ref) }
	}
	return w
}

// inside leaves out what would change a file outside of the target: a neighbour of the one file that was named.
func (r *fixRun) inside(propose proposing) proposing {
	return func(f *plinth.Finding, read func(string) ([]byte, error)) ([]fix.Candidate, string) {
		list, why := propose(f, read)
		n := len(list)
		list = slices.DeleteFunc(list, func(c fix.Candidate) bool {
			return slices.ContainsFunc(c.Edits, func(e fix.Edit) bool { return !r.tree.Only(e.Path) })
		})
		if len(list) == 0 && n > 0 {
			why = "the change belongs into a file outside of the target"
		}
		return list, why
	}
}

// proposing is what returns the candidates of a finding.
type proposing = func(f *plinth.Finding, read func(string) ([]byte, error)) ([]fix.Candidate, string)

// fixExit is the exit code of a run.
func fixExit(before fix.State, outs []fix.Outcome, c *plinth.Config) error {
	if verdict.Exit(nil, before.Problems, c) == verdict.Incomplete {
		return exit(verdict.Incomplete)
	}
	if slices.ContainsFunc(outs, func(o fix.Outcome) bool { return o.Refused != "" }) {
		return exit(verdict.GateFailed)
	}
	return nil
}

// look scans the target with some of its files changed. What it finds out about the others is not found out again.
func (r *fixRun) look(ctx context.Context, changed map[string][]byte) (fix.State, error) {
	t := *r.tree
	t.FS = fix.Overlay{Base: r.tree.FS, Changed: changed}
	for name := range changed {
		r.changed[name] = true
	}
	r.known = r.known.Again(slices.Collect(maps.Keys(r.changed)), time.Now())
	run := &scan.Run{
		Config: r.conf, Readers: append(all.Readers(), all.PipelineReaders()...), Engines: all.Engines(r.set, r.audits, r.secrets, r.conf),
		Today: time.Now().Format(time.DateOnly), Modules: r.down.source(r.conf), Cache: r.known, Progress: r.p.show,
	}
	res, err := run.Scan(ctx, &t)
	if err != nil {
		return fix.State{}, fmt.Errorf("scan %s: %w", t.Name, err)
	}
	problems := slices.DeleteFunc(res.Problems, func(p plinth.Problem) bool { return p.Kind == plinth.Unused })
	return fix.State{Findings: res.Findings, Problems: problems}, nil
}

func (r *fixRun) examples(id string) []rule.Example {
	found := r.set.Find(id)
	if found == nil {
		return nil
	}
	list, _ := found.Examples()
	return list
}

// splitTarget takes the target, a last argument that exists, from what names findings.
func splitTarget(args []string) (names, targets []string) {
	if n := len(args); n > 0 {
		if _, err := os.Stat(args[n-1]); err == nil {
			return args[:n-1], args[n-1:]
		}
	}
	return args, nil
}

// choose picks the failing findings that the names mean.
func choose(s fix.State, names []string, least plinth.Severity) ([]*plinth.Finding, error) {
	used := make([]bool, len(names))
	var out []*plinth.Finding
	for i := range s.Findings {
		f := &s.Findings[i]
		if f.Verdict != plinth.Fail || f.Suppressed != nil || f.Rule.Severity < least {
			continue
		}
		meant := len(names) == 0
		for k, n := range names {
			if n == f.Key || n == f.Rule.ID || tree.Match(n, f.At.Path) || slices.ContainsFunc(f.Aliases(), func(a string) bool { return strings.EqualFold(a, n) }) {
				meant, used[k] = true, true
			}
		}
		if meant {
			out = append(out, f)
		}
	}
	for k, n := range names {
		if !used[k] {
			return nil, faultf("%q is neither a folder or file that is there nor the key, rule or path of a finding", n)
		}
	}
	return out, nil
}

func readPins(name string) (map[string]string, error) {
	if name == "" {
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read pins: %w", err)
	}
	return fix.ReadPins(name, data)
}

// print writes the diffs, then what was refused; or all as JSON.
func (r *fixRun) print(s Streams, outs []fix.Outcome, diffs map[string]string) error {
	if r.format == "json" {
		return r.printJSON(s.Out, outs, diffs)
	}
	color := colored(s, r.color)
	for _, p := range slices.Sorted(maps.Keys(diffs)) {
		if _, err := io.WriteString(s.Out, paint(diffs[p], color)); err != nil {
			return err
		}
	}
	if r.quiet {
		return nil
	}
	fixed := 0
	for _, o := range outs {
		if o.Refused == "" {
			fixed++
			if o.Fix.Note != "" {
				fmt.Fprintf(s.Err, "note     %s:%d  %s: %s\n", o.Finding.At.Path, o.Finding.At.Line, o.Finding.Rule.ID, o.Fix.Note)
			}
		}
	}
	for _, o := range outs {
		if o.Refused != "" && (r.wide || o.Finding.Rule.Severity > plinth.Info) {
			fmt.Fprintf(s.Err, "refused  %s:%d  %s: %s\n", o.Finding.At.Path, o.Finding.At.Line, o.Finding.Rule.ID, o.Refused)
		}
	}
	word := "can be fixed (--apply writes the changes)"
	if r.apply {
		word = "are fixed"
	}
	fmt.Fprintf(s.Err, "%d of %d findings %s, in %d files; %d are refused\n", fixed, len(outs), word, len(diffs), len(outs)-fixed)
	return nil
}

// paint colours a diff.
func paint(diff string, color bool) string {
	if !color {
		return diff
	}
	var b strings.Builder
	for _, line := range strings.SplitAfter(diff, "\n") {
		code := ""
		switch {
		case strings.HasPrefix(line, "@@"):
			code = "36"
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
			code = "1"
		case strings.HasPrefix(line, "+"):
			code = "32"
		case strings.HasPrefix(line, "-"):
			code = "31"
		}
		if code == "" {
			b.WriteString(line)
			continue
		}
		b.WriteString("\x1b[" + code + "m" + strings.TrimSuffix(line, "\n") + "\x1b[0m\n")
	}
	return b.String()
}

// fixJSON is the output of fix -o json.
type fixJSON struct {
	Schema  string        `json:"schema"`
	Applied bool          `json:"applied"`
	Fixes   []fixedJSON   `json:"fixes"`
	Files   []changedJSON `json:"files"`
}

type fixedJSON struct {
	Key     string `json:"key"`
	Rule    string `json:"rule"`
	Path    string `json:"path"`
	Line    int32  `json:"line"`
	Summary string `json:"summary"`
	Note    string `json:"note"`
	Refused string `json:"refused"`
}

type changedJSON struct {
	Path string `json:"path"`
	Diff string `json:"diff"`
}

func (r *fixRun) printJSON(out io.Writer, outs []fix.Outcome, diffs map[string]string) error {
	doc := fixJSON{Schema: "plinth.fix/1", Applied: r.apply, Fixes: []fixedJSON{}, Files: []changedJSON{}}
	for _, o := range outs {
		doc.Fixes = append(doc.Fixes, fixedJSON{
			Key: o.Finding.Key, Rule: o.Finding.Rule.ID, Path: o.Finding.At.Path, Line: o.Finding.At.Line,
			Summary: o.Fix.Summary, Note: o.Fix.Note, Refused: o.Refused,
		})
	}
	for _, p := range slices.Sorted(maps.Keys(diffs)) {
		doc.Files = append(doc.Files, changedJSON{Path: p, Diff: diffs[p]})
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}
