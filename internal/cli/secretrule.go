package cli

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/internal/report"
	"github.com/plinthsec/plinth/rules"
)

// secretRule returns the rule for secrets of an id or alias, nil where there is none.
func secretRule(name string, dirs []string) (*secret.Rule, error) {
	set, err := all.Secrets(dirs)
	if err != nil {
		return nil, fault{err}
	}
	return set.Find(name), nil
}

// secretFile returns the text of a rule's file.
func secretFile(r *secret.Rule) ([]byte, error) {
	data, err := fs.ReadFile(rules.Secrets(), r.File)
	if err != nil {
		if data, err = os.ReadFile(r.File); err != nil {
			return nil, fmt.Errorf("read rule: %w", err)
		}
	}
	return data, nil
}

func explainSecret(r *secret.Rule, columns int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s · %s\n\n", r.Title, r.ID, r.Severity)
	for _, p := range [...][2]string{{"Opens", r.Why}, {"Revoke", r.Fix}, {"Found by", strings.Join(r.Keywords, ", ")}, {"CWE", strings.Join(r.CWE, ", ")}, {"ATT&CK", strings.Join(r.Attack, ", ")}, {"Also known as", byPeer(r.Aliases)}} {
		if p[1] != "" {
			b.WriteString(paragraph(p[0], p[1], columns))
		}
	}
	for _, l := range r.Links {
		fmt.Fprintf(&b, "%s\n", l)
	}
	return []byte(b.String())
}

// testSecrets runs the examples of the rules for secrets in the folders, or of all of ours, and returns how many rules and
// examples there are and how many faults it told.
func testSecrets(s Streams, dirs []string) (count, examples, wrong int, err error) {
	var set *secret.Set
	if len(dirs) == 0 {
		set, err = all.Secrets(nil)
	} else {
		set, err = secret.Load(nil, dirs...)
	}
	if err != nil {
		return 0, 0, 0, fault{err}
	}
	for _, p := range set.Check() {
		fmt.Fprintf(s.Out, "%s:%d: %s\n", p.At.Path, p.At.Line, report.Clean(p.Text))
		wrong++
	}
	for _, r := range set.All(func(plinth.Problem) {}) {
		found, clean, problems := r.Examples()
		if len(problems) > 0 {
			continue // told above
		}
		count, examples = count+1, examples+len(found)+len(clean)
		for _, fault := range secret.Try(r, nil) {
			fmt.Fprintln(s.Out, report.Clean(fault))
			wrong++
		}
	}
	return count, examples, wrong, nil
}
