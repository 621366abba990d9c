package pipeline

import (
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

const maxTaken = 50 // texts that one command line runs as code, or assigns; real ones have three

// taking are commands that run a text as code: the next word, or all that follows eval and Invoke-Expression.
var taking = lazy.New(`(?:^|[\s;&|("'])(?:(eval|Invoke-Expression|iex)|(?:ba|z|da|k)?sh\s+(?:-\w+\s+)*-\w*c|python[23]?\s+(?:-\w+\s+)*-c|node\s+(?:-e|--eval|-p|--print)|ruby\s+-e|perl\s+(?:-\w+\s+)*-\w*e|php\s+-r|su\s+(?:-\s+)?(?:\S+\s+)?-c|(?:pwsh|powershell)(?:\.exe)?\s+(?:-\w+\s+)*-(?:c|Command))\s+`)

// remote is a command for another machine, whose shell reads the words once more.
var remote = lazy.New(`(?:^|[\s;&|("'])(?:ssh|(?:mosh|sshpass\s+(?:-\S+\s+)+ssh))\s+`)

var heredoc = lazy.New(`<<-?\s*([A-Za-z_]\w*)`)

// code returns the texts of a command line that are run as code once its variables are replaced.
func code(text string) []string {
	var out []string
	for _, m := range taking.FindAllStringSubmatchIndex(text, maxTaken) {
		rest := text[m[1]:]
		if m[2] < 0 {
			out = append(out, rest[:wordEnd(rest)])
		} else {
			out = append(out, parts(rest, false)[0])
		}
	}
	for _, m := range remote.FindAllStringIndex(text, maxTaken) {
		rest, host := parts(text[m[1]:], false)[0], false
		for rest = strings.TrimLeft(rest, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
			word := rest[:max(1, wordEnd(rest))]
			switch {
			case host:
				out, rest = append(out, rest), ""
				continue
			case len(word) == 2 && word[0] == '-' && strings.IndexByte("BbcDEeFIiJLlmOopQRSWw", word[1]) >= 0:
				rest = strings.TrimLeft(rest[2:], " \t")
				word = rest[:min(len(rest), max(1, wordEnd(rest)))]
			case word[0] != '-':
				host = true
			}
			rest = rest[len(word):]
		}
	}
	return out
}

// fed is a shell that takes its commands from what is piped into it.
var fed = lazy.New(`^\s*(?:sudo\s+(?:-\S+\s+)*)?(?:(?:ba|z|da|k)?sh(?:\s+-\w+)*|python[23]?(?:\s+-)?|ssh\s.*)\s*$`)

// evaluates calls found for the commands that run as code what outsiders write: eval, sh -c "…", ssh host "…", … | sh, and scripts that are
// fed to another machine line by line.
func (s *shell) evaluates(list []command, found func(c command, by taint)) {
	until, open := "", false // the mark that ends a here-document; whether a quoted text goes on
	for _, c := range list {
		at := c.at()
		by := taint{}
		var pieces []string
		switch {
		case until != "" && strings.TrimSpace(c.text) == until:
			until = ""
			continue
		case until != "":
			by = s.expand(c.text, at, 0)
		case open:
			by = s.expand(`"`+c.text, at, 0)
			open = !odd(c.text)
		default:
			pieces = code(c.text)
			if m := heredoc.FindStringSubmatch(c.text); m != nil && remote.MatchString(c.text) {
				until = m[1]
			} else if len(pieces) > 0 {
				open = strings.HasPrefix(pieces[len(pieces)-1], `"`) && odd(pieces[len(pieces)-1])
			}
		}
		if !strings.Contains(c.text, "$") {
			continue
		}
		for _, x := range pieces {
			by = worse(by, s.expand(x, at, 0))
		}
		if stages := parts(c.text, true); len(stages) > 1 && fed.MatchString(stages[len(stages)-1]) {
			by = worse(by, s.output(strings.Join(stages[:len(stages)-1], "|"), at, 0))
		}
		if by.proven() {
			found(c, by)
		}
	}
}

// odd tells whether a text has an odd number of double quotes, so that one is open.
func odd(text string) bool {
	return (strings.Count(text, `"`)-strings.Count(text, `\"`))%2 == 1
}

// evaluated reports what a script runs as code though outsiders write it. The shell has learned the commands.
func (l *look) evaluated(s *shell, list []command, around plinth.Location, value plinth.Value) {
	s.evaluates(list, func(c command, by taint) {
		here, at := l.in(c.in.path), c.at()
		evidence := by.then("the text is run as code", at, here.path).way
		if len(evidence) < 2 {
			evidence = nil
		}
		here.add(sight{
			audit: "pipeline-template-injection", severity: by.severity, at: at, around: around, path: under(value, c.text),
			message: by.what + " is run as code: " + strings.TrimSpace(c.text), evidence: evidence,
		})
	})
}
