package ai

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

// wordsOf are what a program of a language must hold one of to be read at all. The list is short, since every file is searched for it.
func wordsOf(lang language) []string {
	switch lang {
	case python:
		return strings.Fields("pickle joblib torch keras numpy np.load transformers from_pretrained trust_remote_code langchain llama openai anthropic genai generativeai vertexai bedrock ollama litellm mistral cohere crewai autogen smolagents allow_dangerous allow_code_execution agent.run agent.invoke agent.ainvoke agent_executor vllm diffusers dill haystack dspy pydantic_ai semantic_kernel fastmcp skops gensim paddle catboost")
	case script:
		return strings.Fields("openai anthropic genai generative-ai langchain llamaindex ollama @ai-sdk mistral cohere groq-sdk bedrock modelcontextprotocol huggingface vertexai \"ai\" 'ai' @mastra")
	}
	return strings.Fields("openai anthropic genai generative-ai langchaingo ollama bedrock mcp-go modelcontextprotocol genkit vertexai eino")
}

func split(s string) (out [][]byte) {
	for _, w := range strings.Fields(s) {
		out = append(out, []byte(w))
	}
	return out
}

func mentions(data []byte, words [][]byte) bool {
	return slices.ContainsFunc(words, func(w []byte) bool { return bytes.Contains(data, w) })
}

// program looks at a program. Nobody but its tests runs a test: it is left out.
func (l *look) program(lang language) {
	if len(l.data) > maxProgram || tested(l.path) {
		return
	}
	if !l.engine.first[lang].some(l.data) || minified(l.data) {
		return
	}
	words := l.engine.words[lang].find(l.data)
	room, _ := l.engine.rooms.Get().(*[]word)
	if room == nil {
		room = new([]word)
	}
	p := &program{lang, l.data, lex(lang, l.data, *room)}
	defer func() {
		*room = p.words
		l.engine.rooms.Put(room)
	}()
	l.imports(p)
	var open []*audit
	for _, a := range l.engine.calls {
		if slices.Contains(a.in, lang) && (len(a.with) == 0 || words.some(a.with)) {
			open = append(open, a)
		}
	}
	models := len(l.resources) > 0 && words.some(l.engine.known.With)
	if len(open) == 0 && !models {
		return
	}
	last := map[string]bool{} // names of functions, without what is before their last dot
	for _, a := range open {
		for _, meant := range a.calls {
			last[lastName(meant)] = true
		}
	}
	if models {
		for _, meant := range l.engine.known.Models {
			last[lastName(meant)] = true
		}
	}
	aliases := map[string]string(nil)
	if lang == python {
		aliases = p.aliases()
		for as, whole := range aliases {
			last[as] = last[as] || last[lastName(whole)]
		}
	}
	meant := map[string]bool{} // names of arguments
	for _, a := range open {
		for _, name := range a.anywhere {
			meant[name] = true
		}
	}
	if models {
		for _, name := range slices.Concat(modelArgs, promptArgs) {
			meant[name] = true
		}
	}
	function := func(callee []byte) bool { return last[string(callee[bytes.LastIndexByte(callee, '.')+1:])] }
	argument := func(name []byte) bool { return meant[string(name)] }
	p.calls(function, argument, func(c *call) { // those of a like name are among them
		c.whole = resolved([]byte(c.callee), aliases)
		for _, a := range open {
			if a.matches(c) {
				l.report(strings.TrimPrefix(a.rule.ID, Name+"-"), l.at(c), key(c), c.callee+"("+short(c)+")")
			}
		}
		if models {
			l.asked(c)
		}
	})
}

func lastName(function string) string { return function[strings.LastIndexByte(function, '.')+1:] }

// Arguments that tell which model is asked, and what it is told before all else.
var (
	modelArgs  = []string{"model", "modelId", "model_id", "model_name"}
	promptArgs = []string{"system", "instructions", "system_instruction", "system_prompt"}
)

// tested tells by its path that a program is a test.
func tested(name string) bool {
	name = strings.ToLower(name)
	dir, base := path.Split(name)
	for _, d := range [...]string{"/test/", "/tests/", "/__tests__/", "/testing/", "/spec/", "/integration_tests/"} {
		if strings.HasPrefix(dir, d[1:]) || strings.Contains(dir, d) {
			return true
		}
	}
	stem := strings.TrimSuffix(base, path.Ext(base))
	return strings.HasPrefix(base, "test_") || strings.HasSuffix(stem, "_test") || stem == "conftest" || strings.HasSuffix(stem, ".test") || strings.HasSuffix(stem, ".spec")
}

func minified(data []byte) bool {
	for len(data) > maxLine {
		i := bytes.LastIndexByte(data[:maxLine], '\n')
		if i < 0 {
			return true
		}
		data = data[i+1:]
	}
	return false
}

func (l *look) at(c *call) plinth.Location {
	return plinth.Location{Path: l.path, Line: c.line, Col: c.col, EndLine: c.line, EndCol: c.endCol}
}

func key(c *call) string { return c.function + ":" + c.callee + "(" + argsText(c) + ")" }

func argsText(c *call) string {
	parts := make([]string, len(c.args))
	for i, a := range c.args {
		parts[i] = a.name + "=" + a.text()
	}
	s := strings.Join(parts, ",")
	return s[:min(len(s), 200)]
}

const shown = 60 // bytes of arguments in a message

// short is the arguments as a message shows them.
func short(c *call) string {
	parts := make([]string, 0, len(c.args))
	for _, a := range c.args {
		s := a.text()
		if a.name != "" {
			s = a.name + "=" + s
		}
		parts = append(parts, strings.Join(strings.Fields(s), " "))
	}
	s := strings.Join(parts, ", ")
	if len(s) > shown {
		s = strings.ToValidUTF8(s[:shown], "") + "…"
	}
	return s
}

// called tells whether a function is the one that is meant: by its whole name, or as a method (.name) of anything.
func called(callee, meant string) bool {
	if !strings.HasSuffix(callee, meant) {
		return false
	}
	if meant[0] == '.' || len(callee) == len(meant) {
		return true
	}
	return callee[len(callee)-len(meant)-1] == '.' && !strings.Contains(meant, ".")
}

// means tells whether the audit is about calls of a function, whatever their arguments are called.
func (a *audit) means(callee string) bool {
	return slices.ContainsFunc(a.calls, func(meant string) bool { return meant != "*" && called(callee, meant) })
}

func (a *audit) matches(c *call) bool {
	if len(a.anywhere) == 0 && !a.means(c.callee) && (c.whole == "" || !a.means(c.whole)) {
		return false
	}
	for i := range a.has {
		if !a.has[i].holds(c) {
			return false
		}
	}
	for i := range a.lacks {
		if a.lacks[i].holds(c) {
			return false
		}
	}
	return true
}

func (k *condition) holds(c *call) bool {
	for i, a := range c.args {
		about := slices.Contains(k.names, "*") || a.name != "" && slices.Contains(k.names, a.name) || i == 0 && a.name == "" && slices.Contains(k.names, "")
		if about && k.text.MatchString(a.text()) {
			return true
		}
	}
	return false
}

// imports notes the libraries that a program imports.
func (l *look) imports(p *program) {
	list := map[language][]string{python: l.engine.known.Python, script: l.engine.known.Script, golang: l.engine.known.Golang}[p.lang]
	for i := range p.words {
		t := &p.words[i]
		what := i
		switch {
		case p.lang == python && t.kind == name && (i == 0 || p.words[i-1].line < t.line) && i+1 < len(p.words) && p.words[i+1].kind == name && p.imports(i):
			what = i + 1
		case p.lang == script && t.kind == text && i > 0 && (p.imports(i-1) || p.is(i-1, '(') && i > 1 && p.requires(i-2)):
		case p.lang == golang && t.kind == text && bytes.IndexByte(p.text(i), '/') >= 0:
		default:
			continue
		}
		if name := library(list, string(p.text(what)), p.lang); name != "" {
			l.resource("ai/Library", name, l.place(p.words[what]))
		}
	}
}

// imports tells whether a word says from where something comes.
func (p *program) imports(i int) bool {
	s := p.text(i)
	return string(s) == "import" || string(s) == "from"
}

// requires tells whether a word is called with the name of a library.
func (p *program) requires(i int) bool {
	s := p.text(i)
	return string(s) == "import" || string(s) == "require"
}

func (l *look) place(w word) plinth.Location {
	return plinth.Location{Path: l.path, Line: w.line, Col: w.col, EndLine: w.line, EndCol: w.col + w.to - w.from}
}

// library is the library that an import belongs to, "" for others.
func library(list []string, what string, lang language) string {
	top := what
	if lang == python {
		top, _, _ = strings.Cut(what, ".")
		if strings.HasPrefix(what, "google.genai") || strings.HasPrefix(what, "google.generativeai") {
			return strings.ReplaceAll(what[:min(len(what), strings.IndexByte(what+".", '.')+1+strings.IndexByte(what[7:]+".", '.'))], ".", "-")
		}
	}
	for _, known := range list {
		if begin, open := strings.CutSuffix(known, "*"); open && strings.HasPrefix(top, begin) || !open && (top == known || lang == script && strings.HasPrefix(top, known+"/")) {
			if parts := strings.Split(top, "/"); lang == script {
				top = strings.Join(parts[:min(len(parts), 1+strings.Count(top[:1], "@"))], "/")
			}
			return top
		}
	}
	return ""
}

func (l *look) asksModel(callee string) bool {
	return slices.ContainsFunc(l.engine.known.Models, func(m string) bool { return called(callee, m) || m[0] == '.' && callee == m[1:] })
}

// asked notes which model a call asks, what it is told first, and whether it is told what is nobody's business.
func (l *look) asked(c *call) {
	asks := l.asksModel(c.callee)
	for _, a := range c.args {
		s, literal := a.literal()
		switch {
		case slices.Contains(modelArgs, a.name):
			if literal && modelName.MatchString(s) {
				l.resource("ai/Model", s, l.at(c))
			}
		case slices.Contains(promptArgs, a.name):
			if literal && s != "" {
				l.resource("ai/Prompt", strings.TrimSpace(c.function+" "+c.callee), l.at(c))
			}
		}
		if !asks {
			continue
		}
		if word := l.personal(a.tokens); word != "" {
			l.report("personal-data", l.at(c), key(c), word+" goes into "+c.callee)
		}
	}
}

// modelName is how providers write the names of models.
var modelName = lazy.New(`^[A-Za-z][\w.:@/-]{2,120}$`)

// holes is what stands in the braces of an interpolated text.
var holes = lazy.New(`\$?\{([^{}]*)\}`)

// personal is a name in the words of an argument that says personal or secret, "" where there is none. Only what is put into a text
// counts: a key of a map, or a parameter of the call itself, is no part of a prompt.
func (l *look) personal(toks []token) string {
	for i, t := range toks {
		if t.kind == text && t.inter {
			for _, m := range holes.Compiled().FindAllStringSubmatch(t.s, -1) {
				if l.isPersonal(m[1]) {
					return strings.TrimSpace(m[1])
				}
			}
		}
		joined := i > 0 && toks[i-1].s == "+" || i+1 < len(toks) && toks[i+1].s == "+"
		if t.kind == name && joined && l.isPersonal(t.s) {
			return t.s
		}
	}
	return ""
}

func (l *look) isPersonal(expression string) bool {
	expression, _, _ = strings.Cut(strings.TrimSpace(expression), ":")
	last := strings.ToLower(expression[strings.LastIndexAny(expression, ".[")+1:])
	return slices.Contains(l.engine.known.Personal, strings.Trim(last, `]'"!`))
}
