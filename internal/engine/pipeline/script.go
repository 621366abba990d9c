package pipeline

import (
	"path"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

// mayEvaluate tells cheaply whether a script may run texts as code.
func mayEvaluate(script string) bool {
	for _, word := range []string{"eval", " -c", " -e", "ssh ", "iex ", "Invoke-Expression", "-Command", "--print", "sh", "python"} {
		if strings.Contains(script, word) {
			return strings.Contains(script, "$")
		}
	}
	return false
}

// called is a script of the repository that a command runs, with its arguments.
var called = lazy.New(`(?:^|[\s;&|(])(?:(?:bash|sh|source|\.)\s+(?:-\w+\s+)*)?"?((?:\./|\$\{\{\s*github\.action_path\s*\}\}/|\$\{?GITHUB_ACTION_PATH\}?/|\$\{?GITHUB_WORKSPACE\}?/|\$\{?CI_PROJECT_DIR\}?/)?[\w./-]+\.(?:sh|bash))"?(?:\s|$)`)

// callsScripts judges calls of the repository's own scripts that run what they are given as code. Folder is where the commands run.
func (l *look) callsScripts(sh *shell, list []command, folder string, around plinth.Location, value plinth.Value) {
	for _, c := range list {
		if !strings.Contains(c.text, "sh") {
			continue
		}
		m := called.FindStringSubmatchIndex(c.text)
		if m == nil {
			continue
		}
		name := c.text[m[2]:m[3]]
		script := l.ownScript(name, folder)
		if script == nil {
			continue
		}
		at := c.at()
		inner := &shell{path: script.path, outside: sh.outside}
		given := parts(c.text[m[1]:], false)[0]
		inner.variable = func(name string) taint {
			if name[0] < '0' || name[0] > '9' {
				if name == "@" || name == "*" {
					return sh.expand(given, at, 0).then("it becomes an argument of "+script.path, at, l.path)
				}
				return sh.named(name, 0)
			}
			return sh.expand(argument(given, int(name[0]-'0')), at, 0).then("it becomes argument "+name+" of "+script.path, at, l.path)
		}
		own := script.all()
		inner.learn(own)
		inner.evaluates(own, func(x command, by taint) {
			by = by.then("the script runs the text as code", x.at(), script.path)
			l.in(c.in.path).add(sight{
				audit: "pipeline-injection-through-call", severity: by.severity, at: at, around: around, path: under(value, c.text+x.text),
				message: by.what + ", through " + script.path, evidence: by.way,
			})
		})
	}
}

// argument returns one of the words of a command line, counted from 1.
func argument(line string, n int) string {
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		end := max(1, wordEnd(line))
		if n--; n == 0 {
			return line[:end]
		}
		line = line[end:]
	}
	return ""
}

// ownScript returns a script of the repository, nil where it is not one that runs texts as code.
func (l *look) ownScript(name, folder string) *text {
	root := ""
	if before, _, ok := strings.Cut("/"+l.path, "/.github/"); ok {
		root = strings.TrimPrefix(before, "/")
	}
	base, dir := name[strings.LastIndexByte(name, '}')+1:], path.Join(root, folder)
	switch {
	case strings.Contains(strings.ToLower(name), "action_path"):
		dir = path.Dir(l.path)
		base = name[strings.Index(strings.ToLower(name), "action_path")+len("action_path"):]
		base = strings.TrimLeft(base, "} ")
	case strings.HasPrefix(name, "$"):
		dir, base = root, name[strings.IndexByte(name, '/')+1:]
	}
	r := l.files[path.Join(dir, base)]
	if r == nil || r.Type != scriptType {
		return nil
	}
	return newText(r.Decl.At.Path, r.Source.Str())
}

// all returns the logical lines of a text that is a script as a whole.
func (t *text) all() []command { return t.lines(t.whole, 0, false) }
