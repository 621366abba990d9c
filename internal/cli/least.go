package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/iam/least"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/internal/value"
	"github.com/plinthsec/plinth/internal/verdict"
)

const (
	maxSource     = 2 << 20 // bytes of a file of code that is read: what people write is smaller
	maxSources    = 2000    // files of one workload
	proposeSchema = "plinth.least/1"
)

func iamSuggestCommand(s Streams) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "suggest [WORKLOAD] [TARGET]", Short: "Propose the least policy of workloads", Args: between(0, 2, "perhaps a workload, perhaps a target"),
		Long: `Propose for each AWS workload (function, task, instance) of a folder or file the least policy that serves what it visibly uses, or
for one workload by address.

What a workload uses shows in its configuration, which names tables, queues and secrets, and in its code where that lies in the target
(archive_file, CodeUri): the calls of the AWS SDKs in it. What its role may not do today is never proposed. What shows in neither is
not in the proposal: try it before you rely on it.

The policy is on standard output, what it rests on on standard error; -o json has both.

Exit code: 0; 2 usage; 3 when something could not be looked at.`,
		Example: "  plinth iam suggest infra/\n  plinth iam suggest aws_lambda_function.checkout infra/ > policy.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			workload, target := actionAndTarget(append(args, ".")[:max(1, len(args))])
			return suggestLeast(cmd, s, format, workload, target)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table or json")
	return cmd
}

type proposalJSON struct {
	Workload string          `json:"workload"`
	Role     string          `json:"role"`
	Admin    bool            `json:"administrator"` // what the role is today
	Policy   json.RawMessage `json:"policy"`
	Because  []networkStep   `json:"because"`
	Guessed  bool            `json:"guessed"` // no call in the code says what some resource is used for
}

func suggestLeast(cmd *cobra.Command, s Streams, format, workload, target string) error {
	if format != "table" && format != "json" {
		return faultf("-o takes table or json, not %q%s", format, value.Hint(format, []string{"table", "json"}))
	}
	w, problems, err := accessWorldOf(cmd.Context(), cmd, s, target)
	if err != nil {
		return err
	}
	facts, err := least.Load()
	if err != nil {
		return err
	}
	t, err := tree.Open(target)
	if err != nil {
		return fault{err}
	}
	defer t.Close()
	var found []least.Proposal
	var known []string
	for _, r := range w.resources {
		if r.Data || r.External || r.Decl == nil {
			continue
		}
		for _, run := range w.estate.Runs(r) {
			if known = append(known, r.Label()); workload == "" || workload == r.Label() || workload == string(r.ID) {
				found = append(found, least.For(w.estate, facts, r, run.Role, w.source(t, r, func(p plinth.Problem) {
					fmt.Fprintf(s.Err, "plinth: %s: %s\n", p.At.Path, p.Text)
					problems = append(problems, p)
				})))
			}
		}
	}
	if workload != "" && len(found) == 0 {
		return faultf("no workload with a role is called %s%s", workload, value.Hint(workload, known))
	}
	if err := w.writeProposals(s, format, found); err != nil {
		return err
	}
	if slices.ContainsFunc(problems, func(p plinth.Problem) bool { return p.Kind.Incomplete() }) {
		unseen(s, "proposal", problems)
		return exit(verdict.Incomplete)
	}
	return nil
}

// source reads the code of a workload. What cannot be read is told: the proposal may lack what it does.
func (w *accessWorld) source(t *tree.Tree, r *plinth.Resource, problem func(plinth.Problem)) []least.File {
	folder, _, _ := w.estate.Code(r)
	if folder == "" || t.FS == nil {
		return nil
	}
	var out []least.File
	unread := func(p string, kind plinth.ProblemKind, text string) {
		problem(plinth.Problem{Kind: kind, At: plinth.Location{Path: p}, Text: text + ", so that the proposal for " + r.Label() + " may lack something"})
	}
	err := fs.WalkDir(t.FS, folder, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			unread(p, plinth.Unreadable, tree.Reason(err))
			return nil
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return fs.SkipDir
		case !d.Type().IsRegular() || !least.Reads(p):
			return nil
		case len(out) >= maxSources:
			unread(p, plinth.Limit, "more than "+strconv.Itoa(maxSources)+" files of code")
			return fs.SkipAll
		}
		info, err := d.Info()
		if err == nil && info.Size() > maxSource {
			unread(p, plinth.Limit, "the file has more than "+strconv.Itoa(maxSource>>20)+" MiB")
			return nil
		}
		text, err := fs.ReadFile(t.FS, p)
		if err != nil {
			unread(p, plinth.Unreadable, tree.Reason(err))
			return nil
		}
		out = append(out, least.File{Path: p, Text: text})
		return nil
	})
	if err != nil {
		unread(folder, plinth.Unreadable, tree.Reason(err))
	}
	return out
}

func (w *accessWorld) writeProposals(s Streams, format string, found []least.Proposal) error {
	var out, talk bytes.Buffer
	list := []proposalJSON{}
	for i := range found {
		p := &found[i]
		one := proposalJSON{p.Workload.Label(), p.Role.Resource.Label(), len(w.estate.Admin(p.Role)) > 0, p.Policy(), []networkStep{}, p.Guessed}
		today := ""
		if one.Admin {
			today = ", an administrator today"
		}
		fmt.Fprintf(&talk, "%s runs as %s%s; it needs\n", one.Workload, one.Role, today)
		for _, n := range p.Needs {
			on := strings.Join(n.Resources, ", ")
			if n.On != nil {
				on = n.On.Label()
			}
			fmt.Fprintf(&talk, "  %s on %s\n", strings.Join(n.Actions, ", "), on)
			for _, step := range n.Because {
				one.Because = append(one.Because, networkStep{step.Note, step.At.Path, step.At.Line})
				fmt.Fprintf(&talk, "    %s:%d  %s\n", step.At.Path, step.At.Line, step.Note)
			}
		}
		if p.Guessed {
			talk.WriteString("  its code shows no calls for some of these: reading and writing are both proposed, as far as its role may today\n")
		}
		list = append(list, one)
	}
	if format == "json" {
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		if err := e.Encode(map[string]any{"schema": proposeSchema, "proposals": list}); err != nil {
			return err
		}
		talk.Reset()
	}
	if len(found) == 0 && format != "json" {
		talk.WriteString("plinth: nothing here runs as a role that the code declares\n")
	}
	for _, one := range list {
		if format == "table" {
			out.Write(one.Policy)
		}
	}
	if _, err := s.Err.Write(talk.Bytes()); err != nil {
		return err
	}
	_, err := s.Out.Write(out.Bytes())
	return err
}
