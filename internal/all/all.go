// Package all is the one list of readers and engines. What stands here runs; nothing registers itself.
package all

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/engine/ai"
	"github.com/plinthsec/plinth/internal/engine/attack"
	"github.com/plinthsec/plinth/internal/engine/iam"
	"github.com/plinthsec/plinth/internal/engine/misconfig"
	"github.com/plinthsec/plinth/internal/engine/network"
	"github.com/plinthsec/plinth/internal/engine/pipeline"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/internal/read/arm"
	"github.com/plinthsec/plinth/internal/read/cloudformation"
	"github.com/plinthsec/plinth/internal/read/compose"
	"github.com/plinthsec/plinth/internal/read/deploymentmanager"
	"github.com/plinthsec/plinth/internal/read/dockerfile"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
	readpipeline "github.com/plinthsec/plinth/internal/read/pipeline"
	"github.com/plinthsec/plinth/internal/read/plan"
	"github.com/plinthsec/plinth/internal/read/scm"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/rule"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/rules"
)

// Readers returns the readers of infrastructure, sorted by name.
func Readers() []plinth.Reader {
	return []plinth.Reader{arm.New(), cloudformation.New(), compose.New(), deploymentmanager.New(), dockerfile.New(), kubernetes.New(), plan.New(), scm.New(), terraform.New()}
}

// PipelineReaders returns the readers that the audits of pipelines need; nothing else asks for what they read.
func PipelineReaders() []plinth.Reader { return []plinth.Reader{readpipeline.New()} }

// Engines returns all engines with the rules and audits that they are to run and what they are told. An engine without rules is left
// out: it would have every file read for nothing.
func Engines(set *rule.Set, audits []*plinth.Rule, secrets *secret.Set, c *plinth.Config) []scan.Engine {
	var out []scan.Engine
	of := func(engine string) []*plinth.Rule {
		return slices.DeleteFunc(slices.Clone(audits), func(r *plinth.Rule) bool { return r.Engine != engine })
	}
	if list := of(ai.Name); len(list) > 0 {
		out = append(out, ai.New(list))
	}
	if list := of(iam.Name); len(list) > 0 {
		out = append(out, iam.New(list))
	}
	m := misconfig.New(set)
	m.PodSecurity = c.PodSecurity
	out = append(out, m)
	if list := of(network.Name); len(list) > 0 {
		out = append(out, network.New(list))
	}
	if list := of(pipeline.Name); len(list) > 0 {
		p := pipeline.New(list)
		p.Plain, p.Allow, p.Deny = c.IgnoreRepo, c.AllowUses, c.DenyUses
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
	return []string{ai.Name, attack.Name, iam.Name, misconfig.Name, network.Name, pipeline.Name, "rego", secret.Name}
}

// Draws tells whether the names ask for the security graph, which attack.Draw draws.
func Draws(only, skip []string) bool {
	return (len(only) == 0 || slices.Contains(only, attack.Name)) && !slices.Contains(skip, attack.Name)
}

// Audits returns what the engines look for that no rule file says, by engine and id.
func Audits() ([]*plinth.Rule, error) {
	var out []*plinth.Rule
	for _, read := range []func() ([]*plinth.Rule, error){ai.Audits, iam.Audits, network.Audits, pipeline.Audits} {
		list, err := read()
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// Asked returns the audits that the names ask for.
func Asked(audits []*plinth.Rule, only, skip []string) []*plinth.Rule {
	return rule.Chosen(audits, only, skip)
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
