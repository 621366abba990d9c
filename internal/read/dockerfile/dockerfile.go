// Package dockerfile reads Dockerfiles into one resource for each build stage, of the type dockerfile/Stage.
//
// Props of a stage, where a thing that was never said is absent:
//
//	name         the stage's name, or its number as text
//	index        its number, from 0
//	final        true for the last stage, the one that is built
//	file         the file's path
//	from         {image, stage, platform, digest…}: image as in FROM, or stage, the earlier stage that FROM names
//	user         the effective USER, group included; like all below inherited from the stage that FROM names
//	workdir      the effective WORKDIR, absolute where that is known
//	shell        the effective SHELL, a list
//	exposed      [{port, to, protocol}]; to only for ranges, protocol tcp or udp
//	env, labels  maps
//	volumes      a list
//	healthcheck  {none: true}, or {form, test: [words], interval, timeout, retries, …}
//	cmd, entrypoint   {form, args}
//	stopsignal   text
//	globals      the ARG instructions before the first FROM, on the first stage only
//	instructions the stage's own instructions, FROM included, in their order:
//	  op         upper case: RUN
//	  text       as written, continued lines joined
//	  args       a list of words, variables filled in where Docker does that; for shell forms one element, the whole text
//	  flags      {name: value}; a list for flags that may be repeated (mount, exclude, security, device), "true" for a flag without a value
//	  form       shell, exec or heredoc, for RUN, CMD, ENTRYPOINT, HEALTHCHECK and SHELL
//	  pairs      {name: value} for ENV, LABEL and ARG; null for an ARG without a default
//	  heredocs   [{name, text}] for RUN, COPY and ADD
//	  trigger    the instruction that ONBUILD keeps
//	  commands   [{name, args, text, sudo, piped, env}] of RUN, CMD, ENTRYPOINT and HEALTHCHECK: the simple commands of the shell text
//	             in their order, also those inside conditions, subshells, heredoc scripts and sh -c '…'. sudo is true where the
//	             command ran under sudo (name is then the command itself), piped where its output goes to another command
//
// Every instruction has the place of its lines, and every command the place of its own words in them. A variable whose ARG has no
// default is unknown because of it ("ARG x"); one that only the base image could have set is unknown, too ("$x").
package dockerfile

import (
	"context"
	"path"
	"strings"

	"github.com/plinthsec/plinth"
)

const (
	maxVariables = 20_000   // "${" in one file: the expansion of nested ones recurses
	maxShell     = 64 << 10 // bytes of a shell text that is parsed: the shell parser recurses
	maxNesting   = 1000     // open brackets in a shell text, for the same reason
	maxScripts   = 4        // sh -c inside sh -c
	maxPorts     = 1000     // entries of exposed
)

type reader struct{}

var _ plinth.Reader = reader{}

// New returns the reader.
func New() plinth.Reader { return reader{} }

func (reader) Name() string { return "dockerfile" }

// Wants asks for files by name: Dockerfile, Dockerfile.* and *.dockerfile, and the same with Containerfile.
func (reader) Wants(name string, _ []byte) bool {
	base := strings.ToLower(path.Base(name))
	for _, word := range []string{"dockerfile", "containerfile"} {
		if base == word || strings.HasSuffix(base, "."+word) && len(base) > len(word)+1 {
			return true
		}
		rest, ok := strings.CutPrefix(base, word)
		if ok && strings.IndexByte(".-_", rest[0]) >= 0 && len(rest) > 1 {
			return !foreign(path.Ext(rest))
		}
	}
	return false
}

// foreign tells whether an extension names a file that is about Dockerfiles, but none.
func foreign(ext string) bool {
	switch ext {
	case ".md", ".markdown", ".rst", ".adoc", ".html", ".txt", ".pdf", ".dockerignore", ".json", ".yaml", ".yml", ".toml", ".ini", ".xml", ".lock",
		".go", ".py", ".js", ".mjs", ".ts", ".tsx", ".rb", ".rs", ".java", ".kt", ".cs", ".c", ".h", ".cpp", ".php", ".pl", ".lua", ".vim", ".el",
		".sh", ".bash", ".ps1", ".bat", ".cmd", ".tf", ".hcl", ".nix", ".svg", ".png", ".sum", ".map", ".css", ".scss", ".snap", ".diff", ".patch",
		".orig", ".rej", ".bak", ".swp", ".log":
		return true
	}
	return false
}

// template tells whether a file's name says that something still has to fill it in.
func template(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".j2", ".jinja", ".jinja2", ".tmpl", ".tpl", ".template", ".erb", ".in", ".mustache", ".hbs", ".gotmpl", ".cog":
		return true
	}
	return false
}

// Read emits the stages of all files.
func (reader) Read(ctx context.Context, p *plinth.Project, to plinth.Sink) error {
	for _, f := range p.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := &reading{project: p, path: f.Path}
		stages := r.file(f.Data)
		if template(f.Path) && len(r.problems) > 0 {
			to.Problem(plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: f.Path}, Text: "template of a Dockerfile, which is not rendered"})
			continue
		}
		for _, s := range stages {
			to.Resource(s)
		}
		for _, x := range r.problems {
			to.Problem(x)
		}
	}
	return nil
}
