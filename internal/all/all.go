// Package all is the one list of readers and engines. What stands here runs; nothing registers itself.
package all

import (
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/misconfig"
	"github.com/plinthsec/plinth/internal/read/arm"
	"github.com/plinthsec/plinth/internal/read/cloudformation"
	"github.com/plinthsec/plinth/internal/read/dockerfile"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
	"github.com/plinthsec/plinth/internal/read/plan"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/rules"
)

// Readers returns all readers, sorted by name.
func Readers() []plinth.Reader {
	return []plinth.Reader{arm.New(), cloudformation.New(), dockerfile.New(), kubernetes.New(), plan.New(), terraform.New()}
}

// Engines returns all engines with the rules that they are to run and what they are told, sorted by name.
func Engines(set *rule.Set, c *plinth.Config) []scan.Engine {
	m := misconfig.New(set)
	m.PodSecurity = c.PodSecurity
	return []scan.Engine{m}
}

// EngineNames lists the names that --only and --skip take beside rule ids.
func EngineNames() []string { return []string{misconfig.Name} }

// Rules loads the embedded rules and those of the folders.
func Rules(dirs []string) (*rule.Set, error) { return rule.Load(rules.FS, dirs...) }
