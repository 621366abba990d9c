package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/fix"
)

// TestFixDockerfiles: each fix of Dockerfiles does away with its finding in a bad example of the rule that it is for.
func TestFixDockerfiles(t *testing.T) {
	set, err := all.Rules(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range fix.DockerfileRules() {
		r := set.Find(id)
		if r == nil {
			t.Errorf("there is no rule %s", id)
			continue
		}
		list, _ := r.Examples()
		fixed := 0
		for _, ex := range list {
			if !ex.Bad || ex.Form != "dockerfile" {
				continue
			}
			dir := t.TempDir()
			for name, text := range ex.Files {
				if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out, talk bytes.Buffer
			if Run(context.Background(), []string{"fix", id, dir}, Streams{In: strings.NewReader(""), Out: &out, Err: &talk}) == 0 {
				fixed++
			}
		}
		if fixed == 0 {
			t.Errorf("%s: no bad example is fixed", id)
		}
	}
}
