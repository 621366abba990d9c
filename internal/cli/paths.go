package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/engine/attack"
	"github.com/plinthsec/plinth/internal/engine/pipeline"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/graph/picture"
	"github.com/plinthsec/plinth/internal/report"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/internal/value"
	"github.com/plinthsec/plinth/internal/verdict"
)

// pathFlags are the flags of paths.
type pathFlags struct {
	scanFlags
	from, to []string
	format   string
	limit    int
}

// pathFormats are the outputs of paths.
var pathFormats = []string{"json", "mermaid", "svg", "table"}

func pathsCommand(s Streams) *cobra.Command {
	var f pathFlags
	cmd := &cobra.Command{
		Use: "paths [TARGET…]", Short: "Say how an attacker gets from one place to another, and what ends it",
		Long: `Draw the security graph of the targets (without one, this folder) and list the attack paths from one place to another, each
with its proof: who may do what, which network lets whom in, which code has which weakness. For every path it says which single
places end it, and for all of them together the least to change.

A place is internet; leaked, a credential that stands in a text of the target, or reader, who can read them; admin, the
administrator of any account or cluster; data, a store of classified data (its tag data-class, data-classification or
DataClassification is set and not public); or the id, ARN, name or address of a resource, with * for any
text: ServiceAccount/*, arn:aws:iam::*:role/deploy, aws_s3_bucket.exports. What is not known of an ARN is written in braces.
Without --from every principal is asked, without --to both admin and data.

A path that rests on conditions lists them and comes after those that hold in any case. --import brings in what other tools
found in the code.

Exit code: 0; 2 usage; 3 when something could not be looked at (--allow-incomplete accepts that).`,
		Example: "  plinth paths --from internet --to data\n  plinth paths --to admin terraform/\n  plinth paths --from internet --import semgrep.sarif -o json .",
		RunE:    func(cmd *cobra.Command, args []string) error { return runPaths(cmd, s, &f, args) },
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.from, "from", nil, "where the attacker is; may be given several times")
	fl.StringArrayVar(&f.to, "to", nil, "where he wants to be; may be given several times")
	fl.StringVarP(&f.format, "output", "o", "table", strings.Join(pathFormats, ", "))
	fl.IntVar(&f.limit, "limit", 5, "paths that are told for each pair of a start and a goal")
	graphFlags(fl, &f.scanFlags)
	return cmd
}

// graphFlags registers the flags of the commands that draw the security graph.
func graphFlags(fl *pflag.FlagSet, f *scanFlags) {
	fl.StringArrayVar(&f.imports, "import", nil, importHelp)
	fl.StringVarP(&f.config, "config", "c", "", "configuration file instead of the target's plinth.yaml")
	fl.StringArrayVar(&f.sets, "set", nil, "KEY=VALUE: any key of plinth.yaml")
	fl.BoolVar(&f.ignoreRepo, "ignore-repo-config", false, "leave the target's own plinth.yaml out")
	fl.StringVar(&f.color, "color", "auto", "auto, always or never")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress and no summary on standard error")
	fl.BoolVarP(&f.wide, "verbose", "v", false, "every path that was sought")
	register(fl, "exclude", "allow-incomplete", "strict", "offline", "jobs", "terraform.var-files", "terraform.download")
}

func runPaths(cmd *cobra.Command, s Streams, f *pathFlags, args []string) error {
	if !slices.Contains(pathFormats, f.format) {
		return faultf("-o takes %s, not %q%s", strings.Join(pathFormats, ", "), f.format, value.Hint(f.format, pathFormats))
	}
	rep, err := drawTargets(cmd, s, &f.scanFlags, args)
	if err != nil {
		return err
	}
	for i, g := range rep.Graphs {
		a, missing := ask(g, f)
		if len(missing) > 0 && len(rep.Graphs) == 1 {
			return faultf("nothing in %s is called %s%s", rep.Targets[i].Name, strings.Join(missing, " or "), nearest(g.Map, missing[0]))
		}
		for _, before := range rep.Answers {
			a.First += len(before.Paths)
		}
		rep.Answers = append(rep.Answers, a)
	}
	draw := map[string]func(io.Writer, *graph.Map, *graph.Answer) error{"svg": picture.SVG, "mermaid": picture.Mermaid}[f.format]
	if draw != nil && len(rep.Answers) != 1 {
		return faultf("-o %s draws one graph: name one target", f.format)
	}
	out := bufio.NewWriter(s.Out)
	switch {
	case draw != nil:
		err = draw(out, rep.Answers[0].Map, &rep.Answers[0].Answer)
	case f.format == "json":
		err = report.WriteJSON(out, rep)
	default:
		err = report.WritePaths(out, rep, report.Options{Width: width(s), Wide: f.wide, Color: colored(s, f.color)})
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	if rep.Exit != verdict.Passed {
		return exit(rep.Exit)
	}
	return nil
}

// ask puts the question to one graph; missing are the names that nothing has.
func ask(g report.Graph, f *pathFlags) (a report.Answer, missing []string) {
	find := func(names []string) []uint32 {
		var out []uint32
		for _, n := range names {
			found := g.Find(n)
			if len(found) == 0 && !slices.Contains(graph.Words, n) && !strings.Contains(n, "*") {
				missing = append(missing, n)
			}
			out = append(out, found...)
		}
		return out
	}
	q := graph.Question{From: slices.DeleteFunc(find(f.from), func(i uint32) bool { return g.Nodes()[i].Type == plinth.TypeTaken }), Limit: f.limit}
	a = report.Answer{Graph: g, From: strings.Join(f.from, ", "), To: strings.Join(f.to, ", "), First: 1}
	if len(f.from) == 0 {
		q.From, a.From = attack.Principals(g.Map), "every principal"
	}
	to := f.to
	if len(to) == 0 {
		to, a.To = []string{"admin", "data"}, "admin or data"
	}
	q.To = find(to)
	a.Answer = g.Answer(q)
	return a, missing
}

// nearest suggests a name that the graph has.
func nearest(m *graph.Map, name string) string {
	var names []string
	for i := range m.Nodes() {
		n := &m.Nodes()[i]
		names = append(names, n.Address)
	}
	return value.Hint(name, names)
}

// drawTargets reads the targets and draws the security graph of each; no rule runs.
func drawTargets(cmd *cobra.Command, s Streams, f *scanFlags, args []string) (*report.Report, error) {
	var rep *report.Report
	err := onTargets(cmd.Context(), s, f, args, func(targets []*tree.Tree, d *downloads, p *progress) error {
		rep = &report.Report{Version: Version(), Source: sources(targets, d)}
		for _, t := range targets {
			res, c, err := drawOne(cmd, s, f, t, d, p)
			if err != nil {
				return err
			}
			add(rep, map[string]report.Engine{}, res, c)
			rep.Exit = worse(rep.Exit, verdict.Exit(nil, res.Problems, c))
		}
		return nil
	})
	return rep, err
}

func drawOne(cmd *cobra.Command, s Streams, f *scanFlags, t *tree.Tree, d *downloads, p *progress) (*scan.Result, *plinth.Config, error) {
	c, err := configure(t.Dir(), f.config, f.ignoreRepo, s.Env, f.sets, cmd.Flags())
	if err != nil {
		return nil, nil, fault{err}
	}
	if t, err = collect(cmd.Context(), s, t, c); err != nil {
		return nil, nil, fault{err}
	}
	outside, problems, err := readImports(f.imports, t, nil)
	if err != nil {
		return nil, nil, err
	}
	secrets, err := all.Secrets(c.RuleDirs)
	if err != nil {
		return nil, nil, fault{err}
	}
	audits, err := all.Audits()
	if err != nil {
		return nil, nil, fault{err}
	}
	// Credentials in texts, and pipelines that run what outsiders write, are places where an attacker begins.
	engines := all.Engines(rule.Nothing(), all.Asked(audits, []string{pipeline.Name}, nil), secrets, c)
	problems = append(problems, (&baselines{secrets: &secret.Ignore{}}).know(engines, t, c)...)
	run := &scan.Run{
		Config: c, Readers: append(all.Readers(), all.PipelineReaders()...), Engines: engines, Progress: p.show, Today: time.Now().Format(time.DateOnly),
		Modules: d.source(c), Draw: attack.Draw, Outside: outside,
	}
	kept := newKeeper(s, f, t, c, run)
	res, err := run.Scan(cmd.Context(), t)
	if err != nil {
		return nil, nil, fmt.Errorf("scan %s: %w", t.Name, err)
	}
	kept.wait()
	res.Problems = append(res.Problems, problems...)
	return res, c, nil
}
