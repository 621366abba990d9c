package verdict

import (
	"testing"

	"github.com/plinthsec/plinth"
)

func TestBaseline(t *testing.T) {
	list := Sort([]plinth.Finding{finding("dev", "a.b", "p", 3), finding("dev", "a.c", "p", 9), finding("dev", "a.d", "p", 12)})
	report := `{"schema":"plinth.report/1","findings":[{"key":"` + list[0].Key + `","suppressed":null},{"key":"` + list[1].Key + `","suppressed":{"by":"comment"}}]}`
	b, err := ReadBaseline("old.json", []byte(report))
	if err != nil {
		t.Fatal(err)
	}
	b.Suppress(list)
	if list[0].Suppressed == nil || list[0].Suppressed.By != "baseline" || list[1].Suppressed != nil || list[2].Suppressed != nil {
		t.Errorf("%v %v %v", list[0].Suppressed, list[1].Suppressed, list[2].Suppressed)
	}
	for _, bad := range []string{"", "[]", "{}", `{"schema":"other"}`} {
		if _, err := ReadBaseline("x", []byte(bad)); err == nil {
			t.Errorf("%q is taken for a baseline", bad)
		}
	}
}
