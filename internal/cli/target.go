package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/collect/scm"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/internal/module"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/internal/verdict"
)

// openTarget opens a folder, a file, or the Git history that git:DIR or git:DIR#RANGE names (git:DIR#-: what the lines of a
// pre-receive hook on standard input bring); of github:… and gitlab:… nothing is asked yet. With staged, what is staged in the repository of the folder.
func openTarget(ctx context.Context, name string, staged bool) (*tree.Tree, error) {
	if platform, _, ok := scm.Target(name); ok {
		return tree.Given(name, platform, nil, nil), nil
	}
	for _, platform := range [...]string{scm.GitHub, scm.GitLab} {
		if strings.HasPrefix(name, platform+":") {
			return nil, faultf("%q names nothing on %s: github:OWNER/REPO, github:ORG, gitlab:GROUP/PROJECT and gitlab:GROUP do", name, platform)
		}
	}
	dir, history := strings.CutPrefix(name, "git:")
	if !history && !staged {
		return tree.Open(name)
	}
	dir, rng, _ := strings.Cut(dir, "#")
	if dir == "" {
		dir = "."
	}
	if strings.Contains(dir, "://") {
		return nil, faultf("%s is not here: clone it and name its folder, as in git:DIR", dir)
	}
	if staged {
		if rng != "" {
			return nil, faultf("--staged and a range of commits exclude each other")
		}
		return tree.OpenStaged(ctx, dir)
	}
	if rng == "-" {
		return tree.OpenReceived(ctx, dir, os.Stdin)
	}
	return tree.OpenGit(ctx, dir, rng)
}

// collect asks the API that a target names (github:…, gitlab:…) for what the target is; other targets stay as they are.
func collect(ctx context.Context, s Streams, t *tree.Tree, c *plinth.Config) (*tree.Tree, error) {
	platform, name, ok := scm.Target(t.Name)
	if !ok || t.Kind != platform {
		return t, nil
	}
	if c.Offline {
		return nil, faultf("%s is asked for over the network, and --offline forbids that", t.Name)
	}
	answers, err := asker(s, c).Collect(ctx, platform, name)
	var none *scm.Unanswered
	switch {
	case errors.As(err, &none):
		return tree.Given(t.Name, platform, nil, []plinth.Problem{{Kind: plinth.Unreadable, Text: none.Error()}}), nil
	case err != nil:
		return nil, err
	}
	return tree.Given(t.Name, platform, answers.Files, answers.Problems), nil
}

// asker asks the APIs of GitHub and GitLab.
func asker(s Streams, c *plinth.Config) *scm.Collector {
	client := s.HTTP
	if client == nil {
		client = module.NewClient()
	}
	return &scm.Collector{HTTP: client, Env: func(key string) string { return lookup(s.Env, key) }, Jobs: c.Jobs}
}

// baselines are what the files of --baseline hold: reports of plinth and of gitleaks.
type baselines struct {
	own     []*verdict.Baseline
	secrets *secret.Ignore
}

func readBaselines(files []string) (*baselines, error) {
	b := &baselines{secrets: &secret.Ignore{}}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read baseline: %w", err)
		}
		if strings.HasPrefix(strings.TrimSpace(string(data)), "[") {
			known, err := secret.Baseline(name, data)
			if err != nil {
				return nil, err
			}
			b.secrets.Join(known)
			continue
		}
		own, err := verdict.ReadBaseline(name, data)
		if err != nil {
			return nil, err
		}
		b.own = append(b.own, own)
	}
	return b, nil
}

// know tells the engine of secrets what is known of a target: the baselines, and its .gitleaksignore unless the repository's own
// configuration is to be left out. It returns the problems of the latter.
func (b *baselines) know(engines []scan.Engine, t *tree.Tree, c *plinth.Config) []plinth.Problem {
	var problems []plinth.Problem
	for _, e := range engines {
		s, ok := e.(*secret.Engine)
		if !ok {
			continue
		}
		s.Known = &secret.Ignore{}
		s.Known.Join(b.secrets)
		if c.IgnoreRepo || t.Dir() == "" {
			continue
		}
		if data, err := os.ReadFile(filepath.Join(t.Dir(), ignoreName)); err == nil {
			s.Known.Join(secret.IgnoreFile(ignoreName, data, func(p plinth.Problem) { problems = append(problems, p) }))
		}
	}
	return problems
}

const ignoreName = ".gitleaksignore"

// ignoreFiles reads the ignore files of Trivy in the top folder of a target, as Trivy does, unless the repository's own configuration
// is to be left out.
func ignoreFiles(t *tree.Tree, c *plinth.Config) ([]*verdict.Baseline, []plinth.Problem) {
	if c.IgnoreRepo || t.Dir() == "" {
		return nil, nil
	}
	var out []*verdict.Baseline
	var problems []plinth.Problem
	for _, name := range []string{".trivyignore", ".trivyignore.yaml"} {
		data, err := t.Read(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			problems = append(problems, plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: name}, Text: tree.Reason(err)})
			continue
		}
		b, err := verdict.ReadBaseline(name, data)
		if err != nil {
			problems = append(problems, plinth.Problem{Kind: plinth.Broken, At: plinth.Location{Path: name}, Text: err.Error()})
			continue
		}
		out = append(out, b)
	}
	return out, problems
}
