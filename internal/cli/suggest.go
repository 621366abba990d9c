package cli

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/reach/suggest"
	"github.com/plinthsec/plinth/internal/verdict"
)

func suggestCommand(s Streams) *cobra.Command {
	return &cobra.Command{
		Use: "suggest [TARGET]", Short: "Write the narrowest network policies under which everything still works", Args: cobra.MaximumNArgs(1),
		Long: `Read the Kubernetes manifests in a folder or file (without one, this folder) and write network policies for their workloads: each
namespace is shut but for name resolution, and each workload is given what the manifests show that it uses: Services that its
environment, arguments and configuration name, and what Services, Ingresses, routes and webhooks lead to it.

The policies are read back and evaluated before they are written: every connection that they are made for is open under them, and
every other one between the workloads is shut. What manifests cannot tell is said in comments at the top; check it before you apply
the policies. Policies that are there already are left aside; they add up with the new ones.

Exit code: 0, or 3 when something could not be looked at, or when no selector tells two workloads apart.`,
		Example: "  plinth network suggest deploy/ > policies.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			projects, problems, err := projectsOf(cmd.Context(), cmd, s, args[0])
			if err != nil {
				return err
			}
			out := bufio.NewWriter(s.Out)
			whole, any := true, false
			for _, p := range projects {
				x, ok := suggest.For(p.resources)
				if !ok {
					continue
				}
				any = true
				writeSuggestion(out, p.name, x)
				fmt.Fprintf(s.Err, "plinth: %d policies keep %d connections and shut %d pairs of workloads that can talk now\n", len(x.Policies), x.Kept, x.Closed)
				for _, f := range x.Faults {
					whole = false
					fmt.Fprintf(s.Err, "plinth: not proven: %s\n", f)
				}
			}
			if err := out.Flush(); err != nil {
				return err
			}
			if !any {
				fmt.Fprintln(s.Err, "plinth: no workload was found")
			}
			for _, p := range problems {
				if p.Kind.Incomplete() {
					whole = false
					fmt.Fprintf(s.Err, "plinth: %s:%d: %s\n", p.At.Path, p.At.Line, p.Text)
				}
			}
			if !whole {
				return exit(verdict.Incomplete)
			}
			return nil
		},
	}
}

func writeSuggestion(out *bufio.Writer, project string, s *suggest.Suggestion) {
	out.WriteString("---\n# Written by plinth network suggest")
	if project != "" {
		out.WriteString(" for " + strings.Map(oneLine, project))
	}
	out.WriteString(".\n")
	for _, n := range slices.Concat(s.Notes, s.Faults) {
		out.WriteString("# - " + strings.Map(oneLine, n) + "\n")
	}
	out.Write(s.YAML())
}

func oneLine(r rune) rune {
	if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
		return ' '
	}
	return r
}

// cluster is the objects of one project.
type cluster struct {
	name      string
	resources []*plinth.Resource
}
