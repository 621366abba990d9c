package dockerfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plinthsec/plinth/internal/value"
)

// TestWritten: the form that Conftest's parser for Dockerfiles gives.
func TestWritten(t *testing.T) {
	list, problems := Written("Dockerfile", []byte("FROM a AS b\nCOPY --from=x c d\nFROM b\nCMD [\"run\"]\n"))
	if len(list) != 1 || len(problems) > 0 {
		t.Fatal(list, problems)
	}
	const want = `[[` +
		`{"Cmd":"from","EndLine":1,"Flags":[],"JSON":false,"Original":"FROM a AS b","Stage":0,"StartLine":1,"SubCmd":"","Value":["a","AS","b"]},` +
		`{"Cmd":"copy","EndLine":2,"Flags":["--from=x"],"JSON":false,"Original":"COPY --from=x c d","Stage":0,"StartLine":2,"SubCmd":"","Value":["c","d"]},` +
		`{"Cmd":"from","EndLine":3,"Flags":[],"JSON":false,"Original":"FROM b","Stage":1,"StartLine":3,"SubCmd":"","Value":["b"]},` +
		`{"Cmd":"cmd","EndLine":4,"Flags":[],"JSON":true,"Original":"CMD [\"run\"]","Stage":1,"StartLine":4,"SubCmd":"","Value":["run"]}]]`
	if got, _ := value.Plain(list[0]); got != want {
		t.Error(cmp.Diff(want, got))
	}
}

func FuzzWritten(f *testing.F) {
	f.Add("FROM a\nONBUILD RUN b\nCMD [\"c\"]\n")
	f.Fuzz(func(_ *testing.T, text string) { Written("Dockerfile", []byte(text)) })
}
