package network_test

import (
	"testing"

	"github.com/plinthsec/plinth/internal/engine/network"
	"github.com/plinthsec/plinth/internal/read/kubernetes"
	"github.com/plinthsec/plinth/internal/read/terraform"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/trial/trialtest"
)

var _ scan.Engine = (*network.Engine)(nil)

func TestAudits(t *testing.T) {
	list, err := network.Audits()
	if err != nil {
		t.Fatal(err)
	}
	trialtest.Audits(t, list, network.New(list), kubernetes.New(), terraform.New())
}
