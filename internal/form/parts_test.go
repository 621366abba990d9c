package form

import (
	"testing"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/value"
)

func refTo(address string) plinth.Value {
	return plinth.UnknownOf(address + ".id").WithRefs(plinth.Ref{To: address, Attr: "id"})
}

func with(r *plinth.Resource, name string, v plinth.Value) *plinth.Resource {
	r.Source = plinth.MapOf(append(append([]plinth.Field{}, r.Source.Fields()...), plinth.Field{Key: name, Value: v}))
	return r
}

func complete(t *testing.T, in ...*plinth.Resource) map[string]*plinth.Resource {
	t.Helper()
	out := map[string]*plinth.Resource{}
	for _, r := range Complete(in, func(p plinth.Problem) { t.Error(p.Text) }) {
		key := r.Decl.Address
		if r.External {
			key += "^"
		}
		if r.Hung {
			key += "/" + r.Type
		}
		out[key] = r
	}
	return out
}

func at(t *testing.T, r *plinth.Resource, keys ...string) string {
	t.Helper()
	if r == nil {
		return "no resource"
	}
	v, ok := r.Props.At(keys...)
	if !ok {
		return "absent"
	}
	return v.String()
}

// TestPartJoins: by reference, by an equal literal, by instance; a part of something that is not in the code makes an
// external resource, and an unknown reference leaves the candidates open.
func TestPartJoins(t *testing.T) {
	status := `{"versioning_configuration":[{"status":"Enabled"}]}`
	bucket := func(address, name string) *plinth.Resource {
		return resource(t, "aws_s3_bucket", address, `{"bucket":"`+name+`"}`)
	}
	versioning := func(address string) *plinth.Resource {
		return resource(t, "aws_s3_bucket_versioning", address, status)
	}
	path := []string{"VersioningConfiguration", "Status"}

	got := complete(t, bucket("aws_s3_bucket.a", "one"), bucket("aws_s3_bucket.b", "two"), with(versioning("aws_s3_bucket_versioning.v"), "bucket", refTo("aws_s3_bucket.b")))
	if a, b := at(t, got["aws_s3_bucket.a"], path...), at(t, got["aws_s3_bucket.b"], path...); a != "absent" || b != `"Enabled"` {
		t.Errorf("by reference: a %s, b %s", a, b)
	}
	got = complete(t, bucket("aws_s3_bucket.a", "one"), with(versioning("aws_s3_bucket_versioning.v"), "bucket", plinth.StringOf("one")))
	if a := at(t, got["aws_s3_bucket.a"], path...); a != `"Enabled"` {
		t.Errorf("by literal: %s", a)
	}
	got = complete(t, bucket(`aws_s3_bucket.a["x"]`, "one"), bucket(`aws_s3_bucket.a["y"]`, "two"),
		with(versioning(`aws_s3_bucket_versioning.v["y"]`), "bucket", refTo(`aws_s3_bucket.a["y"]`)))
	if x, y := at(t, got[`aws_s3_bucket.a["x"]`], path...), at(t, got[`aws_s3_bucket.a["y"]`], path...); x != "absent" || y != `"Enabled"` {
		t.Errorf("by instance: x %s, y %s", x, y)
	}
	got = complete(t, bucket("aws_s3_bucket.a", "one"), with(versioning("aws_s3_bucket_versioning.v"), "bucket", plinth.UnknownOf("var.bucket")))
	if a := at(t, got["aws_s3_bucket.a"], path...); a != "<unknown: aws_s3_bucket_versioning.v>" {
		t.Errorf("candidate: %s", a)
	}
	x := got["aws_s3_bucket_versioning.v^"]
	if x == nil || !x.Props.Partial() {
		t.Fatal("no external bucket")
	}
	doc, _ := x.Props.Document()
	inner, _ := doc.Get("VersioningConfiguration")
	if !inner.Partial() {
		t.Errorf("an object of an external resource may hold more: %s", inner)
	}
}

func TestDefaults(t *testing.T) {
	block := resource(t, "aws_s3_bucket_public_access_block", "aws_s3_bucket_public_access_block.p", `{"block_public_acls":true}`)
	got := complete(t, resource(t, "aws_s3_bucket", "aws_s3_bucket.a", `{}`), with(block, "bucket", refTo("aws_s3_bucket.a")))
	v, _ := got["aws_s3_bucket.a"].Props.At("PublicAccessBlockConfiguration", "RestrictPublicBuckets")
	if v.String() != "false" || v.Origin() == nil || !v.Origin().Default {
		t.Errorf("default of a part: %s", v)
	}
	bare := complete(t, resource(t, "aws_s3_bucket", "aws_s3_bucket.a", `{}`))
	if s := at(t, bare["aws_s3_bucket.a"], "PublicAccessBlockConfiguration"); s != "absent" {
		t.Errorf("a part's default without the part: %s", s)
	}
}

func TestVersions(t *testing.T) {
	for _, tc := range []struct {
		constraint, version string
		want                bool
	}{
		{"", "4.0", false},
		{"~> 3.0", "4.0", true},
		{"~> 3.74.1", "4.0", true},
		{">= 3.0", "4.0", false},
		{">= 3.0, < 4.0", "4.0", true},
		{"3.76.1", "4.0", true},
		{"= 4.1", "4.0", false},
		{"~> 4", "4.0", false},
		{"< 5", "4.0", false},
		{"nonsense", "4.0", false},
	} {
		if got := before(tc.constraint, tc.version); got != tc.want {
			t.Errorf("before(%q, %q) = %v", tc.constraint, tc.version, got)
		}
	}
}

func TestBareAddress(t *testing.T) {
	for in, want := range map[string]string{
		"a.b": "a.b", `module.m["x.y"].a.b[0]`: "module.m.a.b", `a.b["]"]`: "a.b", `a.b["q\"]x"].c`: "a.b.c",
	} {
		if got := bare(in); got != want {
			t.Errorf("bare(%s) = %s, want %s", in, got, want)
		}
	}
	if !mayBe("module.m[*].a.b", `module.m["x"].a.b`) || mayBe(`module.m["y"].a.b`, `module.m["x"].a.b`) {
		t.Error("instance keys")
	}
}

func TestAPartNamesItsOwnerInOneOfSeveralWays(t *testing.T) {
	for _, by := range []string{"storage_account_id", "storage_account_name"} {
		account := resource(t, "azurerm_storage_account", "azurerm_storage_account.a", `{"name":"store"}`)
		other := resource(t, "azurerm_storage_account", "azurerm_storage_account.b", `{"name":"other"}`)
		rules := resource(t, "azurerm_storage_account_network_rules", "azurerm_storage_account_network_rules.r", `{"default_action":"Deny","`+by+`":"store"}`)
		for _, r := range Complete([]*plinth.Resource{account, other, rules}, func(p plinth.Problem) { t.Error(p) }) {
			if r.External || !value.Known(r.Props) {
				t.Errorf("%s: %s is %v", by, r.Decl.Address, r.Props)
			}
		}
		if v, _ := account.Props.At("properties", "networkAcls", "defaultAction"); v.Str() != "Deny" {
			t.Errorf("%s: defaultAction is %v", by, v)
		}
	}
}
