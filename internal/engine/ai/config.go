package ai

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/lazy"
)

const maxSettings = 1 << 20 // bytes of a configuration that people write

// settings looks at the configurations of agents and of MCP servers.
func (l *look) settings() {
	dir := "/" + strings.ToLower(path.Dir(l.path)) + "/"
	agent := strings.HasSuffix(dir, "/.claude/") && strings.HasPrefix(l.base, "settings") || strings.HasSuffix(dir, "/.vscode/") && l.base == "settings.json" ||
		strings.HasSuffix(dir, "/.gemini/") && l.base == "settings.json"
	mcp := l.base == ".mcp.json" || l.base == "mcp.json" || l.base == "mcp_config.json" || l.base == "claude_desktop_config.json" || l.base == "mcp_settings.json" || l.base == "cline_mcp_settings.json"
	switch {
	case l.base == "agents.md", l.base == "claude.md", l.base == "gemini.md", l.base == "copilot-instructions.md", l.base == ".cursorrules", l.base == ".windsurfrules",
		strings.HasSuffix(dir, "/.cursor/rules/"), strings.HasSuffix(dir, "/.claude/agents/"), strings.HasSuffix(dir, "/.claude/commands/"):
		l.resource("ai/AgentInstructions", path.Base(l.path), l.top())
		return
	case !agent && !mcp, len(l.data) > maxSettings, !strings.HasSuffix(l.base, ".json"):
		return
	}
	parser := &document.Parser{Relaxed: true} // comments are usual in these files
	parser.Parse(l.path, l.data, func(d document.Document) {
		for _, key := range []string{"mcpServers", "servers", "mcp"} {
			servers, _ := d.Value.Get(key)
			if inner, ok := servers.Get("servers"); key == "mcp" && ok {
				servers = inner
			} else if key == "mcp" || key == "servers" && !mcp {
				continue
			}
			for _, s := range servers.Fields() {
				if s.Value.Kind() == plinth.Map {
					l.server(s.Key, s.Value)
				}
			}
		}
		if agent {
			l.resource("ai/AgentSettings", path.Base(l.path), l.top())
			l.permissions(d.Value)
		}
	})
}

func (l *look) top() plinth.Location {
	return plinth.Location{Path: l.path, Line: 1, Col: 1, EndLine: 1, EndCol: 2}
}

func placeOf(v plinth.Value) plinth.Location {
	if o := v.Origin(); o != nil {
		return o.At
	}
	return plinth.Location{}
}

func texts(v plinth.Value) (out []string) {
	for _, e := range v.List() {
		out = append(out, e.Str())
	}
	return out
}

// version is a version behind the name of a package: @1.2.3, ==1.2.3, @sha256:…; not a tag such as @latest.
var version = lazy.New(`.(@v?\d[\w.+-]*|==\d[\w.+-]*|@[0-9a-f]{40}|@sha256:[0-9a-f]{64})$`)

// server looks at one MCP server.
func (l *look) server(name string, v plinth.Value) {
	get := func(key string) plinth.Value { x, _ := v.Get(key); return x }
	command, args := get("command"), get("args")
	words := texts(args)
	url := get("url")
	if url.IsNull() {
		url = get("serverUrl")
	}
	l.resource("ai/Server", name, placeOf(v), plinth.Field{Key: "command", Value: command}, plinth.Field{Key: "args", Value: args}, plinth.Field{Key: "url", Value: url})
	if what := loose(path.Base(command.Str()), words); what != "" {
		at := placeOf(args)
		for _, a := range args.List() {
			if a.Str() == what {
				at = placeOf(a)
			}
		}
		l.report("mcp-unpinned", at, name, name+" runs "+what)
	}
	if host, ok := strings.CutPrefix(strings.ToLower(url.Str()), "http://"); ok && !local(host) {
		l.report("mcp-http", placeOf(url), name, name+" is at "+url.Str())
	}
	for _, key := range []string{"env", "headers"} {
		for _, e := range get(key).Fields() {
			if secretName.MatchString(e.Key) && isSecret(e.Value.Str()) {
				l.report("mcp-secret", placeOf(e.Value), name+"."+e.Key, e.Key+" of "+name+" is written out")
			}
		}
	}
	for i, w := range words {
		if slices.Contains([]string{"/", "~", "~/", "$HOME", "${HOME}", "C:\\", "C:/", "%USERPROFILE%", "/home", "/Users", "/root", "${env:HOME}", "${userHome}"}, w) && strings.Contains(strings.ToLower(strings.Join(words, " ")+command.Str()+name), "file") {
			l.report("mcp-root", placeOf(args.List()[i]), name, name+" gets "+w)
		}
	}
	for _, key := range []string{"autoApprove", "alwaysAllow"} {
		if slices.Contains(texts(get(key)), "*") {
			l.report("mcp-approve", placeOf(get(key)), name, "every tool of "+name+" is approved")
		}
	}
	if get("trust").Bool() {
		l.report("mcp-approve", placeOf(get("trust")), name+".trust", "every tool of "+name+" is trusted")
	}
}

func local(host string) bool {
	host, _, _ = strings.Cut(host, "/")
	if i := strings.LastIndexByte(host, ':'); i > 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return host == "localhost" || host == "[::1]" || strings.HasPrefix(host, "127.") || host == "0.0.0.0" || host == "host.docker.internal" || strings.Contains(host, "$") || !strings.Contains(host, ".")
}

var secretName = lazy.New(`(?i)(token|secret|password|passwd|api_?key|access_?key|authorization|private_?key)$`)

// isSecret tells a value from a reference and from what stands in the place of one.
func isSecret(s string) bool {
	lower := strings.ToLower(s)
	for _, word := range []string{"${", "$(", "{{", "<", "your", "xxx", "example", "changeme", "replace", "placeholder", "todo", "...", "…", "env:", "secret:", "op://", "insert", "dummy", "test"} {
		if strings.Contains(lower, word) {
			return false
		}
	}
	return len(s) >= 8 && !strings.HasPrefix(s, "$") && !strings.HasPrefix(s, "%") && strings.ContainsAny(s, "0123456789")
}

// loose is the package or image that a command fetches without a version, "" where it fetches none or a certain one.
func loose(command string, args []string) string {
	command = strings.TrimSuffix(command, ".cmd")
	if command == "cmd" && len(args) > 1 && strings.EqualFold(args[0], "/c") {
		command, args = args[1], args[2:]
	}
	switch command {
	case "pnpm", "yarn", "bun":
		if len(args) == 0 || args[0] != "dlx" && args[0] != "x" {
			return ""
		}
		args = args[1:]
	case "pipx", "uv":
		i := slices.IndexFunc(args, func(a string) bool { return a == "run" })
		if i < 0 || command == "uv" && !(i > 0 && args[0] == "tool") {
			return ""
		}
		args = args[i+1:]
	case "docker", "podman":
		return image(args)
	case "npx", "uvx", "bunx":
	default:
		return ""
	}
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case (a == "--from" || a == "--package" || a == "-p" || a == "--spec") && i+1 < len(args):
			return unversioned(args[i+1])
		case strings.HasPrefix(a, "--from=") || strings.HasPrefix(a, "--package="):
			return unversioned(a[strings.IndexByte(a, '=')+1:])
		case a == "--python" || a == "--index-url" || a == "--with" || a == "--registry":
			i++
		case strings.HasPrefix(a, "-") || a == "":
		default:
			return unversioned(a)
		}
	}
	return ""
}

// unversioned returns a package without a version; a folder is none, and a variable may hold one.
func unversioned(pkg string) string {
	if version.MatchString(pkg) || strings.HasPrefix(pkg, ".") || strings.HasPrefix(pkg, "/") || strings.ContainsAny(pkg, "${<") {
		return ""
	}
	return pkg
}

// valued are options of docker run that take a value of their own.
var valued = []string{"-e", "--env", "-v", "--volume", "--mount", "--name", "--network", "--net", "-p", "--publish", "-w", "--workdir", "-u", "--user", "--env-file", "--entrypoint", "--platform", "--pull", "-l", "--label", "-m", "--memory", "--cpus", "--add-host"}

func image(args []string) string {
	if len(args) == 0 || args[0] != "run" {
		return ""
	}
	for i := 1; i < len(args); i++ {
		a := args[i]
		switch {
		case slices.Contains(valued, a):
			i++
		case strings.HasPrefix(a, "-"):
		case strings.Contains(a, "@sha256:"), strings.ContainsAny(a, "${<"):
			return ""
		default:
			_, tag, ok := strings.Cut(a[strings.LastIndexByte(a, '/')+1:], ":")
			if !ok || tag == "latest" {
				return a
			}
			return ""
		}
	}
	return ""
}

// permissions looks at what an agent may do without asking.
func (l *look) permissions(v plinth.Value) {
	allow, _ := v.At("permissions", "allow")
	for _, a := range allow.List() {
		if slices.Contains([]string{"*", "Bash", "Bash(*)", "Bash(:*)", "Bash(*:*)", "Bash(**)"}, a.Str()) {
			l.report("agent-allow-all", placeOf(a), a.Str(), "permissions.allow has "+a.Str())
		}
	}
	if mode, _ := v.At("permissions", "defaultMode"); mode.Str() == "bypassPermissions" {
		l.report("agent-allow-all", placeOf(mode), "mode", "permissions.defaultMode is bypassPermissions")
	}
	for _, key := range []string{"chat.tools.autoApprove", "chat.tools.global.autoApprove"} {
		if on, _ := v.Get(key); on.Bool() {
			l.report("agent-allow-all", placeOf(on), key, key+" is true")
		}
	}
	if on, _ := v.Get("enableAllProjectMcpServers"); on.Bool() {
		l.report("mcp-approve", placeOf(on), "all", "enableAllProjectMcpServers is true")
	}
}

// switches are options with which agents ask nobody, and the words that tell that the line starts an agent.
var switches = lazy.New(`(--dangerously-skip-permissions|--dangerously-bypass-approvals-and-sandbox|\b(?:gemini|codex|q chat)\b[^#\n]*\s(?:--yolo|--trust-all-tools))(?:[\s"'\\=]|$)`)

// started looks for agents that scripts, containers and pipelines start without asking.
func (l *look) started() {
	ext := path.Ext(l.base)
	shell := ext == ".sh" || ext == ".bash" || ext == ".yml" || ext == ".yaml" || ext == ".ps1" || ext == ".zsh" || strings.HasPrefix(l.base, "dockerfile") || l.base == "makefile" || l.base == "justfile" || l.base == "package.json"
	if !shell || len(l.data) > maxProgram || !mentions(l.data, started) {
		return
	}
	for i, line := range bytes.Split(l.data, []byte("\n")) {
		m := switches.Compiled().FindSubmatchIndex(line)
		if m == nil || bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) || bytes.Contains(line[:m[0]], []byte(" #")) || bytes.Contains(line[:m[0]], []byte("echo ")) {
			continue
		}
		what := string(line[m[2]:m[3]])
		at := plinth.Location{Path: l.path, Line: int32(i) + 1, Col: int32(m[2]) + 1, EndLine: int32(i) + 1, EndCol: int32(m[3]) + 1}
		l.report("agent-skip-permissions", at, what, what)
	}
}

var started = split("--dangerously-skip-permissions --dangerously-bypass-approvals-and-sandbox --yolo --trust-all-tools")

// prompt notes files that hold a prompt.
func (l *look) prompt() {
	dir := "/" + strings.ToLower(path.Dir(l.path)) + "/"
	ext := path.Ext(l.base)
	if ext == ".prompt" || ext == ".prompty" || strings.HasSuffix(l.base, ".prompt.md") || strings.HasSuffix(dir, "/prompts/") && (ext == ".md" || ext == ".txt" || ext == ".jinja" || ext == ".j2") {
		l.resource("ai/Prompt", path.Base(l.path), l.top())
	}
}
