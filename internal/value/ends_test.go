package value

import (
	"testing"

	"github.com/plinthsec/plinth"
)

// TestEnds: an unknown text whose ends are known differs from what cannot be it, and from nothing else.
func TestEnds(t *testing.T) {
	open := plinth.UnknownOf("var.x").WithEnds("arn:aws:s3:::", "/*")
	for _, tc := range []struct {
		other plinth.Value
		want  Truth
	}{
		{plinth.StringOf("*"), False},
		{plinth.StringOf("arn:aws:s3:::a/*"), Undecided},
		{plinth.StringOf("arn:aws:s3:::/*"), Undecided},
		{plinth.StringOf("arn:aws:s3:::*"), False},
		{plinth.StringOf("arn:aws:s3:::a/b"), False},
		{plinth.Value{}, False},
		{plinth.NumberOf(1), False},
		{plinth.UnknownOf("var.y"), Undecided},
		{plinth.UnknownOf("var.y").WithEnds("arn:aws:", ""), Undecided},
		{plinth.UnknownOf("var.y").WithEnds("x", ""), False},
	} {
		for _, pair := range [][2]plinth.Value{{open, tc.other}, {tc.other, open}} {
			if got, _ := Equal(pair[0], pair[1]); got != tc.want {
				t.Errorf("%s and %s: %v, want %v", pair[0], pair[1], got, tc.want)
			}
		}
	}
	head, tail := Ends([]plinth.Value{plinth.StringOf("a"), plinth.UnknownOf("x").WithEnds("b", "c"), plinth.StringOf("d"), plinth.UnknownOf("y"), plinth.StringOf("e")})
	if head != "ab" || tail != "e" {
		t.Errorf("ends %q %q", head, tail)
	}
}
