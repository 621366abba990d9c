package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/form"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/internal/verdict"
)

func doctorCommand(s Streams) *cobra.Command {
	return &cobra.Command{
		Use: "doctor [DIR]", Short: "Check the installation and the configuration of a folder", Args: cobra.MaximumNArgs(1),
		Long: "Check that the embedded rules and tables are sound, that the folder's plinth.yaml is, and what in the folder can be read.\nExit code 2 when something is wrong.",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			bad := false
			say := func(ok bool, format string, a ...any) {
				mark := "ok   "
				if !ok {
					mark, bad = "WRONG", true
				}
				fmt.Fprintf(s.Out, "%s  %s\n", mark, fmt.Sprintf(format, a...))
			}
			say(true, "plinth %s, %s/%s, %d processors", Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
			doctorRules(say)
			doctorFolder(cmd, s, dir, say)
			if bad {
				return exit(verdict.Usage)
			}
			return nil
		},
	}
}

func doctorRules(say func(bool, string, ...any)) {
	set, err := all.Rules(nil)
	if err != nil {
		say(false, "embedded rules: %v", err)
		return
	}
	var faults rule.Faults
	list := set.All(func(p plinth.Problem) { faults = append(faults, p) })
	say(len(faults) == 0, "%d embedded rules%s", len(list), detail(faults))
	tables, err := form.Load()
	if err != nil {
		say(false, "mapping tables: %v", err)
		return
	}
	if _, err := tables.Named(); err != nil {
		say(false, "mapping tables: %v", err)
		return
	}
	say(true, "mapping tables for %d Terraform types", len(tables.Types()))
}

func detail(f rule.Faults) string {
	if len(f) == 0 {
		return ""
	}
	return ": " + strings.Split(f.Error(), "\n")[0]
}

func doctorFolder(cmd *cobra.Command, s Streams, dir string, say func(bool, string, ...any)) {
	c, err := configure(dir, "", false, s.Env, nil, cmd.Flags())
	if err != nil {
		say(false, "%v", err)
		return
	}
	if _, err := os.Stat(filepath.Join(dir, configName)); err == nil {
		say(true, "%s is sound", filepath.Join(dir, configName))
		if _, _, _, err := loadRules(c); err != nil {
			say(false, "rules that it names: %v", err)
		}
	} else {
		say(true, "no %s in %s: the defaults hold", configName, dir)
	}
	t, err := tree.Open(dir)
	if err != nil {
		say(false, "%v", err)
		return
	}
	defer t.Close()
	n := 0
	list, err := t.List(c.Exclude, func(plinth.Problem) { n++ })
	if err != nil {
		say(false, "%v", err)
		return
	}
	say(n == 0, "%s: %d files, %d of them may be configuration, %d cannot be read", dir, list.Seen, len(list.Files), n)
}
