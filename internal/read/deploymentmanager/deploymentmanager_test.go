package deploymentmanager_test

import (
	"testing"

	"github.com/plinthsec/plinth/internal/read/deploymentmanager"
	"github.com/plinthsec/plinth/internal/read/readtest"
)

const sample = `imports:
- path: vm.jinja
resources:
- name: shop-net
  type: compute.v1.network
  properties:
    autoCreateSubnetworks: false
- name: shop-ssh
  type: gcp-types/compute-v1:firewalls
  properties:
    network: $(ref.shop-net.selfLink)
    sourceRanges: [0.0.0.0/0]
    allowed:
    - IPProtocol: TCP
      ports: ["22"]
- name: shop-vm
  type: vm.jinja
`

func TestGolden(t *testing.T) { readtest.Golden(t, deploymentmanager.New(), "testdata/*.txtar") }

func TestHostile(t *testing.T) {
	readtest.Hostile(t, deploymentmanager.New(), "deployment.yaml", sample)
}

func TestWants(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"deployment.yaml", sample, true},
		{"shop.json", `{"resources":[{"name":"a","type":"storage.v1.bucket"}]}`, true},
		{"shop.json", "{\n  \"resources\": [\n    {\"type\": \"compute.beta.subnetwork\", \"name\": \"a\"}\n  ]\n}", true},
		{"shop.txt", sample, false},
		{"shop.yaml", "resources:\n- name: a\n  type: vm.jinja\n", false},
		{"kustomization.yaml", "resources:\n- deployment.yaml\n", false},
		{"arm.json", `{"contentVersion":"1.0.0.0","resources":[{"name":"a","type":"Microsoft.Storage/storageAccounts"}]}`, false},
		{"cfn.yaml", "Resources:\n  A:\n    Type: AWS::S3::Bucket\n", false},
		{"k8s.yaml", "apiVersion: v1\nkind: X\nresources:\n- name: a\n  type: storage.v1.bucket\n", false},
	} {
		if got := deploymentmanager.New().Wants(c.name, []byte(c.text)); got != c.want {
			t.Errorf("Wants(%s, %q) = %v", c.name, c.text, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"resources":[{"name":"a","type":"storage.v1.bucket","properties":{"name":"x$(ref.b.c)y$(ref."}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		readtest.Print(readtest.Run(t, deploymentmanager.New(), map[string]string{"deployment.yaml": string(data)}))
	})
}
