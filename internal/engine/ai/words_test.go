package ai

import (
	"bytes"
	"testing"
)

// FuzzWords holds the finder against a plain search.
func FuzzWords(f *testing.F) {
	f.Add("import openai\nfrom anthropic import x # 'ai'")
	f.Add("ollamaeinodillopenaopenai")
	list := []string{"openai", "dill", "eino", "ollama", "llama", "'ai'", "open", "from_pretrained", "aaaa", "aaab"}
	find := newFinder(list)
	f.Fuzz(func(t *testing.T, text string) {
		got, some := find.find([]byte(text)), false
		for _, w := range list {
			if want := bytes.Contains([]byte(text), []byte(w)); got.has(w) != want {
				t.Errorf("%q in %q: %v", w, text, !want)
			}
			some = some || got.has(w)
		}
		if find.some([]byte(text)) != some {
			t.Errorf("some of the words in %q: %v", text, !some)
		}
	})
}
