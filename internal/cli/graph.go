package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/graph/picture"
	"github.com/plinthsec/plinth/internal/graph/query"
	"github.com/plinthsec/plinth/internal/graph/snapshot"
	"github.com/plinthsec/plinth/internal/report"
	"github.com/plinthsec/plinth/internal/value"
	"github.com/plinthsec/plinth/internal/verdict"
	"github.com/plinthsec/plinth/rules"
)

const maxQuery = 1 << 20 // bytes of a query

func graphCommand(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "graph", Short: "Ask the security graph, keep it, compare it", Args: cobra.NoArgs,
		Long: `The security graph joins the resources of a target: who may do what, which network lets whom in, what runs where, what stores
which data. docs/graph.md says what its nodes and relations are called. scan -o graph prints the whole of it.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(graphQuery(s), graphAsk(s), graphSave(s), graphDiff(s), graphExport(s))
	return cmd
}

// graphSource is where a command gets its graph from: a target, or a snapshot.
type graphSource struct {
	scanFlags
	snapshot string
	format   string
}

func (g *graphSource) flags(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&g.snapshot, "snapshot", "", "ask the graph in this file, which graph save wrote, and look at no target")
	fl.StringVarP(&g.format, "output", "o", "table", "table or json")
	graphFlags(fl, &g.scanFlags)
}

// open returns the graph, and the exit code that drawing it gave.
func (g *graphSource) open(cmd *cobra.Command, s Streams, targets []string) (*graph.Map, int, error) {
	if g.format != "table" && g.format != "json" {
		return nil, 0, faultf("-o takes table or json, not %q%s", g.format, value.Hint(g.format, []string{"table", "json"}))
	}
	if g.snapshot != "" {
		m, err := snapshot.Load(cmd.Context(), g.snapshot)
		if err != nil {
			return nil, 0, fault{err}
		}
		return m, verdict.Passed, nil
	}
	rep, err := drawTargets(cmd, s, &g.scanFlags, targets)
	if err != nil {
		return nil, 0, err
	}
	if len(rep.Graphs) != 1 {
		return nil, 0, faultf("this command asks one graph at a time: name one target")
	}
	problems := make([]plinth.Problem, len(rep.Problems))
	for i, p := range rep.Problems {
		problems[i] = p.Problem
	}
	unseen(s, "graph", problems)
	return rep.Graphs[0].Map, rep.Exit, nil
}

// unseen says on standard error that something is incomplete.
func unseen(s Streams, what string, problems []plinth.Problem) {
	n := 0
	for _, p := range problems {
		if p.Kind.Incomplete() {
			n++
		}
	}
	switch {
	case n == 1:
		fmt.Fprintf(s.Err, "plinth: the %s is incomplete: one place could not be looked at (plinth scan lists it)\n", what)
	case n > 1:
		fmt.Fprintf(s.Err, "plinth: the %s is incomplete: %d places could not be looked at (plinth scan lists them)\n", what, n)
	}
}

func graphQuery(s Streams) *cobra.Command {
	var g graphSource
	cmd := &cobra.Command{
		Use: "query QUERY [TARGET]", Short: "Ask the graph in openCypher", Args: between(1, 2, "a query, perhaps a target"),
		Long: `Ask the security graph of a target (without one, this folder) in the reading part of openCypher. - as the query reads it from
standard input. Labels are the types of nodes (AWS::S3::Bucket stands between backquotes), relations have the kinds of
docs/graph.md, and a node's own properties are id, type, name, address, path, line and those of its resource.

Exit code: 0; 2 usage, or a fault in the query; 3 when something could not be looked at.`,
		Example: "  plinth graph query 'MATCH (r:`AWS::IAM::Role`)-[:admin]->(a) RETURN r.address, a.id'\n" +
			"  plinth graph query 'MATCH p=(i:internet)-[*1..4]->(w) RETURN p LIMIT 10' deploy/",
		RunE: func(cmd *cobra.Command, args []string) error {
			text := args[0]
			if text == "-" {
				data, err := io.ReadAll(io.LimitReader(s.In, maxQuery))
				if err != nil {
					return err
				}
				text = string(data)
			}
			return g.ask(cmd, s, text, args[1:])
		},
	}
	g.flags(cmd)
	return cmd
}

func (g *graphSource) ask(cmd *cobra.Command, s Streams, text string, targets []string) error {
	q, err := query.Parse(text)
	if err != nil {
		return fault{err}
	}
	m, code, err := g.open(cmd, s, targets)
	if err != nil {
		return err
	}
	res, err := q.Run(cmd.Context(), m)
	if err != nil {
		if e := (*query.Error)(nil); errors.As(err, &e) {
			return fault{err}
		}
		return err
	}
	out := bufio.NewWriter(s.Out)
	if g.format == "json" {
		err = resultJSON(out, res)
	} else {
		err = resultTable(out, res)
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	if code != verdict.Passed {
		return exit(code)
	}
	return nil
}

func resultJSON(w io.Writer, res *query.Result) error {
	rows := res.Rows
	if rows == nil {
		rows = [][]query.Value{}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(map[string]any{"schema": "plinth.rows/1", "columns": res.Columns, "rows": rows, "cut": res.Cut})
}

const widestCell = 60 // columns of one cell

func resultTable(w io.Writer, res *query.Result) error {
	cells := [][]string{res.Columns}
	for _, r := range res.Rows {
		line := make([]string, len(r))
		for i, v := range r {
			line[i] = report.Clean(v.String())
		}
		cells = append(cells, line)
	}
	width := make([]int, len(res.Columns))
	for _, line := range cells {
		for i, c := range line {
			width[i] = min(max(width[i], utf8.RuneCountInString(c)), widestCell)
		}
	}
	for n, line := range cells {
		var b strings.Builder
		for i, c := range line {
			b.WriteString(c)
			if i < len(line)-1 {
				b.WriteString(strings.Repeat(" ", max(0, width[i]-utf8.RuneCountInString(c))+2))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
		if n == 0 {
			rule := 0
			for _, x := range width {
				rule += x + 2
			}
			fmt.Fprintln(w, strings.Repeat("─", max(0, min(rule-2, 80))))
		}
	}
	if res.Cut {
		fmt.Fprintln(w, "… and more: the result is cut")
	}
	return nil
}

func graphAsk(s Streams) *cobra.Command {
	var g graphSource
	cmd := &cobra.Command{
		Use: "ask [QUESTION [TARGET]]", Short: "Ask one of the questions that have a name", Args: cobra.MaximumNArgs(2),
		Long:    "Ask the security graph a question that has a name; without one, list them.",
		Example: "  plinth graph ask\n  plinth graph ask admins terraform/",
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := rules.Questions()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				for _, q := range list {
					fmt.Fprintf(s.Out, "%-22s %s\n", q.Name, q.Title)
				}
				return nil
			}
			var names []string
			for _, q := range list {
				if q.Name == args[0] {
					return g.ask(cmd, s, q.Query, args[1:])
				}
				names = append(names, q.Name)
			}
			return faultf("there is no question %q%s; plinth graph ask lists them", args[0], value.Hint(args[0], names))
		},
	}
	g.flags(cmd)
	return cmd
}

func graphSave(s Streams) *cobra.Command {
	var g graphSource
	cmd := &cobra.Command{
		Use: "save FILE [TARGET]", Short: "Write the graph to a SQLite file", Args: between(1, 2, "a file, perhaps a target"),
		Long: `Draw the security graph of a target and write it to a SQLite file, whose tables docs/graph.md describes: for questions in SQL, for
graph query --snapshot, and for graph diff.`,
		Example: "  plinth graph save today.db\n  sqlite3 today.db 'SELECT kind, count(*) FROM relations GROUP BY kind'",
		RunE: func(cmd *cobra.Command, args []string) error {
			g.format = "table"
			m, code, err := g.open(cmd, s, args[1:])
			if err != nil {
				return err
			}
			if err := snapshot.Save(cmd.Context(), args[0], m); err != nil {
				return fault{err}
			}
			fmt.Fprintf(s.Out, "%s: %d nodes, %d relations\n", args[0], len(m.Nodes()), len(m.Relations()))
			if code != verdict.Passed {
				return exit(code)
			}
			return nil
		},
	}
	graphFlags(cmd.Flags(), &g.scanFlags)
	return cmd
}

func graphDiff(s Streams) *cobra.Command {
	var g graphSource
	cmd := &cobra.Command{
		Use: "diff BEFORE AFTER", Short: "Say what changed between two graphs", Args: exactly(2, "two snapshots or targets"),
		Long: `Compare two security graphs, each a file that graph save wrote or a target, and list the nodes and relations that came (+) and went
(-). That a proof moved to another line is no change.`,
		Example: "  plinth graph diff yesterday.db .",
		RunE: func(cmd *cobra.Command, args []string) error {
			var maps [2]*graph.Map
			worst := verdict.Passed
			for i, name := range args {
				g.snapshot = ""
				if isSnapshot(name) {
					g.snapshot = name
				}
				m, code, err := g.open(cmd, s, []string{name})
				if err != nil {
					return err
				}
				maps[i], worst = m, worse(worst, code)
			}
			came, went := snapshot.Diff(maps[0], maps[1])
			out := bufio.NewWriter(s.Out)
			var err error
			if g.format == "json" {
				err = changeJSON(out, &came, &went)
			} else {
				changeTable(out, "+", &came)
				changeTable(out, "-", &went)
				if came.Empty() && went.Empty() {
					fmt.Fprintln(out, "nothing changed")
				}
			}
			if err := errors.Join(err, out.Flush()); err != nil {
				return err
			}
			if worst != verdict.Passed {
				return exit(worst)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&g.format, "output", "o", "table", "table or json")
	graphFlags(cmd.Flags(), &g.scanFlags)
	return cmd
}

func graphExport(s Streams) *cobra.Command {
	var g graphSource
	cmd := &cobra.Command{
		Use: "export [TARGET]", Short: "Write the graph as OpenGraph JSON, for BloodHound", Args: cobra.MaximumNArgs(1),
		Long:    `Draw the security graph of a target (without one, this folder) and print it in BloodHound's OpenGraph format.`,
		Example: "  plinth graph export > opengraph.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			g.format = "json"
			m, code, err := g.open(cmd, s, args)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(s.Out)
			if err := errors.Join(picture.OpenGraph(out, m), out.Flush()); err != nil {
				return err
			}
			if code != verdict.Passed {
				return exit(code)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&g.snapshot, "snapshot", "", "export the graph in this file, which graph save wrote")
	graphFlags(cmd.Flags(), &g.scanFlags)
	return cmd
}

// isSnapshot tells a SQLite file by its first bytes.
func isSnapshot(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 15)
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == "SQLite format 3"
}

func changeTable(w io.Writer, sign string, c *snapshot.Change) {
	for _, n := range c.Nodes {
		fmt.Fprintf(w, "%s %s  %s\n", sign, n.Type, report.Clean(nameOf(&n)))
	}
	for _, r := range c.Relations {
		line := fmt.Sprintf("%s %s -%s-> %s", sign, r.From, strings.TrimSpace(string(r.Kind)+" "+r.Technique), r.To)
		if len(r.Permissions) > 0 {
			line += "  " + strings.Join(r.Permissions, ", ")
		}
		fmt.Fprintln(w, report.Clean(line))
		for _, e := range r.Evidence {
			fmt.Fprintf(w, "    %s (%s:%d)\n", report.Clean(e.Note), report.Clean(e.At.Path), e.At.Line)
		}
	}
}

func nameOf(n *plinth.Node) string {
	if n.Address != "" {
		return n.Address
	}
	return string(n.ID)
}

type changed struct {
	Nodes     []string          `json:"nodes"`
	Relations []changedRelation `json:"relations"`
}

type changedRelation struct {
	From        string   `json:"from"`
	To          string   `json:"to"`
	Kind        string   `json:"kind"`
	Technique   string   `json:"technique"`
	Permissions []string `json:"permissions"`
}

func changeJSON(w io.Writer, came, went *snapshot.Change) error {
	list := func(c *snapshot.Change) changed {
		out := changed{Nodes: []string{}, Relations: []changedRelation{}}
		for _, n := range c.Nodes {
			out.Nodes = append(out.Nodes, string(n.ID))
		}
		for _, r := range c.Relations {
			out.Relations = append(out.Relations, changedRelation{string(r.From), string(r.To), string(r.Kind), r.Technique, slices.Concat([]string{}, r.Permissions)})
		}
		return out
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(map[string]any{"schema": "plinth.change/1", "came": list(came), "went": list(went)})
}
