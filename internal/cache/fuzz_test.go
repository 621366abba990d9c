package cache

import "testing"

func FuzzStore(f *testing.F) {
	s := &Store{files: map[string]File{"a": {Sum: SumOf(nil), Marks: 7}}, units: map[unitName]Unit{
		{"reader", "unit"}: {Inputs: []Input{{Own, "mine", SumOf(nil)}}, Body: "made"},
	}}
	head := len(magic) + len(s.key)
	f.Add(string(s.bytes()[head:]))
	f.Fuzz(func(t *testing.T, text string) {
		s := &Store{}
		s.parse(text)
		if s.oldFiles == nil {
			return
		}
		again := &Store{files: s.oldFiles, units: s.oldUnits}
		out := again.bytes()
		again.parse(string(out[head : len(out)-4]))
		if len(again.oldFiles) != len(s.oldFiles) || len(again.oldUnits) != len(s.oldUnits) {
			t.Errorf("%d files and %d units became %d and %d", len(s.oldFiles), len(s.oldUnits), len(again.oldFiles), len(again.oldUnits))
		}
	})
}
