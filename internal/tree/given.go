package tree

import (
	"testing/fstest"

	"github.com/plinthsec/plinth"
)

// Given makes a target of what somebody has fetched, with what he could not fetch. kind is shown in reports.
func Given(name, kind string, files map[string][]byte, faults []plinth.Problem) *Tree {
	m := fstest.MapFS{}
	for p, data := range files {
		m[p] = &fstest.MapFile{Data: data, Mode: 0o644}
	}
	return &Tree{Name: name, Kind: kind, FS: m, faults: faults}
}
