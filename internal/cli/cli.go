// Package cli is the command line: one file per command. Results go to standard output, talk and progress to standard error.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/plinthsec/plinth/internal/value"
	"github.com/plinthsec/plinth/internal/verdict"
)

// Streams are what a command talks through.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Env      []string
	HTTP     *http.Client // for what is fetched; nil: one of our own, which obeys HTTPS_PROXY and its like
}

// fault is an error of the user's input: a wrong flag, key or rule. Exit code 2.
type fault struct{ error }

func faultf(format string, args ...any) error { return fault{fmt.Errorf(format, args...)} }

// exit carries the exit code of a run that did its work.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Run runs one command line and returns the exit code.
func Run(ctx context.Context, args []string, s Streams) int {
	root := Root(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exit
	switch {
	case err == nil:
		return verdict.Passed
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(s.Err, "plinth: interrupted")
		return 130
	}
	fmt.Fprintf(s.Err, "plinth: %s\n", strings.TrimSuffix(err.Error(), "."))
	return verdict.Usage
}

// Root builds the tree of commands.
func Root(s Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "plinth",
		Short: "Cloud-native security: from code to cloud, in one graph",
		Long: "Plinth looks at code, containers, clusters and clouds, joins what it learns in one security graph, and says what an attacker can do,\n" +
			"the least that must change, and whether it is still true.",
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			var names []string
			for _, c := range cmd.Commands() {
				names = append(names, c.Name())
			}
			return faultf("there is no command %q%s\nplinth help lists the commands", args[0], value.Hint(args[0], names))
		},
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(flagFault)
	root.AddCommand(scanCommand(s), versionCommand(s), doctorCommand(s), ruleCommand(s), explainCommand(s), iamCommand(s), networkCommand(s), pathsCommand(s), baselineCommand(s), graphCommand(s), initCommand(s), fixCommand(s))
	return root
}

// flagFault adds the nearest valid flag to a complaint about an unknown one.
func flagFault(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "unknown flag: --"); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		text += value.Hint("--"+name, names)
	}
	return faultf("%s\n%s --help lists the flags", text, cmd.CommandPath())
}

// Version is the version of this binary: the module's, or that of the commit it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return strings.TrimPrefix(v, "v")
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "0.0.0-" + s.Value[:min(12, len(s.Value))]
		}
	}
	return "0.0.0-devel"
}

// terminal tells whether a stream is a terminal.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}

func lookup(env []string, name string) string {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}
