package ai

import (
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

const maxManifest = 4 << 20 // bytes of a list of dependencies

// form is how a kind of manifest names packages: a line's first group is the package, the second its version.
type form struct {
	line  lazy.Regexp
	names func(*catalog) []string
}

// manifestOf returns the form of a list of dependencies, nil for other files.
func manifestOf(name, base string) *form {
	ext := path.Ext(base)
	switch {
	case base == "package.json":
		return &form{inJSON, func(c *catalog) []string { return c.Script }}
	case strings.HasPrefix(base, "requirements") && (ext == ".txt" || ext == ".in"), ext == ".txt" && strings.HasSuffix(path.Dir("/"+name), "/requirements"):
		return &form{inRequirements, func(c *catalog) []string { return c.Python }}
	case base == "pyproject.toml", base == "pipfile", base == "setup.cfg":
		return &form{inProject, func(c *catalog) []string { return c.Python }}
	case base == "go.mod":
		return &form{inModule, func(c *catalog) []string { return c.Golang }}
	case base == "pom.xml":
		return &form{inMaven, func(c *catalog) []string { return c.Java }}
	case strings.HasPrefix(base, "build.gradle"):
		return &form{inGradle, func(c *catalog) []string { return c.Java }}
	case ext == ".csproj", ext == ".fsproj", base == "directory.packages.props":
		return &form{inProjectXML, func(c *catalog) []string { return c.Dotnet }}
	case base == "cargo.toml":
		return &form{inCargo, func(c *catalog) []string { return c.Rust }}
	}
	return nil
}

// manifest notes the libraries that a list of dependencies names.
func (l *look) manifest(f *form) {
	if len(l.data) > maxManifest {
		return
	}
	list := f.names(&l.engine.known)
	for i, line := range strings.Split(string(l.data), "\n") {
		m := f.line.FindStringSubmatchIndex(line)
		if m == nil {
			continue
		}
		what := line[m[2]:m[3]]
		if name := listed(list, what); name {
			at := plinth.Location{Path: l.path, Line: int32(i) + 1, Col: int32(m[2]) + 1, EndLine: int32(i) + 1, EndCol: int32(m[3]) + 1}
			var more []plinth.Field
			if len(m) > 5 && m[4] >= 0 && line[m[4]:m[5]] != "" {
				more = append(more, plinth.Field{Key: "version", Value: plinth.StringOf(line[m[4]:m[5]])})
			}
			l.resource("ai/Library", what, at, more...)
		}
	}
}

// How a line of a manifest names a package and its version.
var (
	inJSON         = lazy.New(`^\s*"([@\w./-]+)"\s*:\s*"([~^<>=]*\s*\d[^"]*|latest|\*|workspace:[^"]*)"`)
	inRequirements = lazy.New(`^([A-Za-z][\w.-]*)(?:\[[^\]]*\])?\s*(?:[=<>~!]=?=?\s*([\w.*+-]+))?`)
	inProject      = lazy.New(`^\s*"?([A-Za-z][\w.-]*)(?:\[[^\]]*\])?"?\s*(?:=\s*[{"]|[=<>~!]=|[",]|$)\s*(?:version = ")?\^?~?([\d][\w.*]*)?`)
	inModule       = lazy.New(`^\s*(?:require\s+)?([\w.-]+\.[\w.-]+/[\w./-]+)\s+(v[\w.+-]+)`)
	inMaven        = lazy.New(`<groupId>\s*([\w.-]+)\s*</groupId>`)
	inGradle       = lazy.New(`['"]([\w.-]+):[\w.-]+(?::([\w.+-]+))?['"]`)
	inProjectXML   = lazy.New(`<Package(?:Reference|Version)\s+Include="([\w.-]+)"(?:\s+Version="([^"]+)")?`)
	inCargo        = lazy.New(`^([a-z][\w-]*)\s*=\s*(?:\{\s*version\s*=\s*)?"?([\d][\w.]*)?`)
)

func listed(list []string, what string) bool {
	lower := strings.ToLower(what)
	return slices.ContainsFunc(list, func(known string) bool {
		known = strings.ToLower(known)
		if begin, open := strings.CutSuffix(known, "*"); open {
			return strings.HasPrefix(lower, begin)
		}
		return lower == known
	})
}
