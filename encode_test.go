package plinth_test

import (
	"reflect"
	"testing"

	"github.com/plinthsec/plinth"
)

// every is a resource that has everything that a resource can have.
func every() *plinth.Resource {
	decl := &plinth.Declaration{
		Address: "module.a[0].aws_s3_bucket.b", Type: "aws_s3_bucket", At: plinth.Location{Path: "a/main.tf", Line: 3, Col: 1, EndLine: 9, EndCol: 2},
		Header: plinth.Location{Path: "a/main.tf", Line: 3, Col: 1, EndLine: 3, EndCol: 30}, Callers: []plinth.Location{{Path: "main.tf", Line: 7}},
	}
	from := &plinth.Origin{At: plinth.Location{Path: "variables.tf", Line: 2}, Path: "var.acl"}
	origin := &plinth.Origin{At: plinth.Location{Path: "a/main.tf", Line: 4, Col: 3}, Path: "acl", Decl: decl, From: from}
	acl := plinth.StringOf("private").WithOrigin(origin)
	list := plinth.ListOf([]plinth.Value{acl, plinth.NumberOf(-1.5), plinth.BoolOf(true), plinth.BoolOf(false), {}}).WithOrigin(origin)
	return &plinth.Resource{
		ID: "tf:.#module.a[0].aws_s3_bucket.b", Type: "AWS::S3::Bucket", Name: "b", Project: "p", Root: ".", Phase: plinth.Live, Decl: decl,
		Props: plinth.MapOf([]plinth.Field{
			{Key: "acl", Value: acl},
			{Key: "list", Value: list},
			{Key: "again", Value: list},
			{Key: "empty", Value: plinth.ListOf([]plinth.Value{})},
			{Key: "none", Value: plinth.MapOf([]plinth.Field{})},
			{Key: "set", Value: plinth.SetOf([]plinth.Value{plinth.StringOf("x")})},
			{Key: "secret", Value: plinth.StringOf("s").WithSensitive(true)},
			{Key: "nothing", Value: plinth.StringOf("")},
			{Key: "document", Value: plinth.StringOf("{}").WithDocument(plinth.MapOf([]plinth.Field{{Key: "k", Value: plinth.Value{}}}))},
			{Key: "unknown", Value: plinth.UnknownOf("var.x", "var.y").WithEnds("arn:", "/*").WithRefs(plinth.Ref{To: "aws_kms_key.k", Attr: "arn"})},
			{Key: "partial", Value: plinth.UnknownOf("var.z").WithPartial(plinth.ListOf([]plinth.Value{acl}))},
			{Key: "parts", Value: plinth.UnknownOf("var.z").WithParts([]plinth.Value{plinth.StringOf("a"), plinth.UnknownOf("var.z")})},
			{Key: "open", Value: plinth.UnknownOf("var.z").WithOpen([]plinth.OpenField{{Key: plinth.UnknownOf("each.key"), Value: acl}})},
		}),
		Source: plinth.MapOf([]plinth.Field{{Key: "acl", Value: acl}}), Data: true, External: true, Hung: true, Aliases: []plinth.ID{"arn:aws:s3:::b"},
		Terms: plinth.Context{Provider: "aws", Version: "~> 4.0", Defaults: plinth.MapOf([]plinth.Field{{Key: "t", Value: acl}}), Config: "aws.dev", Settings: list, Package: &plinth.Package{Source: "hashicorp/aws", Locked: "5.1.0", At: plinth.Location{Path: "v.tf", Line: 1}}},
	}
}

func TestEncodedIsTheSame(t *testing.T) {
	bare := &plinth.Resource{ID: "x"}
	problem := plinth.Problem{Kind: plinth.Broken, At: plinth.Location{Path: "a", Line: 1}, Text: "it is broken"}
	var e plinth.Encoder
	one := every()
	for _, r := range []*plinth.Resource{one, bare, one} {
		e.Resource(r)
	}
	e.Problem(problem)
	d := plinth.NewDecoder(string(e.Bytes()))
	first, second, third := d.Resource(), d.Resource(), d.Resource()
	if !reflect.DeepEqual(first, one) || !reflect.DeepEqual(second, bare) || !reflect.DeepEqual(third, one) {
		t.Errorf("got\n%+v\nwant\n%+v", first, one)
	}
	if got := d.Problem(); got != problem || d.Err() != nil || d.At() != len(e.Bytes()) {
		t.Errorf("%v %v, %d of %d bytes", got, d.Err(), d.At(), len(e.Bytes()))
	}
	acl := func(r *plinth.Resource) *plinth.Origin { v, _ := r.Source.Get("acl"); return v.Origin() }
	if first.Decl != third.Decl || acl(first) != acl(third) || acl(first).Decl != first.Decl {
		t.Error("what was shared is not shared any more")
	}
}

// TestEveryFieldIsEncoded: the resource of the test above has every field that there is, so that none is forgotten.
func TestEveryFieldIsEncoded(t *testing.T) {
	one := every()
	acl, _ := one.Source.Get("acl")
	for _, x := range []any{*one, one.Terms, *one.Terms.Package, *one.Decl, one.Decl.At, *acl.Origin()} {
		v := reflect.ValueOf(x)
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "Default" {
				t.Errorf("%T.%s: give it to every(), and teach Encoder and Decoder", x, name)
			}
		}
	}
	if value := reflect.TypeOf(plinth.Value{}); value.NumField() != 6 || value.Field(4).Type.Elem().NumField() != 11 {
		t.Error("values have further fields: teach Encoder and Decoder, and count here")
	}
}

func TestDamagedBytesAreTold(t *testing.T) {
	var e plinth.Encoder
	e.Resource(every())
	whole := string(e.Bytes())
	for n := range whole {
		d := plinth.NewDecoder(whole[:n])
		if d.Resource(); d.Err() == nil {
			t.Fatalf("the first %d of %d bytes pass for a resource", n, len(whole))
		}
	}
}

func FuzzDecoder(f *testing.F) {
	var e plinth.Encoder
	e.Resource(every())
	f.Add(string(e.Bytes()))
	f.Fuzz(func(t *testing.T, in string) {
		d := plinth.NewDecoder(in)
		r := d.Resource()
		if d.Err() != nil {
			return
		}
		var e plinth.Encoder
		e.Resource(r)
		again := plinth.NewDecoder(string(e.Bytes()))
		if got := again.Resource(); again.Err() != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%v: %+v became %+v", again.Err(), r, got)
		}
	})
}
