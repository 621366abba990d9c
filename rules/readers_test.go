package rules_test

import (
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
)

func readers() []plinth.Reader { return all.Readers() }
