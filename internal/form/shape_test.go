package form

import (
	"strings"
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

func resource(t *testing.T, tf, address, source string) *plinth.Resource {
	t.Helper()
	v, err := value.ParseJSON(source)
	if err != nil {
		t.Fatal(err)
	}
	return &plinth.Resource{ID: plinth.ID("tf:#" + address), Decl: &plinth.Declaration{Address: address, Type: tf}, Source: v}
}

func TestEveryEntryIsReadable(t *testing.T) {
	tables, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, tf := range tables.Types() {
		if _, err := tables.entry(tf); err != nil {
			t.Error(err)
		}
	}
}

func TestShapes(t *testing.T) {
	for _, tc := range []struct{ name, tf, source, typ, path, want string }{
		{
			"a parameter group is a map", "aws_db_parameter_group", `{"parameter":[{"name":"log_statement","value":"all"},{"name":"x"}]}`,
			"AWS::RDS::DBParameterGroup", "Parameters", `{log_statement: "all"}`,
		},
		{
			"log settings by kind of log", "aws_opensearch_domain", `{"log_publishing_options":[{"log_type":"AUDIT_LOGS","cloudwatch_log_group_arn":"a"}]}`,
			"AWS::OpenSearchService::Domain", "LogPublishingOptions", `{AUDIT_LOGS: {CloudWatchLogsLogGroupArn: "a", Enabled: true}}`,
		},
		{
			"keys of container definitions", "aws_ecs_task_definition", `{"container_definitions":"[{\"name\":\"a\",\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-group\":\"g\"}}}]"}`,
			"AWS::ECS::TaskDefinition", "ContainerDefinitions", `[{LogConfiguration: {LogDriver: "awslogs", Options: {awslogs-group: "g"}}, Name: "a"}]`,
		},
		{
			"root and further disks", "aws_instance", `{"root_block_device":[{"encrypted":true}],"ebs_block_device":[{"device_name":"/dev/sdg"}]}`,
			"AWS::EC2::Instance", "BlockDeviceMappings", `[{DeviceName: "/dev/sdg", Ebs: {Encrypted: false}}, {DeviceName: "root", Ebs: {Encrypted: true}}]`,
		},
		{
			"attributes by key", "aws_lb", `{"drop_invalid_header_fields":true}`,
			"AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerAttributes", `{Key: "routing.http.drop_invalid_header_fields.enabled", Value: "true"}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := Complete([]*plinth.Resource{resource(t, tc.tf, tc.tf+".a", tc.source)}, func(p plinth.Problem) { t.Error(p.Text) })
			if len(out) != 1 || out[0].Type != tc.typ {
				t.Fatalf("got %d resources, first %q", len(out), out[0].Type)
			}
			got, _ := out[0].Props.Get(tc.path)
			if !strings.Contains(got.String(), tc.want) {
				t.Errorf("%s is %s, want %s", tc.path, got, tc.want)
			}
		})
	}
}

func TestHangingElements(t *testing.T) {
	in := resource(t, "aws_network_acl", "aws_network_acl.a", `{"vpc_id":"v","ingress":[{"from_port":22,"to_port":22,"cidr_block":"0.0.0.0/0","action":"allow","protocol":"tcp"},{"from_port":1,"to_port":2,"protocol":"udp"}],"egress":[{"from_port":0,"to_port":0,"protocol":"-1"}]}`)
	out := Complete([]*plinth.Resource{in}, func(p plinth.Problem) { t.Error(p.Text) })
	if len(out) != 4 {
		t.Fatalf("got %d resources, want the list and its three entries", len(out))
	}
	ids := map[plinth.ID]bool{}
	for _, r := range out[1:] {
		if r.Type != "AWS::EC2::NetworkAclEntry" || ids[r.ID] || !r.Hung {
			t.Errorf("%s is a %s", r.ID, r.Type)
		}
		ids[r.ID] = true
	}
	if got := out[1].Props.String(); !strings.Contains(got, `PortRange: {From: 22, To: 22}`) || !strings.Contains(got, `Egress: false`) {
		t.Error(got)
	}
	if got := out[3].Props.String(); !strings.Contains(got, `Egress: true`) {
		t.Error(got)
	}
}

func TestPartsOfTwoTypes(t *testing.T) {
	for _, tc := range []struct{ owner, ref, want string }{
		{"aws_security_group", "aws_security_group.g", "AWS::EC2::SecurityGroup"},
		{"aws_default_security_group", "aws_default_security_group.g", "AWS::EC2::SecurityGroup"},
		{"aws_vpc", "aws_security_group.elsewhere", "AWS::EC2::VPC AWS::EC2::SecurityGroup"},
	} {
		group := resource(t, tc.owner, tc.owner+".g", `{}`)
		rule := resource(t, "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_ingress_rule.r", `{"ip_protocol":"-1","cidr_ipv4":"0.0.0.0/0"}`)
		id := plinth.UnknownOf(tc.ref + ".id").WithRefs(plinth.Ref{To: tc.ref, Attr: "id"})
		rule.Source = plinth.MapOf(append([]plinth.Field{{Key: "security_group_id", Value: id}}, rule.Source.Fields()...))
		var types []string
		for _, r := range Complete([]*plinth.Resource{group, rule}, func(p plinth.Problem) { t.Error(p.Text) }) {
			if !strings.HasPrefix(r.Type, "terraform:") {
				types = append(types, r.Type)
			}
		}
		if got := strings.Join(types, " "); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.owner, got, tc.want)
		}
	}
}

func TestModuleCalls(t *testing.T) {
	call := func(source string) *plinth.Resource {
		r := resource(t, "module", "module.logs", `{"source":"`+source+`","bucket":"b","versioning":{"enabled":true}}`)
		r.Data = true
		return r
	}
	inside := resource(t, "aws_sqs_queue", "module.logs.aws_sqs_queue.q", `{}`)
	for _, tc := range []struct {
		source string
		beside []*plinth.Resource
		want   int
	}{
		{"terraform-aws-modules/s3-bucket/aws", nil, 1},
		{"registry.terraform.io/terraform-aws-modules/s3-bucket/aws", nil, 1},
		{"git::https://github.com/terraform-aws-modules/terraform-aws-s3-bucket.git?ref=v4.1.0", nil, 1},
		{"terraform-aws-modules/s3-bucket/aws//modules/object", nil, 0},
		{"./s3-bucket", nil, 0},
		{"terraform-aws-modules/s3-bucket/aws", []*plinth.Resource{inside}, 0},
	} {
		n := 0
		for _, r := range Complete(append(tc.beside, call(tc.source)), func(p plinth.Problem) { t.Error(p.Text) }) {
			if r.Type != "AWS::S3::Bucket" {
				continue
			}
			n++
			if got := r.Props.String(); r.Decl.Address != "module.logs" || !strings.Contains(got, `Status: "Enabled"`) {
				t.Errorf("%s: %s %s", tc.source, r.Decl.Address, got)
			}
		}
		if n != tc.want {
			t.Errorf("%s: %d buckets, want %d", tc.source, n, tc.want)
		}
	}
}
