package secret_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/internal/golden"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/rules"
)

// words are what hosts of repositories refuse whole: passwords and tokens that nobody uses.
var words = strings.NewReplacer(
	"PASSWORD_ONE", "kR7wqP2m"+"Zx9Lb4Tn", "PASSWORD_TWO", "Hq3vNs8w"+"Yc5Jd2Xt", "PASSWORD_THREE", "Wm6zKf1r"+"Bg9Qp4Lh", "PASSWORD_FOUR", "Tx2nVb7c"+"Sj8Rk5Md",
	"GITLAB_HEAD", "glpat", "GITLAB_TAIL", "q8Vd2mZ0kR3tYx7Wb1nL", "GITLAB_OTHER", "Zr7Kc4Qm1Tx9Wv2Nb8Hd", "GITLAB_THIRD", "Pf5Xs3Lj6Gn0Dy8Hc2Ka",
)

// TestEvaluated holds the findings of a scan with readers.
func TestEvaluated(t *testing.T) { golden.Run(t, "testdata/*.txtar", evaluated) }

func evaluated(t *testing.T, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		files[name] = words.Replace(text)
	}
	set, err := secret.Load(rules.Secrets())
	if err != nil {
		t.Fatal(err)
	}
	run := &scan.Run{Config: &plinth.Config{Jobs: 1}, Readers: all.Readers(), Engines: []scan.Engine{secret.New(set)}}
	res, err := run.Scan(t.Context(), tree.Memory(".", files))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range res.Findings {
		line := fmt.Sprintf("%s:%d %s %s", f.At.Path, f.At.Line, f.Rule.ID, f.Message)
		if f.Suppressed != nil {
			line += "\n    silenced: " + f.Suppressed.Why
		}
		for _, s := range f.Evidence {
			line += fmt.Sprintf("\n    %s:%d %s", s.At.Path, s.At.Line, s.Note)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}
