package cli

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/internal/form"
	"github.com/plinthsec/plinth/internal/report"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/trial"
	"github.com/plinthsec/plinth/internal/value"
	"github.com/plinthsec/plinth/internal/verdict"
	"github.com/plinthsec/plinth/rules"
)

func ruleCommand(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rule", Short: "List, show, test and write rules", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return faultf("there is no command rule %q%s", args[0], value.Hint(args[0], []string{"list", "show", "test", "new"}))
		},
	}
	cmd.AddCommand(ruleList(s), ruleShow(s), ruleTest(s), ruleNew(s))
	return cmd
}

// ruleSet loads the embedded rules and those of --rules.
func ruleSet(dirs []string) (*rule.Set, error) {
	set, err := all.Rules(dirs)
	if err != nil {
		return nil, fault{err}
	}
	return set, nil
}

func everyRule(set *rule.Set) ([]*rule.Rule, error) {
	var faults rule.Faults
	list := set.All(func(p plinth.Problem) { faults = append(faults, p) })
	if len(faults) > 0 {
		return nil, fault{faults}
	}
	return list, nil
}

func ruleList(s Streams) *cobra.Command {
	var format, provider string
	var dirs []string
	cmd := &cobra.Command{
		Use: "list", Short: "List all rules", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			set, err := ruleSet(dirs)
			if err != nil {
				return err
			}
			list, err := everyRule(set)
			if err != nil {
				return err
			}
			secrets, err := secretRules(dirs)
			if err != nil {
				return err
			}
			audits, err := all.Audits()
			if err != nil {
				return err
			}
			rules := listed(list, secrets, audits)
			if provider != "" {
				rules = ofProvider(rules, provider)
			}
			switch format {
			case "json":
				return listJSON(s.Out, rules)
			case "table":
				return listTable(s, rules)
			}
			return faultf("rule list prints table or json, not %q%s", format, value.Hint(format, []string{"table", "json"}))
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table or json")
	cmd.Flags().StringVar(&provider, "provider", "", "only rules whose id begins so: aws, azure, google, kubernetes, dockerfile")
	register(cmd.Flags(), "rules")
	cmd.Flags().Lookup("rules").Usage = "folders with rules of your own"
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		dirs, err = cmd.Flags().GetStringSlice("rules")
		return err
	}
	return cmd
}

// secretRules loads the embedded rules for secrets and those of --rules.
func secretRules(dirs []string) ([]*secret.Rule, error) {
	set, err := all.Secrets(dirs)
	if err != nil {
		return nil, fault{err}
	}
	var faults secret.Faults
	list := set.All(func(p plinth.Problem) { faults = append(faults, p) })
	if len(faults) > 0 {
		return nil, fault{faults}
	}
	return list, nil
}

// listed joins the rules of all engines, sorted by id.
func listed(list []*rule.Rule, secrets []*secret.Rule, audits []*plinth.Rule) []listedRule {
	var out []listedRule
	for _, r := range list {
		out = append(out, listedRule{&r.Rule, r.On})
	}
	for _, r := range secrets {
		out = append(out, listedRule{&r.Rule, []string{}})
	}
	for _, r := range audits {
		out = append(out, listedRule{r, []string{}})
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// listedRule is a rule of any engine; on are the types of resources that it is for.
type listedRule struct {
	*plinth.Rule
	on []string
}

func ofProvider(list []listedRule, provider string) []listedRule {
	var out []listedRule
	for _, r := range list {
		if strings.HasPrefix(r.ID, provider+"-") {
			out = append(out, r)
		}
	}
	return out
}

type jsonRule struct {
	ID       string   `json:"id"`
	Engine   string   `json:"engine"`
	Aliases  []string `json:"aliases"`
	Title    string   `json:"title"`
	Severity string   `json:"severity"`
	On       []string `json:"on"`
	CWE      []string `json:"cwe"`
	Controls []string `json:"controls"`
}

func listJSON(w io.Writer, list []listedRule) error {
	out := []jsonRule{}
	for _, r := range list {
		out = append(out, jsonRule{r.ID, r.Engine, some(r.Aliases), r.Title, r.Severity.String(), r.on, some(r.CWE), some(r.Controls)})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(map[string]any{"schema": "plinth.rules/1", "rules": out})
}

func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func listTable(s Streams, list []listedRule) error {
	columns := width(s)
	for _, r := range list {
		line := fmt.Sprintf("%-8s  %-40s  %s", r.Severity, r.ID, r.Title)
		if n := len([]rune(line)); n > columns {
			line = string([]rune(line)[:columns-1]) + "…"
		}
		if _, err := fmt.Fprintln(s.Out, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(s.Out, "%d rules\n", len(list))
	return err
}

func ruleShow(s Streams) *cobra.Command {
	var dirs []string
	cmd := &cobra.Command{
		Use: "show RULE", Short: "Show a rule's file, by its id or any alias", Args: exactly(1, "RULE"),
		RunE: func(_ *cobra.Command, args []string) error {
			set, err := ruleSet(dirs)
			if err != nil {
				return err
			}
			if set.Find(args[0]) == nil {
				if r, err := secretRule(args[0], dirs); r != nil || err != nil {
					return writeSecret(s, r, err)
				}
			}
			if a, err := findAudit(args[0]); err != nil || a != nil && set.Find(args[0]) == nil {
				if err == nil {
					err = faultf("%s is an audit of engine %s and has no rule file; plinth explain %s says what it is about", a.ID, a.Engine, a.ID)
				}
				return err
			}
			r, err := findRule(set, args[0])
			if err != nil {
				return err
			}
			data, err := rules.FS.ReadFile(r.File)
			if err != nil {
				if data, err = os.ReadFile(r.File); err != nil {
					return fmt.Errorf("read rule: %w", err)
				}
			}
			_, err = s.Out.Write(data)
			return err
		},
	}
	cmd.Flags().StringSliceVar(&dirs, "rules", nil, "folders with rules of your own")
	return cmd
}

// writeSecret prints the file of a rule for secrets.
func writeSecret(s Streams, r *secret.Rule, err error) error {
	if err != nil {
		return err
	}
	data, err := secretFile(r)
	if err == nil {
		_, err = s.Out.Write(data)
	}
	return err
}

// between wants some arguments and says which.
func between(least, most int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return faultf("%s wants %s", cmd.CommandPath(), names)
		}
		return nil
	}
}

// exactly wants n arguments and says which.
func exactly(n int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return faultf("%s wants %s", cmd.CommandPath(), names)
		}
		return nil
	}
}

func findRule(set *rule.Set, name string) (*rule.Rule, error) {
	if r := set.Find(name); r != nil {
		return r, nil
	}
	audits, err := all.Audits()
	if err != nil {
		return nil, err
	}
	near := []string{set.Nearest(name)}
	for _, a := range audits {
		near = append(near, a.ID)
	}
	return nil, faultf("there is no rule %q%s", name, value.Hint(name, near))
}

func ruleTest(s Streams) *cobra.Command {
	return &cobra.Command{
		Use: "test [DIR…]", Short: "Run the examples of rules",
		Long: "Run the examples of the rules in the folders, or of all rules of Plinth: every bad one must fail its rule, every good one must not,\nand none may be unknown. Exit code 1 when an example is wrong.\n\nTests of policies run as well: the rules test_… of all Rego below the folders together (*_test.rego), and every case of Gatekeeper's suites (kind Suite).",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, wrong := testPolicies(cmd.Context(), s, args)
			set, err := testSet(args)
			if found && (err != nil || set.Len() == 0 || wrong != nil && wrong != error(exit(verdict.GateFailed))) { // its YAML is Gatekeeper's
				return wrong
			}
			if err != nil {
				return err
			}
			list, err := everyRule(set)
			if err != nil {
				return err
			}
			if err := testRules(cmd.Context(), s, set, list, args); err != nil {
				return err
			}
			return wrong
		},
	}
}

// testSet loads the rules of the folders alone, so that a folder of our own rules can be tested as well, or all embedded rules.
func testSet(dirs []string) (*rule.Set, error) {
	if len(dirs) == 0 {
		return ruleSet(nil)
	}
	set, err := rule.Load(embed.FS{}, dirs...)
	if err != nil {
		return nil, fault{err}
	}
	return set, nil
}

func testRules(ctx context.Context, s Streams, set *rule.Set, list []*rule.Rule, dirs []string) error {
	known, err := form.Known()
	if err != nil {
		return err
	}
	var problems []plinth.Problem
	for _, p := range set.Check(known.Check) {
		for _, r := range list {
			if p.At.Path == r.File {
				problems = append(problems, p)
			}
		}
	}
	examples, runner := 0, &trial.Runner{Readers: all.Readers()}
	for _, r := range list {
		more, err := runner.Rule(ctx, r)
		if err != nil {
			return err
		}
		problems = append(problems, more...)
		n, _ := r.Examples()
		examples += len(n)
	}
	seen := map[plinth.Problem]bool{}
	for _, p := range problems {
		if !seen[p] {
			seen[p] = true
			fmt.Fprintf(s.Out, "%s:%d: %s\n", p.At.Path, p.At.Line, report.Clean(p.Text))
		}
	}
	secrets, more, faults, err := testSecrets(s, dirs)
	if err != nil {
		return err
	}
	wrong := len(seen) + faults
	fmt.Fprintf(s.Out, "%d rules, %d examples, %d wrong\n", len(list)+secrets, examples+more, wrong)
	if wrong > 0 {
		return exit(verdict.GateFailed)
	}
	return nil
}

var ruleID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)

const skeleton = `id: %s
aliases: []
title: What is wrong, in one line without a full stop
why: What an attacker gains, or what is lost.
fix: What to change.
severity: medium
cwe: []
on: AWS::S3::Bucket
fail: "p.?VersioningConfiguration.?Status.orValue('') != 'Enabled'"
examples:
  bad:
    - terraform: |
        resource "aws_s3_bucket" "b" {
          bucket = "b"
        }
  good:
    - terraform: |
        resource "aws_s3_bucket" "b" {
          bucket = "b"
          versioning {
            enabled = true
          }
        }
`

func ruleNew(s Streams) *cobra.Command {
	return &cobra.Command{
		Use: "new ID [DIR]", Short: "Write the skeleton of a rule", Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			if !ruleID.MatchString(args[0]) {
				return faultf("%q is no id of a rule: lower-case words joined by -, as in aws-s3-versioning", args[0])
			}
			set, err := ruleSet(nil)
			if err != nil {
				return err
			}
			if set.Find(args[0]) != nil {
				return faultf("there is a rule %s already: plinth rule show %s", args[0], args[0])
			}
			dir := "."
			if len(args) == 2 {
				dir = args[1]
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fault{err}
			}
			name := filepath.Join(dir, args[0]+".yaml")
			f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if err != nil {
				return fault{err}
			}
			if _, err := fmt.Fprintf(f, skeleton, args[0]); err != nil {
				f.Close()
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.Out, "wrote %s; try it with: plinth rule test %s\n", name, dir)
			return err
		},
	}
}

// byPeer sorts aliases by the tool that they belong to, for people.
func byPeer(aliases []string) string {
	list := append([]string{}, aliases...)
	sort.Strings(list)
	return strings.Join(list, ", ")
}
