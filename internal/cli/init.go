package cli

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plinthsec/plinth/internal/value"
)

//go:embed init/*.yaml
var starters embed.FS

// starter is a file that init writes.
type starter struct{ name, from, to string }

var starterFiles = []starter{
	{"config", "plinth.yaml", "plinth.yaml"},
	{"pre-commit", "pre-commit.yaml", ".pre-commit-config.yaml"},
	{"github", "github.yaml", ".github/workflows/plinth.yml"},
	{"gitlab", "gitlab.yaml", ".gitlab/plinth.yml"},
}

func initCommand(s Streams) *cobra.Command {
	var force, dry bool
	var dir string
	var names []string
	for _, f := range starterFiles {
		names = append(names, f.name)
	}
	cmd := &cobra.Command{
		Use: "init [" + strings.Join(names, "|") + "]…", Short: "Write the files that bring plinth into a repository",
		Long: `Write plinth.yaml, a pre-commit hook, a GitHub workflow and a GitLab template; all of them, or those that are named. A file that is there
already stays as it is, and the exit code is 2, unless --force is given.`,
		Example: "  plinth init --dry-run\n  plinth init config github",
		RunE: func(_ *cobra.Command, args []string) error {
			for _, a := range args {
				if !slices.Contains(names, a) {
					return faultf("init writes %s, not %q%s", strings.Join(names, ", "), a, value.Hint(a, names))
				}
			}
			var kept []string
			for _, f := range starterFiles {
				if len(args) > 0 && !slices.Contains(args, f.name) {
					continue
				}
				wrote, err := start(s, dir, f, force, dry)
				if err != nil {
					return err
				}
				if !wrote {
					kept = append(kept, f.to)
				}
			}
			if len(kept) > 0 {
				return faultf("already there, left as they are: %s (--force writes them anew, --dry-run prints what would be written)", strings.Join(kept, ", "))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite files that are there")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "print the files and write nothing")
	cmd.Flags().StringVar(&dir, "dir", ".", "the repository's folder")
	return cmd
}

// start writes one file, or prints it; it answers false for a file that was there and stays.
func start(s Streams, dir string, f starter, force, dry bool) (bool, error) {
	data, err := starters.ReadFile("init/" + f.from)
	if err != nil {
		return false, err
	}
	version, commit := release()
	text := strings.NewReplacer("VERSION", version, "COMMIT", commit).Replace(string(data))
	if dry {
		_, err := fmt.Fprintf(s.Out, "--- %s\n%s\n", f.to, text)
		return true, err
	}
	name := filepath.Join(dir, filepath.FromSlash(f.to))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return false, fault{err}
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	file, err := os.OpenFile(name, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fault{err}
	}
	_, err = file.WriteString(text)
	if e := file.Close(); err == nil {
		err = e
	}
	if err != nil {
		return false, fault{err}
	}
	_, err = fmt.Fprintf(s.Out, "wrote %s\n", f.to)
	return true, err
}

// release is the release that this binary is of and its commit, for a workflow that pins it. A binary of no release gives places to fill in.
func release() (version, commit string) {
	version = "v" + Version()
	if info, ok := debug.ReadBuildInfo(); ok && !strings.Contains(version, "0.0.0") {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return version, s.Value
			}
		}
	}
	return "vX.Y.Z", strings.Repeat("0", 40)
}
