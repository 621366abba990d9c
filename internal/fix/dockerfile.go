package fix

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/read/dockerfile"
)

// Dockerfile proposes fixes of Dockerfiles.
type Dockerfile struct{}

// nobody is the user that an image without one gets: a number without a name in /etc/passwd, so that every base image has it.
const nobody = "65532:65532"

// step is an instruction: its lines, and where they stand.
type step struct {
	path     string
	src      []byte
	op       string
	from, to int // bytes of its lines, the last line's end not included
	nodes    []dockerfile.Instruction
	advice   string
}

// rewrite changes the text of an instruction.
type rewrite func(s *step) (Candidate, string)

// containers are the fixes by rule, without the prefix dockerfile-.
func containers() map[string]rewrite {
	install := func(tools, words, option string) rewrite {
		return replaced("add "+option, `(?:`+tools+`)(?:\s+-\S+)*\s+(?:`+words+`)`, "$0 "+option)
	}
	without := func(option string) rewrite { return replaced("take the option out", `\s+(?:`+option+`)(\s|$)`, "$1") }
	return map[string]rewrite{
		"add-instead-of-copy":   replaced("use COPY", `^(?i:ADD)\b`, "COPY"),
		"apk-cache":             install(`apk`, `add`, "--no-cache"),
		"apk-untrusted":         without(`--allow-untrusted`),
		"apt":                   replaced("use apt-get", `(^|[^\w./-])apt(\s+(?:-\S+\s+)*(?:install|update|upgrade|full-upgrade|dist-upgrade|remove|purge|autoremove|clean)\b)`, "${1}apt-get$2"),
		"apt-confirm":           install(`apt-get|apt`, `install|upgrade|dist-upgrade|remove|purge`, "-y"),
		"apt-force-yes":         replaced("use -y", `--force-yes\b`, "-y"),
		"apt-lists":             ended("rm -rf /var/lib/apt/lists/*"),
		"apt-recommends":        install(`apt-get|apt`, `install`, "--no-install-recommends"),
		"apt-unauthenticated":   without(`--allow-(?:unauthenticated|insecure-repositories)`),
		"copy-destination":      replaced("end the destination with a slash", `([^/\s"\]])(["\]\s]*)$`, "$1/$2"),
		"curl-insecure":         without(`--insecure|--proxy-insecure|-k`),
		"dnf-cache":             ended("dnf clean all"),
		"dnf-confirm":           install(`dnf|microdnf`, `install|reinstall|groupinstall`, "-y"),
		"maintainer":            replaced("use a label", `(?s)^(?i:MAINTAINER)\s+"?(.*?)"?$`, `LABEL org.opencontainers.image.authors="$1"`),
		"microdnf-cache":        ended("microdnf clean all"),
		"multiple-cmds":         gone,
		"multiple-entrypoints":  gone,
		"multiple-healthchecks": gone,
		"pip-cache":             install(`pip[0-9.]*`, `install`, "--no-cache-dir"),
		"pip-trusted-host":      without(`--trusted-host[= ]\S+`),
		"pip-env-trusted-host":  gone,
		"node-no-tls-check":     gone,
		"npm-env-no-tls-check":  gone,
		"git-no-tls-check":      gone,
		"python-no-tls-check":   gone,
		"root-user":             user,
		"rpm-no-gpg-check":      without(`--nogpgcheck`),
		"rpm-no-verify":         without(`--nodigest|--nosignature|--noverify|--nofiledigest`),
		"shell-form":            listed,
		"sudo":                  replaced("take sudo out", `\bsudo(?:\s+-[EHn]+)*\s+`, ""),
		"wget-insecure":         without(`--no-check-certificate`),
		"yum-cache":             ended("yum clean all"),
		"yum-confirm":           install(`yum`, `install|reinstall|groupinstall|update|upgrade`, "-y"),
		"zypper-cache":          ended("zypper clean --all"),
		"zypper-confirm":        install(`zypper`, `install|in`, "-y"),
	}
}

// Propose returns the one candidate of a finding, or why there is none.
func (Dockerfile) Propose(f *plinth.Finding, read func(string) ([]byte, error)) ([]Candidate, string) {
	change, ok := containers()[strings.TrimPrefix(f.Rule.ID, docker)]
	if !ok {
		return nil, "what to write here only the owner knows: " + f.Rule.Fix
	}
	src, err := read(f.At.Path)
	if err != nil {
		return nil, "the file cannot be read: " + err.Error()
	}
	nodes, err := dockerfile.Instructions(src)
	if err != nil {
		return nil, "the file does not parse"
	}
	i := slices.IndexFunc(nodes, func(n dockerfile.Instruction) bool { return n.First <= int(f.At.Line) && int(f.At.Line) <= n.End })
	if i < 0 {
		return nil, "its instruction is not in this file"
	}
	n := nodes[i]
	if n.Heredoc {
		return nil, "its instruction has a heredoc"
	}
	s := &step{path: f.At.Path, src: src, op: n.Op, nodes: nodes, advice: f.Rule.Fix}
	s.from, s.to = lineOffset(src, n.First), lineEnd(src, lineOffset(src, n.End))
	c, why := change(s)
	if len(c.Edits) == 0 {
		return nil, why
	}
	return []Candidate{c}, ""
}

func (s *step) text() string { return string(s.src[s.from:s.to]) }

// become changes the instruction's text; bytes at its begin and end that stay are not touched.
func (s *step) become(text, summary, note string) (Candidate, string) {
	if text == s.text() {
		return Candidate{}, "what to write here only the owner knows: " + s.advice
	}
	return Candidate{Summary: summary, Note: note, Edits: []Edit{s.edit(0, s.to-s.from, text)}}, ""
}

// edit replaces bytes of the instruction, as few as the new text allows.
func (s *step) edit(from, to int, text string) Edit {
	was := s.text()
	for from < to && text != "" && was[from] == text[0] {
		from, text = from+1, text[1:]
	}
	for from < to && text != "" && was[to-1] == text[len(text)-1] {
		to, text = to-1, text[:len(text)-1]
	}
	return Edit{Path: s.path, From: s.from + from, To: s.from + to, Text: text}
}

// replaced replaces every match in the instruction.
func replaced(summary, pattern, with string) rewrite {
	re := regexp.MustCompile(pattern)
	with = strings.ReplaceAll(with, "$0", "${0}")
	return func(s *step) (Candidate, string) {
		c := Candidate{Summary: summary}
		for _, m := range re.FindAllStringSubmatchIndex(s.text(), -1) {
			c.Edits = append(c.Edits, s.edit(m[0], m[1], string(re.ExpandString(nil, with, s.text(), m))))
		}
		if len(c.Edits) == 0 {
			return c, "what to write here only the owner knows: " + s.advice
		}
		return c, ""
	}
}

// ended ends the shell text of a RUN with one more command.
func ended(command string) rewrite {
	return func(s *step) (Candidate, string) {
		text := strings.TrimRight(s.text(), " \t")
		if strings.HasSuffix(text, "]") || strings.HasSuffix(text, ";") {
			return Candidate{}, "what to write here only the owner knows: " + s.advice
		}
		join := " && "
		if at := strings.LastIndexByte(text, '\n'); at >= 0 {
			line := text[at+1:]
			pad := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
			join = " \\\n" + pad + "&& "
		}
		return s.become(text+join+command, "end with "+command, "")
	}
}

// gone takes an instruction out that says one thing only.
func gone(s *step) (Candidate, string) {
	if s.op == "ENV" && strings.Count(s.text(), "=") > 1 {
		return Candidate{}, "the instruction says more than this"
	}
	to := min(s.to+1, len(s.src))
	return Candidate{Summary: "take the instruction out", Edits: []Edit{{Path: s.path, From: s.from, To: to}}}, ""
}

// shellWords are what only a shell understands.
const shellWords = "$`'\"\\|&;<>(){}*?[]~#=\n"

// listed writes a plain command as a JSON list.
func listed(s *step) (Candidate, string) {
	text := s.text()
	rest := strings.TrimSpace(text[len(s.op):])
	if strings.ContainsAny(rest, shellWords) || s.op == "HEALTHCHECK" || s.op == "RUN" {
		return Candidate{}, "the command needs a shell"
	}
	list, err := json.Marshal(strings.Fields(rest))
	if err != nil {
		return Candidate{}, "the command needs a shell"
	}
	return s.become(text[:len(s.op)]+" "+strings.ReplaceAll(string(list), `","`, `", "`), "write the command as a list", "")
}

// user switches to a user of its own before what the image runs, at its end where it says nothing of that.
func user(s *step) (Candidate, string) {
	if s.op == "USER" {
		return s.become("USER "+nobody, "run as "+nobody, userNote)
	}
	at := -1
	for _, n := range s.nodes {
		switch op := n.Op; {
		case op == "FROM":
			at = -1
		case at < 0 && (op == "CMD" || op == "ENTRYPOINT"):
			at = lineOffset(s.src, n.First)
		case op != "CMD" && op != "ENTRYPOINT":
			at = -1 // what follows still builds, as root
		}
	}
	text := "USER " + nobody + "\n"
	if at < 0 {
		at = len(s.src)
		if !bytes.HasSuffix(s.src, []byte("\n")) {
			text = "\n" + text
		}
	}
	return Candidate{Summary: "run as " + nobody, Note: userNote, Edits: []Edit{{Path: s.path, From: at, To: at, Text: text}}}, ""
}

const userNote = "files that the process writes have to belong to " + nobody + ", and its ports to lie above 1023"

func lineOffset(src []byte, line int) int {
	at := 0
	for ; line > 1; line-- {
		next := bytes.IndexByte(src[at:], '\n')
		if next < 0 {
			return len(src)
		}
		at += next + 1
	}
	return at
}

// lineEnd is where the line that begins at an offset ends, without its line end.
func lineEnd(src []byte, at int) int {
	end := bytes.IndexByte(src[at:], '\n')
	if end < 0 {
		return len(src)
	}
	return at + len(bytes.TrimRight(src[at:at+end], "\r"))
}

// DockerfileRules are the ids of the rules about Dockerfiles that have fixes, sorted.
func DockerfileRules() []string {
	var out []string
	for name := range containers() {
		out = append(out, docker+name)
	}
	slices.Sort(out)
	return out
}
