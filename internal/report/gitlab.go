package report

import (
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/plinthsec/plinth"
)

type gitlabIssue struct {
	Description string         `json:"description"`
	Check       string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string      `json:"path"`
	Lines gitlabLines `json:"lines"`
}

type gitlabLines struct {
	Begin int32 `json:"begin"`
}

// gitlabSeverity are our severities in GitLab's words, info first.
var gitlabSeverity = [...]string{"info", "minor", "major", "critical", "blocker"}

// writeGitLab prints what fails as GitLab's Code Quality report: https://docs.gitlab.com/ci/testing/code_quality/.
func writeGitLab(w io.Writer, r *Report, _ Options) error {
	out := []gitlabIssue{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Verdict != plinth.Fail || f.Suppressed != nil {
			continue
		}
		sum := sha256.Sum256([]byte(f.Target + "\x00" + f.Key))
		out = append(out, gitlabIssue{
			Description: Clean(f.Message), Check: f.Rule.ID, Fingerprint: hex.EncodeToString(sum[:16]), Severity: gitlabSeverity[min(int(f.Rule.Severity), 4)],
			Location: gitlabLocation{r.fromRoot(f.Target, f.At.Path), gitlabLines{max(1, f.At.Line)}},
		})
	}
	return encode(w, out)
}
