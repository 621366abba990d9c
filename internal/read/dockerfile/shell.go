package dockerfile

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/plinthsec/plinth"
)

// command is a simple command of a shell text.
type command struct {
	name  string
	args  []string
	env   []plinth.Field
	text  string
	at    plinth.Location
	sudo  bool
	piped bool
}

// shellCommands returns the simple commands of a POSIX or bash script. A script that the parser does not understand is split at
// its operators, and the error says why.
func (r *reading) shellCommands(s script, depth int) ([]command, error) {
	if len(s.text) > maxShell || nesting(s.text) > maxNesting {
		return r.splitCommands(s), fmt.Errorf("the shell text is too large or too deeply nested")
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(s.text), "")
	if err != nil {
		if e, ok := err.(syntax.ParseError); ok {
			err = fmt.Errorf("%s", e.Text)
		}
		return r.splitCommands(s), err
	}
	w := &walk{reading: r, script: s, depth: depth, piped: map[*syntax.CallExpr]bool{}}
	syntax.Walk(file, w.visit)
	return append(w.out, w.later...), nil
}

// nesting returns the deepest nesting of brackets and compound commands that a text could have.
func nesting(text string) int {
	deepest, open := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '(', '{', '[', '`', '!', '|':
			open++
			deepest = max(deepest, open)
		case ')', '}', ']', '\n', ';':
			open = max(open-1, 0)
		}
	}
	return deepest
}

type walk struct {
	*reading
	script script
	depth  int
	piped  map[*syntax.CallExpr]bool
	out    []command
	later  []command // of heredocs, which stand below the line
}

func (w *walk) visit(n syntax.Node) bool {
	switch n := n.(type) {
	case *syntax.Stmt:
		w.stdin(n)
	case *syntax.BinaryCmd:
		if n.Op == syntax.Pipe || n.Op == syntax.PipeAll {
			w.pipe(n.X)
		}
	case *syntax.DeclClause:
		c := command{name: n.Variant.Value}
		for _, a := range n.Args {
			c.args = append(c.args, w.slice(a))
		}
		w.place(&c, n)
		w.out = append(w.out, c)
	case *syntax.CallExpr:
		if len(n.Args) > 0 {
			w.call(n)
		}
	}
	return true
}

// stdin takes the commands of a script that a shell gets as a heredoc: bash <<EOF. They follow the shell's own command.
func (w *walk) stdin(s *syntax.Stmt) {
	call, ok := s.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 || !posix(w.word(call.Args[0])) || w.depth >= maxScripts {
		return
	}
	for _, redirect := range s.Redirs {
		if redirect.Hdoc == nil {
			continue
		}
		from, end := int(redirect.Hdoc.Pos().Offset()), int(redirect.Hdoc.End().Offset())
		if from < end && end <= len(w.script.text) {
			nested, _ := w.shellCommands(w.script.part(from, end), w.depth+1)
			w.later = append(w.later, nested...)
		}
	}
}

func (w *walk) pipe(s *syntax.Stmt) {
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		w.piped[c] = true
	case *syntax.BinaryCmd:
		if c.Op == syntax.Pipe || c.Op == syntax.PipeAll {
			w.pipe(c.Y)
		}
	}
}

func (w *walk) slice(n syntax.Node) string {
	from, end := int(n.Pos().Offset()), int(n.End().Offset())
	if from > end || end > len(w.script.text) {
		return ""
	}
	return w.script.text[from:end]
}

func (w *walk) place(c *command, n syntax.Node) {
	c.text = strings.TrimSpace(w.slice(n))
	from := int(n.Pos().Offset())
	c.at = w.script.location(w.path, from, from+len(c.text))
}

func (w *walk) call(n *syntax.CallExpr) {
	c := command{piped: w.piped[n]}
	for _, a := range n.Assigns {
		if a.Name != nil && a.Value != nil {
			c.env = append(c.env, plinth.Field{Key: a.Name.Value, Value: plinth.StringOf(w.word(a.Value))})
		}
	}
	words := make([]string, len(n.Args))
	for i, a := range n.Args {
		words[i] = w.word(a)
	}
	w.place(&c, n)
	w.out = append(w.out, w.understood(c, words, w.depth)...)
}

// word returns a word without its quotes; what the shell would fill in stays as written.
func (w *walk) word(n *syntax.Word) string {
	var b strings.Builder
	w.parts(&b, n.Parts, false)
	return b.String()
}

func (w *walk) parts(b *strings.Builder, parts []syntax.WordPart, quoted bool) {
	for _, p := range parts {
		switch p := p.(type) {
		case *syntax.Lit:
			b.WriteString(unescape(p.Value, quoted))
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			w.parts(b, p.Parts, true)
		default:
			b.WriteString(w.slice(p))
		}
	}
}

// unescape takes the backslashes away that the shell takes away.
func unescape(s string, quoted bool) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (!quoted || strings.IndexByte("$`\"\\\n", s[i+1]) >= 0) {
			i++
			if s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// understood completes a command from its words: it looks through sudo, env, exec and the like, and into sh -c.
func (r *reading) understood(c command, words []string, depth int) []command {
	for len(words) > 1 {
		n := prefix(words)
		if n == 0 || n >= len(words) {
			break
		}
		c.sudo = c.sudo || path.Base(words[0]) == "sudo"
		words = words[n:]
	}
	c.name, c.args = words[0], words[1:]
	out := []command{c}
	text, ok := inner(words)
	if !ok || depth >= maxScripts {
		return out
	}
	nested, _ := r.shellCommands(script{text: text}, depth+1)
	for _, in := range nested {
		in.at, in.sudo = c.at, in.sudo || c.sudo
		out = append(out, in)
	}
	return out
}

// prefix returns how many words a command has that only runs the command that follows: sudo -u x, env A=b, exec.
func prefix(words []string) int {
	valued := ""
	switch path.Base(words[0]) {
	case "sudo":
		valued = "ugpCrtUhDRT"
	case "env":
		valued = "uCS"
	case "exec":
		valued = "a"
	case "nice":
		valued = "n"
	case "command", "time", "nohup", "builtin":
	default:
		return 0
	}
	n := 1
	for n < len(words) {
		switch w := words[n]; {
		case w == "--":
			return n + 1
		case len(w) == 2 && w[0] == '-' && strings.IndexByte(valued, w[1]) >= 0:
			n += 2
		case strings.HasPrefix(w, "-"), strings.Contains(w, "=") && path.Base(words[0]) != "command" && !strings.HasPrefix(w, "="):
			n++
		default:
			return n
		}
	}
	return n
}

// inner returns the script of sh -c SCRIPT.
func inner(words []string) (string, bool) {
	if !posix(words[0]) {
		return "", false
	}
	for i, w := range words[1:] {
		if !strings.HasPrefix(w, "-") {
			return "", false
		}
		if !strings.HasPrefix(w, "--") && strings.HasSuffix(w, "c") && i+2 < len(words) {
			return words[i+2], true
		}
	}
	return "", false
}

// posix tells whether a program is a shell whose language the parser knows.
func posix(program string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "ash", "zsh", "ksh"}, path.Base(program))
}

// splitCommands splits a text at its operators and line feeds, and each part at white space, with an eye on quotes. It serves
// Windows shells and whatever is no shell text.
func (r *reading) splitCommands(s script) []command {
	var out []command
	start := 0
	flush := func(end int, piped bool) {
		text := strings.TrimSpace(s.text[start:end])
		from := start + strings.Index(s.text[start:end], text)
		if words := splitWords(text); len(words) > 0 {
			c := command{text: text, piped: piped, at: s.location(r.path, from, from+len(text))}
			out = append(out, r.understood(c, words, maxScripts)...)
		}
	}
	quote := byte(0)
	for i := 0; i < len(s.text); i++ {
		c := s.text[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == ';' || c == '\n' || c == '|' || c == '&':
			double := i+1 < len(s.text) && s.text[i+1] == c
			flush(i, c == '|' && !double)
			start = i + 1
		}
	}
	flush(len(s.text), false)
	return out
}

func splitWords(text string) []string {
	var words []string
	var b strings.Builder
	quote, in := byte(0), false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			b.WriteByte(c)
		case c == '"' || c == '\'':
			quote, in = c, true
		case c == ' ' || c == '\t' || c == '\r':
			if in {
				words = append(words, b.String())
				b.Reset()
			}
			in = false
		default:
			in = true
			b.WriteByte(c)
		}
	}
	if in {
		words = append(words, b.String())
	}
	return words
}
