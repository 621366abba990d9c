package cli

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/rule"
)

func explainCommand(s Streams) *cobra.Command {
	var dirs []string
	cmd := &cobra.Command{
		Use: "explain RULE", Short: "Explain a rule, by its id or any alias (CKV_AWS_20, AVD-AWS-0086 …)", Args: exactly(1, "the id or an alias of a rule"),
		RunE: func(_ *cobra.Command, args []string) error {
			set, err := ruleSet(dirs)
			if err != nil {
				return err
			}
			if set.Find(args[0]) == nil {
				r, err := secretRule(args[0], dirs)
				if err != nil {
					return err
				}
				if r != nil {
					_, err = s.Out.Write(explainSecret(r, width(s)))
					return err
				}
			}
			if set.Find(args[0]) == nil {
				a, err := findAudit(args[0])
				if err != nil {
					return err
				}
				if a != nil {
					_, err = s.Out.Write(explainRule(a, nil, width(s)))
					return err
				}
			}
			r, err := findRule(set, args[0])
			if err != nil {
				return err
			}
			_, err = s.Out.Write(explain(r, width(s)))
			return err
		},
	}
	cmd.Flags().StringSliceVar(&dirs, "rules", nil, "folders with rules of your own")
	return cmd
}

// findAudit returns the audit of an engine with this id or alias, nil where there is none.
func findAudit(name string) (*plinth.Rule, error) {
	list, err := all.Audits()
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		if name == r.ID || slices.ContainsFunc(r.Aliases, func(a string) bool { return strings.EqualFold(a, name) }) {
			return r, nil
		}
	}
	return nil, nil
}

// explainRule prints what a rule says, without examples; on are the types of resources that it is for.
func explainRule(r *plinth.Rule, on []string, columns int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s · %s\n\n", r.Title, r.ID, r.Severity)
	for _, p := range [...][2]string{{"Why", r.Why}, {"Fix", r.Fix}, {"Looks at", strings.Join(on, ", ")}, {"CWE", strings.Join(r.CWE, ", ")}, {"Controls", strings.Join(r.Controls, ", ")}, {"ATT&CK", strings.Join(r.Attack, ", ")}, {"Also known as", byPeer(r.Aliases)}} {
		if p[1] != "" {
			b.WriteString(paragraph(p[0], p[1], columns))
		}
	}
	for _, l := range r.Links {
		fmt.Fprintf(&b, "%s\n", l)
	}
	return b.Bytes()
}

func explain(r *rule.Rule, columns int) []byte {
	var b bytes.Buffer
	b.Write(explainRule(&r.Rule, r.On, columns))
	examples, _ := r.Examples()
	for _, bad := range []bool{true, false} {
		for _, ex := range examples {
			if ex.Bad != bad {
				continue
			}
			word := "Right"
			if bad {
				word = "Wrong"
			}
			fmt.Fprintf(&b, "\n%s (%s):\n\n", word, ex.Form)
			names := make([]string, 0, len(ex.Files))
			for name := range ex.Files {
				names = append(names, name)
			}
			sort.Strings(names)
			for _, name := range names {
				for _, line := range strings.Split(strings.TrimRight(ex.Files[name], "\n"), "\n") {
					b.WriteString(strings.TrimRight("    "+line, " ") + "\n")
				}
			}
			break
		}
	}
	return b.Bytes()
}

// paragraph wraps a labelled text.
func paragraph(label, text string, columns int) string {
	const indent = "               "
	var b strings.Builder
	line := fmt.Sprintf("%-13s  ", label)
	empty := true
	for _, w := range strings.Fields(text) {
		if !empty && len([]rune(line))+1+len([]rune(w)) > columns {
			b.WriteString(line + "\n")
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += w
		empty = false
	}
	b.WriteString(line + "\n")
	return b.String()
}
