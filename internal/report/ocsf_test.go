package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/plinthsec/plinth"
)

// TestOCSF reads the events as a lake does: one a line, in the numbers of their class, and with what the class asks for.
func TestOCSF(t *testing.T) {
	r := sample()
	r.Time = time.Unix(1_700_000_000, 0)
	secret := plinth.Finding{
		Key: "k4", At: plinth.Location{Path: "app.env", Line: 2}, Message: "a key", Verdict: plinth.Fail,
		Rule: &plinth.Rule{ID: "secret-key", Engine: "secret", Title: "A key is in a file", Fix: "Revoke it.", Severity: plinth.Critical, CWE: []string{"CWE-798"}, Attack: []string{"T1552.001"}},
	}
	unsure := secret
	unsure.Verdict = plinth.Undecided
	r.Findings = append(r.Findings, Finding{".", &secret}, Finding{".", &unsure})
	text := write(t, func(b *bytes.Buffer) error { return writeOCSF(b, r, Options{}) })
	var got []ocsfEvent
	for line := range strings.Lines(text) {
		var e ocsfEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.TypeID != e.ClassID*100+e.ActivityID || e.ClassID/1000 != e.CategoryID || e.Time != 1_700_000_000_000 || e.Class == "" {
			t.Errorf("numbers do not agree: %s", line)
		}
		got = append(got, e)
	}
	end := got[len(got)-1]
	if end.ClassID != ocsfScan || end.StatusID != 2 || !strings.Contains(text, `"unmapped":{"problems":[{"kind":`) {
		t.Errorf("the run itself: %s", text[strings.LastIndex(strings.TrimSpace(text), "\n")+1:])
	}
	if len(got) != 5 {
		t.Fatalf("%d events: %s", len(got), text)
	}
	fail, unknown, silenced, posture := got[0], got[1], got[2], got[3]
	if fail.ClassID != ocsfCompliance || fail.Compliance.StatusID != 3 || fail.SeverityID != 4 || len(fail.Evidences) != 2 || fail.Evidences[0].File.Path != "infra/a b/main.tf" {
		t.Errorf("got %+v", fail)
	}
	if c := unknown.Compliance; c.StatusID != 0 || c.Status != "Unknown" || strings.Join(c.StatusDetails, " ") != "var.status" {
		t.Errorf("got %+v", unknown)
	}
	if silenced.StatusID != 3 || silenced.StatusDetail != "comment: test bucket" {
		t.Errorf("got %+v", silenced)
	}
	if posture.ClassID != ocsfPosture || posture.Compliance != nil || len(posture.Weaknesses) != 1 || posture.Weaknesses[0].Code[0].StartLine != 2 ||
		posture.Info.Attacks[0].SubTechnique.UID != "T1552.001" || posture.Resources[0].Name != "infra/app.env" {
		t.Errorf("got %+v", posture)
	}
	if strings.Contains(text, "\x1b") {
		t.Error("a control character got through")
	}
}
