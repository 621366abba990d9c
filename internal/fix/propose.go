package fix

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

// Proposer asks the one who knows the finding's kind of file.
type Proposer struct {
	Terraform *Terraform
	Workflow  *Workflow
	Document  *Document
}

// docker begins the ids of the rules about Dockerfiles.
const docker = "dockerfile-"

// Propose returns the candidates of a finding, or why there are none.
func (p *Proposer) Propose(f *plinth.Finding, read func(string) ([]byte, error)) ([]Candidate, string) {
	if f.Rule.Engine == "pipeline" {
		return p.Workflow.Propose(f, read)
	}
	if strings.HasPrefix(f.Rule.ID, docker) {
		return Dockerfile{}.Propose(f, read)
	}
	if name := strings.ToLower(f.At.Path); strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".template") ||
		strings.HasSuffix(name, ".json") && !strings.HasSuffix(name, ".tf.json") {
		return p.Document.Propose(f, read)
	}
	return p.Terraform.Propose(f, read)
}

var hash = lazy.New(`^[0-9a-f]{40}$`)

// ReadPins reads a file of lines OWNER/NAME@TAG HASH; # begins a comment.
func ReadPins(name string, data []byte) (map[string]string, error) {
	out := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 || !hash.MatchString(fields[1]) {
			return nil, fmt.Errorf("%s:%d: want OWNER/NAME@TAG and a hash of 40 digits", name, n)
		}
		out[fields[0]] = fields[1]
	}
	return out, lines.Err()
}
