// Package all is the one list of readers and engines. What stands here runs; nothing registers itself.
package all

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/attack"
	"github.com/plinthsec/plinth/internal/engine/iam"
	"github.com/plinthsec/plinth/internal/engine/misconfig"
	"github.com/plinthsec/plinth/internal/engine/network"
	"github.com/plinthsec/plinth/internal/engine/pipeline"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/internal/read/arm"
	"github.com/plinthsec/plinth/internal/read/cloudformation"
	"github.com/plinthsec/plinth/internal/read/dockerfile"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
	readpipeline "github.com/plinthsec/plinth/internal/read/pipeline"
	"github.com/plinthsec/plinth/internal/read/plan"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/rules"
)

// Readers returns the readers of infrastructure, sorted by name.
func Readers() []plinth.Reader {
	return []plinth.Reader{arm.New(), cloudformation.New(), dockerfile.New(), kubernetes.New(), plan.New(), terraform.New()}
}

// PipelineReaders returns the readers that the audits of pipelines need; nothing else asks for what they read.
func PipelineReaders() []plinth.Reader { return []plinth.Reader{readpipeline.New()} }

// Engines returns all engines with the rules that they are to run and what they are told, sorted by name. An engine of files
// without rules is left out: it would have every file read for nothing.
func Engines(set *rule.Set, audits []*pipeline.Audit, secrets *secret.Set, c *plinth.Config) []scan.Engine {
	m := misconfig.New(set)
	m.PodSecurity = c.PodSecurity
	out := []scan.Engine{m}
	if list, err := iam.Audits(); err == nil { // a test holds the text
		if list = iam.Select(list, c.Only, c.Skip); len(list) > 0 {
			out = append([]scan.Engine{iam.New(list)}, out...)
		}
	}
	if list, err := network.Audits(); err == nil { // a test holds the text
		if list = network.Select(list, c.Only, c.Skip); len(list) > 0 {
			out = append(out, network.New(list))
		}
	}
	if len(audits) > 0 {
		p := pipeline.New(audits)
		p.Plain = c.IgnoreRepo
		out = append(out, p)
	}
	if secrets != nil && secrets.Len() > 0 {
		s := secret.New(secrets)
		s.Plain = c.IgnoreRepo
		out = append(out, s)
	}
	return out
}

// EngineNames lists the names that --only and --skip take beside rule ids.
func EngineNames() []string {
	return []string{attack.Name, iam.Name, misconfig.Name, network.Name, pipeline.Name, secret.Name}
}

// Draws tells whether the names ask for the security graph, which attack.Draw draws.
func Draws(only, skip []string) bool {
	return (len(only) == 0 || slices.Contains(only, attack.Name)) && !slices.Contains(skip, attack.Name)
}

// Audits returns the audits of pipelines that the names ask for; without names there are none, as of secrets.
func Audits(only, skip []string) ([]*pipeline.Audit, error) {
	if len(only) == 0 {
		return nil, nil
	}
	list, err := pipeline.Audits()
	return pipeline.Select(list, only, skip), err
}

// Rules loads the embedded rules for resources and those of the folders.
func Rules(dirs []string) (*rule.Set, error) { return rule.Load(rules.FS, folders(dirs)...) }

// Secrets loads the embedded rules for secrets, those of the folders, and those of gitleaks configurations.
func Secrets(dirs []string) (*secret.Set, error) {
	set, err := secret.Load(rules.Secrets(), folders(dirs)...)
	for _, name := range dirs {
		if err != nil || filepath.Ext(name) != ".toml" {
			continue
		}
		var data []byte
		if data, err = os.ReadFile(name); err != nil {
			return nil, fmt.Errorf("load rules: %w", err)
		}
		set, err = secret.Config(filepath.ToSlash(name), data, os.ReadFile, set)
	}
	return set, err
}

// folders leaves out single files, which are in the form of a peer.
func folders(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(p string) bool { return filepath.Ext(p) == ".toml" })
}
