package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/report"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/internal/verdict"
)

const baselineName = "plinth-baseline.json"

func baselineCommand(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "baseline", Short: "Keep the findings that are known, so that the gate is about new ones", Args: cobra.NoArgs,
		Long: `A baseline is a file with the fingerprints of findings that are known already. scan --baseline FILE leaves them out of the gate;
the report still has them, as suppressed. Fingerprints hold no line numbers: they survive edits elsewhere in the file.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(baselineCreate(s), baselineShow(s), baselinePrune(s))
	return cmd
}

func baselineCreate(s Streams) *cobra.Command {
	var f scanFlags
	var file string
	cmd := &cobra.Command{
		Use: "create [TARGET…]", Short: "Write what fails now as a baseline",
		Long: `Scan the targets (without one, this folder) and write what fails, and is not suppressed, to the baseline file.

Exit code: 0; 2 usage; 3 when something could not be looked at: the baseline would not know what is there.`,
		Example: "  plinth baseline create\n  plinth scan --baseline " + baselineName,
		RunE: func(cmd *cobra.Command, args []string) error {
			rep, err := scanFor(cmd, s, &f, args)
			if err != nil {
				return err
			}
			b := verdict.NewBaseline(time.Now().Format(time.DateOnly), findingsOf(rep))
			if err := writeBaseline(file, b); err != nil {
				return err
			}
			fmt.Fprintf(s.Out, "%s: %d findings are known\n", file, len(b.Known))
			return incomplete(rep)
		},
	}
	cmd.Flags().StringVar(&file, "file", baselineName, "the file to write")
	baselineFlags(cmd, &f)
	return cmd
}

func baselineShow(s Streams) *cobra.Command {
	return &cobra.Command{
		Use: "show [FILE]", Short: "Say what a baseline holds", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := openBaseline(args)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(s.Out)
			byRule := map[string]int{}
			severity := map[string]string{}
			for _, k := range b.Known {
				byRule[k.Rule]++
				severity[k.Rule] = k.Severity
			}
			names := slices.SortedFunc(maps.Keys(byRule), func(x, y string) int {
				a, _ := plinth.ParseSeverity(severity[x])
				c, _ := plinth.ParseSeverity(severity[y])
				return cmp.Or(cmp.Compare(c, a), cmp.Compare(byRule[y], byRule[x]), cmp.Compare(x, y))
			})
			for _, r := range names {
				fmt.Fprintf(out, "%5d  %-8s  %s\n", byRule[r], severity[r], r)
			}
			fmt.Fprintf(out, "%d findings of %d rules", len(b.Known), len(byRule))
			if b.Created != "" {
				fmt.Fprintf(out, ", as of %s", b.Created)
			}
			fmt.Fprintln(out)
			return out.Flush()
		},
	}
}

func baselinePrune(s Streams) *cobra.Command {
	var f scanFlags
	var file string
	var check bool
	cmd := &cobra.Command{
		Use: "prune [TARGET…]", Short: "Take out of a baseline what is fixed",
		Long: `Scan the targets and take out of the baseline file what no finding is about any more, so that it cannot come back unseen.

Exit code: 0; 1 with --check when there is something to take out; 2 usage; 3 when something could not be looked at: nothing is taken out
then, it may only be out of sight.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := openBaseline([]string{file})
			if err != nil {
				return err
			}
			if b.Peers != nil {
				return faultf("%s is a peer's file, which plinth reads and does not write", file)
			}
			rep, err := scanFor(cmd, s, &f, args)
			if err != nil {
				return err
			}
			if err := incomplete(rep); err != nil {
				return err
			}
			gone := b.Prune(findingsOf(rep))
			for _, k := range gone {
				fmt.Fprintf(s.Out, "fixed: %s  %s  %s\n", k.Rule, k.Path, k.Resource)
			}
			fmt.Fprintf(s.Out, "%d fixed, %d left\n", len(gone), len(b.Known))
			switch {
			case len(gone) == 0:
				return nil
			case check:
				return exit(verdict.GateFailed)
			}
			return writeBaseline(file, b)
		},
	}
	cmd.Flags().StringVar(&file, "file", baselineName, "the baseline")
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; exit code 1 when something is fixed and still in it")
	baselineFlags(cmd, &f)
	return cmd
}

// baselineFlags are the flags that decide what a scan finds.
func baselineFlags(cmd *cobra.Command, f *scanFlags) {
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "", "configuration file instead of the target's plinth.yaml")
	fl.StringArrayVar(&f.sets, "set", nil, "KEY=VALUE: any key of plinth.yaml")
	fl.BoolVar(&f.ignoreRepo, "ignore-repo-config", false, "leave the target's own plinth.yaml out")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress and no summary on standard error")
	register(fl, "exclude", "only", "skip", "rules", "allow-incomplete", "strict", "offline", "jobs", "terraform.var-files", "terraform.download")
}

// scanFor scans for a baseline: what another baseline knows counts as well.
func scanFor(cmd *cobra.Command, s Streams, f *scanFlags, args []string) (*report.Report, error) {
	conf := func(dir string) (*plinth.Config, error) {
		c, err := configure(dir, f.config, f.ignoreRepo, s.Env, f.sets, cmd.Flags())
		if err == nil {
			c.Baselines = nil
		}
		return c, err
	}
	var rep *report.Report
	err := onTargets(cmd.Context(), s, f, args, func(targets []*tree.Tree, d *downloads, p *progress) (err error) {
		rep, err = scanTargets(cmd.Context(), conf, f, targets, d, p)
		return err
	})
	return rep, err
}

func findingsOf(rep *report.Report) []plinth.Finding {
	out := make([]plinth.Finding, len(rep.Findings))
	for i, f := range rep.Findings {
		out[i] = *f.Finding
	}
	return out
}

// incomplete is the exit code of a run that did not see everything.
func incomplete(rep *report.Report) error {
	if rep.Exit == verdict.Incomplete {
		return exit(verdict.Incomplete)
	}
	for _, p := range rep.Problems {
		if p.Kind.Incomplete() && rep.Exit == verdict.GateFailed {
			return exit(verdict.Incomplete)
		}
	}
	return nil
}

func openBaseline(args []string) (*verdict.Baseline, error) {
	name := baselineName
	if len(args) > 0 {
		name = args[0]
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, faultf("there is no %s; plinth baseline create writes one", name)
	}
	if err != nil {
		return nil, fault{err}
	}
	b, err := verdict.ReadBaseline(name, data)
	if err != nil {
		return nil, fault{err}
	}
	return b, nil
}

func writeBaseline(name string, b *verdict.Baseline) error {
	text, err := b.JSON()
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}
