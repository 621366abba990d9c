package policy

import (
	"strings"
	"testing"
)

func TestCloud(t *testing.T) {
	const policyDoc = `{"Doc":{"Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*","Principal":{"AWS":["*",{"$unknown":["a.b.arn"]}],"Service":"x"}}}}`
	for _, c := range []struct{ src, props, want string }{
		{`statements(p.Doc).exists(s, s.Effect == 'Allow' && wild(s, 's3:GetObject') && anyone(s) && '*' in s.Resource)`, policyDoc, "true"},
		{`statements(p.Doc).exists(s, 'Service:x' in s.Principal && s.NotAction == [] && s.Condition == {})`, policyDoc, "true"},
		{`statements(p.Doc).exists(s, wild(s, 's3:PutObject'))`, policyDoc, "false"},
		{`statements(p.?None).exists(s, true)`, `{}`, "false"},
		{`statements(p.Doc).exists(s, s.Effect == 'Allow')`, `{"Doc":"{\"Statement\":[{\"Effect\":\"Allow\"}]}"}`, "true"},
		{`statements(p.Doc).exists(s, wild(s, 'iam:PassRole'))`, `{"Doc":{"$json":{"Statement":[{"Effect":"Allow","Action":{"$unknown":["var.a"]}}]}}}`, "unknown: var.a"},
		{`statements(p.Doc).exists(s, wild(s, 'iam:PassRole'))`, `{"Doc":{"Statement":[{"NotAction":["s3:*"]}]}}`, "true"},
		{`statements(p.Doc).exists(s, anyone(s))`, `{"Doc":{"Statement":[{"Principal":{"AWS":{"$unknown":["var.a"]}}}]}}`, "unknown: var.a"},
		{`statements(p.Doc).exists(s, anyone(s))`, `{"Doc":{"$unknown":["var.doc"]}}`, "unknown: var.doc"},
		{`statements(p.Doc).exists(s, s.Action == ['a', 'b,]'])`, `{"Doc":"{\"Statement\":[{\"Action\":[\"a\",\"b,]\",\n],},]}"}`, "true"},
		{`world(p)`, `{"CidrIp":"0.0.0.0/0"}`, "true"},
		{`world(p)`, `{"CidrIpv6":"::/0"}`, "true"},
		{`world(p)`, `{"CidrIp":"10.0.0.0/8"}`, "false"},
		{`world(p)`, `{"CidrIp":{"$unknown":["var.c"]}}`, "unknown: var.c"},
		{`world(p.properties)`, `{"properties":{"sourceAddressPrefix":"Internet","direction":"Inbound"}}`, "true"},
		{`world(p)`, `{"properties":{"sourceAddressPrefix":"Internet","destinationAddressPrefix":"10.0.0.0/8","direction":"Outbound"}}`, "false"},
		{`world(p)`, `{"properties":{"sourceAddressPrefixes":["10.0.0.0/8","*"]}}`, "true"},
		{`world(p)`, `{"allowed":[],"sourceRanges":["0.0.0.0/0"]}`, "true"},
		{`world(p)`, `{"allowed":[]}`, "true"},
		{`world(p)`, `{"allowed":[],"sourceTags":["web"]}`, "false"},
		{`world('0.0.0.0/0') && world(['10.0.0.0/8', '::/0']) && !world('0.0.0.0/8') && !world(p.?No)`, `{}`, "true"},
		{`publicCidr('8.8.8.8/32') && !publicCidr('10.1.0.0/16') && publicCidr('10.0.0.0/7') && !publicCidr('fd00::/8') && publicCidr('1.2.3.4')`, `{}`, "true"},
		{`opens(p, 22)`, `{"IpProtocol":"tcp","FromPort":20,"ToPort":25}`, "true"},
		{`opens(p, 22)`, `{"IpProtocol":"tcp","FromPort":"80","ToPort":"443"}`, "false"},
		{`opens(p, 22)`, `{"IpProtocol":"udp","FromPort":22,"ToPort":22}`, "false"},
		{`opens(p, 22)`, `{"IpProtocol":-1}`, "true"},
		{`opens(p, 22)`, `{"IpProtocol":"tcp","FromPort":{"$unknown":["var.f"]},"ToPort":21}`, "false"},
		{`opens(p, 22)`, `{"IpProtocol":"tcp","FromPort":{"$unknown":["var.f"]},"ToPort":22}`, "unknown: var.f"},
		{`opens(p, 22)`, `{"Protocol":6,"PortRange":{"From":22,"To":22},"RuleAction":"allow"}`, "true"},
		{`opens(p, 22)`, `{"Protocol":-1,"RuleAction":"deny"}`, "false"},
		{`opens(p, 3389)`, `{"properties":{"protocol":"*","destinationPortRanges":["80","3000-4000"],"access":"Allow"}}`, "true"},
		{`opens(p, 3389)`, `{"properties":{"protocol":"*","destinationPortRange":"80"}}`, "false"},
		{`opens(p, 3389)`, `{"protocol":"Tcp","destinationPortRange":"*"}`, "true"},
		{`opens(p, 22)`, `{"allowed":[{"IPProtocol":"udp"},{"IPProtocol":"tcp","ports":["22","80-90"]}]}`, "true"},
		{`opens(p, 22)`, `{"allowed":[{"IPProtocol":"all"}]}`, "true"},
		{`opens(p, 22)`, `{"denied":[{"IPProtocol":"all"}]}`, "false"},
		{`image('nginx:1.2') == {'registry':'docker.io','repository':'nginx','tag':'1.2','digest':''}`, `{}`, "true"},
		{`image('r.io:5000/a/b@sha256:ab') == {'registry':'r.io:5000','repository':'a/b','tag':'','digest':'sha256:ab'}`, `{}`, "true"},
		{`image(p.?I).tag == ''`, `{"I":{"$unknown":["var.i"]}}`, "unknown: var.i"},
		{`related(p.A, 'T').size() > 0`, `{}`, "error: 1:8: related follows the relations of a whole resource: p, or one that related() or resources() gave"},
		{`related(p, 'T').size() > 0`, `{}`, "false"},
		{strings.Repeat("p.I + ", 60) + "p.I == 0", `{"I":{"$unknown":["var.i"]}}`, "unknown: var.i"}, // each side once
	} {
		if got := ask(t, c.src, c.props); got != c.want {
			t.Errorf("%s on %s\n got %s\nwant %s", c.src, c.props, got, c.want)
		}
	}
}
