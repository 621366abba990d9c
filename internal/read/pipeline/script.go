package pipeline

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/lazy"
)

// scripts hands over the scripts of the repository that pipelines call and that may run what they are given as code: each once.
type scripts struct {
	project *plinth.Project
	to      plinth.Sink
	seen    map[string]bool
}

var (
	named     = lazy.New(`[\w./-]+\.(?:sh|bash)\b`)
	evaluates = lazy.New(`\beval\b|\bsh\s+(?:-\w+\s+)*-\w*c\b|\bpython[23]?\s+-c|\b(?:ruby|perl|node)\s+-e|\bssh\s`)
)

// called looks for the names of scripts in a pipeline: they count from the root of the repository, from the folder of the file, and
// from where .github lies.
func (s *scripts) called(file, text string) {
	if !strings.Contains(text, ".sh") && !strings.Contains(text, ".bash") {
		return
	}
	folders := []string{"", path.Dir(file)}
	if before, _, ok := strings.Cut("/"+file, "/.github/"); ok {
		folders[0] = strings.TrimPrefix(before, "/")
	}
	for _, name := range named.FindAllString(text, -1) {
		name = strings.TrimPrefix(name, "/") // behind a variable that names the folder
		for _, folder := range folders {
			s.read(path.Join(folder, name))
		}
	}
}

func (s *scripts) read(name string) {
	if s.seen[name] || len(s.seen) >= maxScripts || !fs.ValidPath(name) {
		return
	}
	s.seen[name] = true
	info, err := fs.Stat(s.project.FS, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxScript {
		return // not of this repository, or made while the pipeline runs
	}
	data, err := fs.ReadFile(s.project.FS, name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.to.Problem(plinth.Problem{Kind: plinth.Unreadable, At: plinth.Location{Path: name}, Text: "a script that a pipeline calls cannot be read"})
		}
		return
	}
	if !evaluates.Match(data) || !bytes.Contains(data, []byte("$")) {
		return
	}
	text := document.Text(data)
	end := int32(strings.Count(text, "\n") + 1)
	s.to.Resource(&plinth.Resource{
		ID: plinth.ID("pipeline:" + name), Type: script, Name: path.Base(name), Project: s.project.Name, Hung: true, Props: plinth.MapOf(nil), Source: plinth.StringOf(text),
		Decl: &plinth.Declaration{Address: name, Type: script, At: plinth.Location{Path: name, Line: 1, Col: 1, EndLine: end, EndCol: 1}},
	})
}
