package form

import "testing"

// TestArgument: the user's word for a property, also of one that is missing.
func TestArgument(t *testing.T) {
	for _, tc := range []struct{ tf, path, want string }{
		{"aws_ebs_volume", "Encrypted", "encrypted"},
		{"aws_instance", "MetadataOptions.HttpTokens", "metadata_options.http_tokens"},
		{"aws_s3_bucket", "PublicAccessBlockConfiguration.BlockPublicAcls", "aws_s3_bucket_public_access_block.block_public_acls"},
		{"aws_ebs_volume", "NoSuchProperty", ""},
	} {
		got := complete(t, resource(t, tc.tf, tc.tf+".a", `{}`))
		if words := Argument(got[tc.tf+".a"], tc.path); words != tc.want {
			t.Errorf("%s %s: %q, want %q", tc.tf, tc.path, words, tc.want)
		}
	}
}
