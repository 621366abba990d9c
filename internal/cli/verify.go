package cli

import (
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/collect/scm"
	"github.com/plinthsec/plinth/internal/engine/pipeline"
	"github.com/plinthsec/plinth/internal/engine/secret"
	"github.com/plinthsec/plinth/internal/engine/secret/verify"
	"github.com/plinthsec/plinth/internal/module"
	"github.com/plinthsec/plinth/internal/scan"
)

// newAsker returns who asks providers about secrets for all targets of a run, nil where --verify is not given.
func newAsker(s Streams, f *scanFlags) *verify.Asker {
	if !f.verify {
		return nil
	}
	client := s.HTTP
	if client == nil {
		client = module.NewClient()
	}
	return verify.New(client.Transport)
}

// askWith gives GitHub to the engine that judges pipelines, where --online is given.
func askWith(s Streams, f *scanFlags, c *plinth.Config, list []scan.Engine) {
	if !f.online {
		return
	}
	refs := &scm.Refs{Collector: asker(s, c)}
	for _, e := range list {
		if p, ok := e.(*pipeline.Engine); ok {
			p.Hub = refs
		}
	}
}

// verifyWith gives the asker to the engine that finds secrets.
func verifyWith(a *verify.Asker, list []scan.Engine) {
	for _, e := range list {
		if s, ok := e.(*secret.Engine); ok {
			s.Verify = a
		}
	}
}
