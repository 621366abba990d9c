package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/reach"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/internal/value"
	"github.com/plinthsec/plinth/internal/verdict"
)

func networkCommand(s Streams) *cobra.Command {
	var format string
	var because bool
	cmd := &cobra.Command{
		Use: "network [TARGET]", Short: "Say who can talk to whom, on which ports", Args: cobra.MaximumNArgs(1),
		Long: `Evaluate the network policies of the Kubernetes manifests in a folder or file (without one, this folder), and list every pair of
workloads, and of workloads and addresses outside the cluster, that may talk, with the ports.

NetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy and Istio's AuthorizationPolicy, PeerAuthentication and
DestinationRule count. A pair is listed when both sides allow it; a workload's traffic with itself is not listed. An end is
namespace/name[Kind], where pods with an owner are that owner, or external:LOW-HIGH, ranges of IPv4 addresses. all means every
port of TCP, UDP and SCTP. mtls is the mode of mutual TLS that the receiver asks for, when says on what an answer rests that
manifests do not tell.

Exit code: 0, or 3 when something could not be looked at (problems lists it).`,
		Example: "  plinth network deploy/\n  plinth network -o json --because deploy/",
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "table" && format != "json" {
				return faultf("-o takes table or json, not %q%s", format, value.Hint(format, []string{"table", "json"}))
			}
			if len(args) == 0 {
				args = []string{"."}
			}
			answer, complete, err := networkOf(cmd.Context(), cmd, s, args[0], because)
			if err != nil {
				return err
			}
			if err := answer.write(s.Out, format); err != nil {
				return err
			}
			if !complete {
				fmt.Fprintf(s.Err, "plinth: the answer is incomplete: %d problems\n", len(answer.Problems))
				return exit(verdict.Incomplete)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table or json")
	cmd.Flags().BoolVar(&because, "because", false, "give the rules that let each pair through")
	return cmd
}

// network is the answer of the command.
type network struct {
	Schema      string           `json:"schema"`
	Connections []connection     `json:"connections"`
	Problems    []networkProblem `json:"problems"`
}

type connection struct {
	From    string        `json:"from"`
	To      string        `json:"to"`
	Allow   []string      `json:"allow"`
	MTLS    string        `json:"mtls,omitempty"`
	When    []string      `json:"when,omitempty"`
	Because []networkStep `json:"because,omitempty"`
	Project string        `json:"project,omitempty"`
}

type networkStep struct {
	Note string `json:"note"`
	Path string `json:"path,omitempty"`
	Line int32  `json:"line,omitempty"`
}

type networkProblem struct {
	Kind     string          `json:"kind"`
	Location networkLocation `json:"location"`
	Error    string          `json:"error"`
}

type networkLocation struct {
	Path string `json:"path"`
	Line int32  `json:"line,omitempty"`
}

// networkOf reads a target and evaluates each of its projects as a cluster of its own. It tells whether everything could be
// looked at.
func networkOf(ctx context.Context, cmd *cobra.Command, s Streams, target string, because bool) (*network, bool, error) {
	t, err := tree.Open(target)
	if err != nil {
		return nil, false, fault{err}
	}
	defer t.Close()
	conf, err := configure(t.Dir(), "", false, s.Env, nil, cmd.Flags())
	if err != nil {
		return nil, false, fault{err}
	}
	run := &scan.Run{Config: conf, Readers: all.Readers(), Today: time.Now().Format(time.DateOnly)}
	res, err := run.Scan(ctx, t)
	if err != nil {
		return nil, false, err
	}
	out := &network{Schema: "plinth.network/1", Connections: []connection{}, Problems: []networkProblem{}}
	problems := res.Problems
	projects := map[string][]*plinth.Resource{}
	for _, r := range res.Resources {
		projects[r.Project] = append(projects[r.Project], r)
	}
	names := make([]string, 0, len(projects))
	for name := range projects {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		w := reach.New(projects[name])
		problems = append(problems, w.Problems...)
		for _, c := range w.Connections(because) {
			out.Connections = append(out.Connections, connectionOf(name, c))
		}
	}
	complete := true
	for _, p := range problems {
		complete = complete && !p.Kind.Incomplete()
		out.Problems = append(out.Problems, networkProblem{string(p.Kind), networkLocation{p.At.Path, p.At.Line}, p.Text})
	}
	return out, complete, nil
}

func connectionOf(project string, c reach.Connection) connection {
	out := connection{From: c.From, To: c.To, Allow: c.Allow.Strings(), MTLS: c.MTLS, When: c.When, Project: project}
	for _, b := range c.Because {
		out.Because = append(out.Because, networkStep{b.Note, b.At.Path, b.At.Line})
	}
	return out
}

func (n *network) write(out io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(n)
	}
	var b strings.Builder
	for _, c := range n.Connections {
		fmt.Fprintf(&b, "%s → %s : %s", c.From, c.To, strings.Join(c.Allow, ", "))
		if c.MTLS != "" {
			fmt.Fprintf(&b, " (mutual TLS %s)", c.MTLS)
		}
		b.WriteString("\n")
		for _, w := range c.When {
			fmt.Fprintf(&b, "    if: %s\n", w)
		}
		for _, s := range c.Because {
			fmt.Fprintf(&b, "    %s", s.Note)
			if s.Path != "" {
				fmt.Fprintf(&b, " (%s:%d)", s.Path, s.Line)
			}
			b.WriteString("\n")
		}
	}
	for _, p := range n.Problems {
		fmt.Fprintf(&b, "problem: %s:%d: %s\n", p.Location.Path, p.Location.Line, p.Error)
	}
	fmt.Fprintf(&b, "%d pairs can talk\n", len(n.Connections))
	_, err := io.WriteString(out, b.String())
	return err
}
