package cloud_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/plinthsec/plinth/internal/golden"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/all"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/reach/cloud"
	"github.com/plinthsec/plinth/internal/scan"
	"github.com/plinthsec/plinth/internal/tree"
	"github.com/plinthsec/plinth/internal/value"
)

// TestGolden compares the connections of small networks with what is written beside them.
func TestGolden(t *testing.T) { golden.Run(t, "testdata/*.txtar", connections) }

// connections lists the connections of a folder, each with the lines that prove it.
func connections(t *testing.T, files map[string]string) string {
	t.Helper()
	run := &scan.Run{Config: &plinth.Config{}, Readers: all.Readers()}
	res, err := run.Scan(context.Background(), tree.Memory(".", files))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Problems {
		t.Errorf("%s:%d: %s", p.At.Path, p.At.Line, p.Text)
	}
	var b strings.Builder
	for _, c := range cloud.New(graph.New(res.Resources)).Connections() {
		var lines []string
		for _, s := range c.Because {
			if s.Note == "" || s.At.Line == 0 {
				t.Errorf("%s → %s: a step without a place: %+v", c.FromName, c.ToName, s)
			}
			lines = append(lines, fmt.Sprint(s.At.Line))
		}
		fmt.Fprintf(&b, "%s → %s : %s (%s)", c.FromName, c.ToName, c.Allow, strings.Join(lines, " "))
		if len(c.When) > 0 {
			fmt.Fprintf(&b, " if %s", strings.Join(c.When, " and "))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// FuzzNew gives any list of resources to the evaluation.
func FuzzNew(f *testing.F) {
	f.Add(`[{"type":"AWS::EC2::SecurityGroup","SecurityGroupIngress":[{"CidrIp":"0.0.0.0/0","FromPort":-1,"ToPort":1e99,"IpProtocol":"tcp"},{"CidrIp":"1.2.3.4/33"},7]},{"type":"AWS::EC2::Instance","SecurityGroupIds":["tf:.#0"],"NetworkInterfaces":[{"AssociatePublicIpAddress":true},null]}]`)
	f.Add(`[{"type":"AWS::ElasticLoadBalancingV2::LoadBalancer","SecurityGroups":["x"],"IpAddressType":"dualstack"},{"type":"AWS::ElasticLoadBalancing::LoadBalancer","Listeners":[{"LoadBalancerPort":"99999"}]},{"type":"AWS::EC2::Route","RouteTableId":"a","DestinationCidrBlock":"::/0"}]`)
	f.Add(`[{"type":"Microsoft.Network/networkSecurityGroups","properties":{"securityRules":[{"properties":{"priority":"x","destinationPortRange":"70000-1","sourceAddressPrefix":"*"}}]}},{"type":"compute.googleapis.com/Firewall","allowed":[{"IPProtocol":"tcp","ports":["0-65536","a-b"]}]},{"type":"compute.googleapis.com/Instance","networkInterfaces":[{"accessConfigs":[{}]}]}]`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := value.ParseJSON(text)
		if err != nil || list.Len() > 30 {
			return
		}
		var resources []*plinth.Resource
		for i, v := range list.List() {
			typ, _ := v.Get("type")
			id := fmt.Sprintf("tf:.#%d", i)
			resources = append(resources, &plinth.Resource{ID: plinth.ID(id), Type: typ.Str(), Props: v, Source: v, Decl: &plinth.Declaration{Address: id}})
		}
		for _, c := range cloud.New(graph.New(resources)).Connections() {
			if c.Allow.Empty() || c.FromName == "" || c.ToName == "" {
				t.Errorf("%s → %s: %s", c.FromName, c.ToName, c.Allow)
			}
		}
	})
}
