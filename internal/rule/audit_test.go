package rule

import (
	"strings"
	"testing"
)

func TestAudits(t *testing.T) {
	text := "zz: {title: Z, why: w, fix: f, severity: low}\nopen: {title: O, why: w, fix: f, severity: high, aliases: [PEER_1], cwe: [CWE-1]}\n"
	list, err := Audits("net", "audits.yaml", []byte(text))
	if err != nil || len(list) != 2 || list[0].ID != "net-open" || list[0].Engine != "net" || list[0].CWE[0] != "CWE-1" {
		t.Fatal(err, list)
	}
	for _, tc := range []struct {
		only, skip string
		want       int
	}{{"", "", 2}, {"net", "", 2}, {"net-*", "net-open", 1}, {"PEER_1", "", 1}, {"", "net", 0}, {"other", "", 0}} {
		if got := len(Chosen(list, strings.Fields(tc.only), strings.Fields(tc.skip))); got != tc.want {
			t.Errorf("only %q skip %q: %d audits, want %d", tc.only, tc.skip, got, tc.want)
		}
	}
	for text, want := range map[string]string{
		"a: {title: A, why: w, fix: f}": "a wants", "a: {title: A, why: w, fix: f, severity: grave}": "a wants", "a: [": "audits.yaml:1",
	} {
		if _, err := Audits("net", "audits.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
