package rules_test

import (
	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/dockerfile"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
)

func readers() []plinth.Reader { return []plinth.Reader{dockerfile.New(), kubernetes.New()} }
