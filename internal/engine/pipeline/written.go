package pipeline

import (
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

// runner are variables that the runner sets for every step: https://docs.github.com/actions/reference/workflows-and-actions/variables.
var runner = map[string]string{"GITHUB_HEAD_REF": "github.head_ref", "GITHUB_REF_NAME": "github.ref_name", "GITHUB_REF": "github.ref", "GITHUB_BASE_REF": "github.base_ref"}

// shell is the shell that runs a script of a step, as far as its data flow is told.
func (f *flow) shellOf(j *job, s *step, depth int) *shell {
	sh := &shell{path: f.path, outside: f.commits(), file: f.artifact(j, s)}
	sh.expression = func(text string, at plinth.Location) taint {
		n, err := parse(text)
		if err != nil {
			return unknown()
		}
		t := taint{}
		for _, ref := range n.flows() {
			t = worse(t, f.arrives(f.decides(j, s, ref, depth+1), ref, "is pasted into the script", at))
		}
		return t
	}
	sh.variable = func(name string) taint {
		if depth > maxWay {
			return unknown()
		}
		for _, env := range []plinth.Value{s.environment, get(j.v, "env"), get(f.doc, "env")} {
			if v := get(env, name); !v.IsNull() {
				return f.value(j, s, v, "becomes variable "+name, depth)
			}
		}
		if ref := runner[name]; ref != "" {
			return taint{severity: f.outside(), what: name}
		}
		if strings.HasPrefix(name, "GITHUB_") || strings.HasPrefix(name, "RUNNER_") {
			return taint{}
		}
		return f.exported(j, s, strings.ToLower(name), unknown(), depth)
	}
	return sh
}

var (
	writes   = lazy.New(`(?i)(?:^|[\s"'({,;@])([A-Za-z_][\w-]*)\s?(=|<<)`)
	oldWrite = lazy.New(`::set-(output|env)\s+name=([\w-]+)::`)
	document = lazy.New(`<<-?\s*["']?([A-Za-z_]\w*)["']?`)
	tells    = lazy.New(`\b(?:echo|printf|print|cat|Write-Output|Write-Host|Out-File|Add-Content|tee)\b|>>|^["']`)
)

// written tells who decides what the script of a step writes under a name to a file of the runner: GITHUB_OUTPUT or GITHUB_ENV. It answers
// false where no line is seen that writes it.
func (f *flow) written(j *job, s *step, key, file string, depth int) (taint, bool) {
	script := s.run.Str()
	old := map[string]string{"GITHUB_OUTPUT": "output", "GITHUB_ENV": "env"}[file]
	if len(script) > maxScript || depth > maxWay || !strings.Contains(script, file) && !strings.Contains(script, "::set-"+old) {
		return taint{}, false
	}
	list := f.commands(s.run)
	sh := f.shellOf(j, s, depth)
	sh.learn(list)
	t, any := taint{}, false
	take := func(by taint, at plinth.Location) {
		what := "becomes output " + key
		if file == "GITHUB_ENV" {
			what = "becomes variable " + key + " of later steps"
		}
		if by.proven() && len(by.way) == 0 {
			by = by.then(by.what+" is what an outsider writes; it "+what, at, f.path)
		} else {
			by = by.then("it "+what, at, f.path)
		}
		t, any = worse(t, by), true
	}
	until, inside := "", "" // the mark that ends a here-document, the one that ends a value of several lines
	for _, c := range list {
		at := c.at()
		text := strings.TrimSpace(c.text)
		if text == until && until != "" {
			until = ""
			continue
		}
		if inside != "" {
			if strings.Contains(text, inside) {
				inside = ""
			} else if until != "" || prints.MatchString(text) {
				take(sh.expand(unredirected(text), at, 0), at)
			} else {
				take(sh.output(unredirected(text), at, 0), at)
			}
			continue
		}
		if m := oldWrite.FindStringSubmatchIndex(text); m != nil && text[m[2]:m[3]] == old && strings.EqualFold(text[m[4]:m[5]], key) {
			take(sh.expand(unredirected(text), at, 0), at)
			continue
		}
		heading := document.FindStringSubmatch(text)
		for _, m := range writes.FindAllStringSubmatchIndex(text, -1) {
			if !strings.EqualFold(text[m[2]:m[3]], key) || until == "" && (m[2] == 0 || !tells.MatchString(text)) {
				continue
			}
			if text[m[4]:m[5]] == "<<" {
				inside = strings.Trim(firstWord(text[m[5]:]), `"'`)
				continue
			}
			take(sh.expand(unredirected(text), at, 0), at)
			break
		}
		if heading != nil && inside == "" && until == "" && strings.Contains(text, "cat") {
			until = heading[1]
		}
	}
	return t, any
}

func firstWord(text string) string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// unredirected is a command without the file that takes its output.
func unredirected(text string) string {
	for _, mark := range []string{">>", "| tee ", "|tee ", "| Out-File", "| Add-Content"} {
		if i := strings.Index(text, mark); i > 0 {
			text = text[:i]
		}
	}
	return text
}
