package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/reach"
	"github.com/plinthsec/plinth/internal/reach/cloud"
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
workloads, and of workloads and addresses outside the cluster, that may talk, with the ports. Resources in the networks of a cloud
are listed by their addresses, with internet for everybody outside: security groups, network ACLs, routes, addresses and load
balancers decide. Such a pair is listed for the side that opens the connection.

NetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy and Istio's AuthorizationPolicy, PeerAuthentication and
DestinationRule count. A pair is listed when both sides allow it; a workload's traffic with itself is not listed. An end is
namespace/name[Kind], where pods with an owner are that owner, or external:LOW-HIGH, ranges of IPv4 addresses. all means every
port of TCP, UDP and SCTP. mtls is the mode of mutual TLS that the receiver asks for, when says on what an answer rests that
manifests do not tell. exposes lists what Services, Ingresses and routes offer outside, and which of these ports policies leave
open to some address outside.

Exit code: 0, or 3 when something could not be looked at (problems lists it).`,
		Example: "  plinth network deploy/\n  plinth network -o json --because deploy/",
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "table" && format != "json" {
				return faultf("-o takes table or json, not %q%s", format, value.Hint(format, []string{"table", "json"}))
			}
			if len(args) == 0 {
				args = []string{"."}
			}
			answer, err := networkOf(cmd.Context(), cmd, s, args[0])
			if err != nil {
				return err
			}
			out := bufio.NewWriter(s.Out)
			if format == "json" {
				err = answer.json(out, because)
			} else {
				err = answer.table(out, because)
			}
			if err := errors.Join(err, out.Flush()); err != nil {
				return err
			}
			if slices.ContainsFunc(answer.problems, func(p plinth.Problem) bool { return p.Kind.Incomplete() }) {
				unseen(s, "answer", answer.problems)
				return exit(verdict.Incomplete)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table or json")
	cmd.Flags().BoolVar(&because, "because", false, "give the rules that let each pair through")
	cmd.AddCommand(suggestCommand(s))
	return cmd
}

// networkAnswer is the answer of the command: a world for each project.
type networkAnswer struct {
	projects []string
	worlds   []*reach.World
	exposed  [][]reach.Exposure
	cloud    []cloud.Connection
	problems []plinth.Problem
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

type exposure struct {
	By       string          `json:"by"`
	Service  string          `json:"service"`
	To       string          `json:"to"`
	Ports    []string        `json:"ports"`
	Open     []string        `json:"open"`
	Internal bool            `json:"internal,omitempty"`
	Location networkLocation `json:"location"`
	Project  string          `json:"project,omitempty"`
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

// networkOf reads a target and evaluates each of its projects as a cluster of its own.
func networkOf(ctx context.Context, cmd *cobra.Command, s Streams, target string) (*networkAnswer, error) {
	projects, problems, err := projectsOf(ctx, cmd, s, target)
	if err != nil {
		return nil, err
	}
	out := &networkAnswer{problems: problems}
	for _, p := range projects {
		w := reach.New(p.resources)
		out.projects, out.worlds = append(out.projects, p.name), append(out.worlds, w)
		out.exposed = append(out.exposed, w.Exposures(p.resources))
		out.problems = append(out.problems, w.Problems...)
	}
	var clouds []*plinth.Resource
	for _, p := range projects {
		for _, r := range p.resources {
			if !strings.HasPrefix(string(r.ID), "k8s:") {
				clouds = append(clouds, r)
			}
		}
	}
	if len(clouds) > 0 {
		w := cloud.New(graph.New(clouds))
		out.cloud = w.Connections()
		out.problems = append(out.problems, w.Problems...)
	}
	return out, nil
}

// projectsOf reads a target and returns the objects of each of its projects, sorted by name, and what could not be looked at.
func projectsOf(ctx context.Context, cmd *cobra.Command, s Streams, target string) ([]cluster, []plinth.Problem, error) {
	t, err := tree.Open(target)
	if err != nil {
		return nil, nil, fault{err}
	}
	defer t.Close()
	conf, err := configure(t.Dir(), "", false, s.Env, nil, cmd.Flags())
	if err != nil {
		return nil, nil, fault{err}
	}
	run := &scan.Run{Config: conf, Readers: all.Readers(), Today: time.Now().Format(time.DateOnly)}
	kept := newKeeper(s, &scanFlags{}, t, conf, run)
	res, err := run.Scan(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	kept.wait()
	projects := map[string][]*plinth.Resource{}
	for _, r := range res.Resources {
		projects[r.Project] = append(projects[r.Project], r)
	}
	var out []cluster
	for _, name := range slices.Sorted(maps.Keys(projects)) {
		out = append(out, cluster{name, projects[name]})
	}
	return out, res.Problems, nil
}

func connectionOf(project string, c reach.Connection) connection {
	return connection{From: c.From, To: c.To, Allow: c.Allow.Strings(), MTLS: c.MTLS, When: c.When, Because: stepsOf(c.Because), Project: project}
}

func stepsOf(steps []plinth.Step) []networkStep {
	var out []networkStep
	for _, b := range steps {
		out = append(out, networkStep{b.Note, b.At.Path, b.At.Line})
	}
	return out
}

// cloudConnection is a connection between cloud resources, which go by their addresses.
func cloudConnection(c *cloud.Connection, because bool) connection {
	out := connection{From: c.FromName, To: c.ToName, Allow: c.Allow.Strings(), When: c.When}
	if because {
		out.Because = stepsOf(c.Because)
	}
	return out
}

// json writes the answer one pair at a time: a large open cluster has millions.
func (n *networkAnswer) json(out *bufio.Writer, because bool) error {
	one := func(sep string, v any) error {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "%s\n    %s", sep, bytes.TrimSpace(b.Bytes()))
		return err
	}
	sep := ""
	out.WriteString("{\n  \"schema\": \"plinth.network/1\",\n  \"connections\": [")
	for i, w := range n.worlds {
		for c := range w.Connections(because) {
			if err := one(sep, connectionOf(n.projects[i], c)); err != nil {
				return err
			}
			sep = ","
		}
	}
	for i := range n.cloud {
		if err := one(sep, cloudConnection(&n.cloud[i], because)); err != nil {
			return err
		}
		sep = ","
	}
	sep = ""
	out.WriteString("\n  ],\n  \"exposes\": [")
	for i, list := range n.exposed {
		for _, e := range list {
			x := exposure{e.By, e.Service, e.To.String(), e.Ports.Strings(), e.Open.Strings(), e.Internal, networkLocation{e.At.Path, e.At.Line}, n.projects[i]}
			if err := one(sep, x); err != nil {
				return err
			}
			sep = ","
		}
	}
	sep = ""
	out.WriteString("\n  ],\n  \"problems\": [")
	for _, p := range n.problems {
		if err := one(sep, networkProblem{string(p.Kind), networkLocation{p.At.Path, p.At.Line}, p.Text}); err != nil {
			return err
		}
		sep = ","
	}
	_, err := out.WriteString("\n  ]\n}\n")
	return err
}

func (n *networkAnswer) table(out *bufio.Writer, because bool) error {
	pairs := 0
	for i, w := range n.worlds {
		if n.projects[i] != "" {
			fmt.Fprintf(out, "%s\n", n.projects[i])
		}
		for c := range w.Connections(because) {
			pairs++
			row(out, c)
		}
		for _, e := range n.exposed[i] {
			inside := ""
			if e.Internal {
				inside = ", through an internal load balancer"
			}
			fmt.Fprintf(out, "%s offers %s : %s; policies leave open: %s%s\n", e.By, e.To, e.Ports, cmp.Or(e.Open.String(), "none"), inside)
		}
	}
	for _, c := range n.cloud {
		pairs++
		x := reach.Connection{From: c.FromName, To: c.ToName, Allow: c.Allow, When: c.When}
		if because {
			x.Because = c.Because
		}
		row(out, x)
	}
	for _, p := range n.problems {
		fmt.Fprintf(out, "problem: %s:%d: %s\n", p.At.Path, p.At.Line, p.Text)
	}
	_, err := fmt.Fprintf(out, "%d pairs can talk\n", pairs)
	return err
}

func row(out *bufio.Writer, c reach.Connection) {
	fmt.Fprintf(out, "%s → %s : %s", c.From, c.To, c.Allow)
	if c.MTLS != "" {
		fmt.Fprintf(out, " (mutual TLS %s)", c.MTLS)
	}
	out.WriteString("\n")
	for _, w := range c.When {
		fmt.Fprintf(out, "    if: %s\n", w)
	}
	for _, s := range c.Because {
		place := ""
		if s.At.Path != "" {
			place = fmt.Sprintf(" (%s:%d)", s.At.Path, s.At.Line)
		}
		fmt.Fprintf(out, "    %s%s\n", s.Note, place)
	}
}
