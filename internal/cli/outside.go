package cli

import (
	"os"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/outside"
	"github.com/plinthsec/plinth/internal/tree"
)

const maxImport = 512 << 20 // bytes of a report of another tool: it is held in memory

const importHelp = "what other tools found, as weaknesses of the graph: SARIF, or CycloneDX with its vulnerabilities and VEX analyses; may be given several times"

// readImports reads the reports of other tools about a target. It adds what was left out to the problems.
func readImports(files []string, t *tree.Tree, problems []plinth.Problem) ([]plinth.Finding, []plinth.Problem, error) {
	var findings []plinth.Finding
	for _, name := range files {
		info, err := os.Stat(name)
		if err == nil && info.Size() > maxImport {
			return nil, nil, faultf("--import %s: more than 512 MiB", name)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, faultf("--import %s: %s", name, tree.Reason(err))
		}
		list, more, err := outside.Read(name, data, t)
		if err != nil {
			return nil, nil, faultf("--import %v", err)
		}
		findings, problems = append(findings, list...), append(problems, more...)
	}
	outside.Apply(findings)
	return findings, problems, nil
}
