package form

import (
	"testing"

	"github.com/plinthsec/plinth"
)

func TestPart(t *testing.T) {
	for typ, want := range map[string]bool{"google_organization_iam_binding": true, "google_project": false, "aws_s3_bucket_versioning": true, "no_such": false} {
		if got := Part(typ); got != want {
			t.Errorf("%s: %v", typ, got)
		}
	}
}

// What a rule advises is told in the words of the source.
func TestAdvice(t *testing.T) {
	for _, c := range []struct{ typ, declared, words, want string }{
		{"AWS::ElastiCache::ReplicationGroup", "AWS::ElastiCache::ReplicationGroup", "Set at_rest_encryption_enabled to true.", "Set AtRestEncryptionEnabled to true."},
		{"AWS::EC2::Instance", "AWS::EC2::Instance", "Set http_tokens to required, or turn the metadata service off.", "Set MetadataOptions.HttpTokens to required, or turn the metadata service off."},
		{"AWS::EC2::Instance", "aws_instance", "Set http_tokens to required.", "Set http_tokens to required."},
		{"AWS::S3::Bucket", "AWS::S3::Bucket", "Turn all four switches of aws_s3_bucket_public_access_block on.", "Turn all four switches of PublicAccessBlockConfiguration on."},
		{"AWS::S3::Bucket", "AWS::S3::Bucket", "Add an aws_s3_bucket_public_access_block.", "Add a PublicAccessBlockConfiguration."},
		{
			"AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancingV2::LoadBalancer", "Set enable_cross_zone_load_balancing to true.",
			"Set LoadBalancerAttributes[Key=load_balancing.cross_zone.enabled].Value to true.",
		},
		{"AWS::SNS::Topic", "AWS::SNS::Topic", "Set no_such_argument, e.g. x.", "Set no_such_argument, e.g. x."},
	} {
		r := &plinth.Resource{Type: c.typ, Decl: &plinth.Declaration{Type: c.declared}}
		if c.typ != c.declared {
			r.Source = plinth.MapOf(nil)
		}
		if got := Advice(r, c.words); got != c.want {
			t.Errorf("%s: %q, want %q", c.typ, got, c.want)
		}
	}
}
