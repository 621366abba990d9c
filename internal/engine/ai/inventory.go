package ai

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
)

const maxManifest = 4 << 20 // bytes of a list of dependencies

// binary notes a model file, by its first bytes, and looks into pickles. It tells whether the file is one.
func (l *look) binary() bool {
	format := ""
	switch head := l.data[:min(len(l.data), 64)]; {
	case bytes.HasPrefix(head, []byte("GGUF")):
		format = "gguf"
	case bytes.HasPrefix(head, []byte("\x89HDF\r\n")) && (strings.HasSuffix(l.base, ".h5") || strings.HasSuffix(l.base, ".hdf5") || strings.HasSuffix(l.base, ".keras")):
		format = "keras-h5"
	case strings.HasSuffix(l.base, ".safetensors") && len(head) > 9 && head[8] == '{':
		format = "safetensors"
	case strings.HasSuffix(l.base, ".onnx") && head[0] == 0x08:
		format = "onnx"
	case pickled(l.base) && isPickle(l.data):
		format = "pickle"
	default:
		return false
	}
	at := plinth.Location{Path: l.path}
	l.resource("ai/ModelFile", path.Base(l.path), at, plinth.Field{Key: "format", Value: plinth.StringOf(format)})
	if format != "pickle" {
		return true
	}
	names, _ := imports(l.data)
	if names = slices.DeleteFunc(names, func(n string) bool { return !runs(n) }); len(names) > 0 {
		slices.Sort(names)
		l.report("pickle-code", at, "pickle", "it calls "+strings.Join(names[:min(len(names), 5)], ", "))
	}
	return true
}

// pickled tells by the name whether a file may be a pickle: in an archive of PyTorch it is data.pkl.
func pickled(base string) bool {
	switch path.Ext(base) {
	case ".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".p", ".model", ".dat":
		return true
	}
	return false
}

// manifest notes the libraries that a list of dependencies names.
func (l *look) manifest() {
	var list []string
	var form *regexp.Regexp
	known := &l.engine.known
	ext := path.Ext(l.base)
	switch {
	case l.base == "package.json":
		list, form = known.Script, inJSON
	case strings.HasPrefix(l.base, "requirements") && (ext == ".txt" || ext == ".in"), ext == ".txt" && strings.HasSuffix(path.Dir("/"+l.path), "/requirements"):
		list, form = known.Python, inRequirements
	case l.base == "pyproject.toml", l.base == "pipfile", l.base == "setup.cfg":
		list, form = known.Python, inProject
	case l.base == "go.mod":
		list, form = known.Golang, inModule
	case l.base == "pom.xml":
		list, form = known.Java, inMaven
	case strings.HasPrefix(l.base, "build.gradle"):
		list, form = known.Java, inGradle
	case ext == ".csproj", ext == ".fsproj", l.base == "directory.packages.props":
		list, form = known.Dotnet, inProjectXML
	case l.base == "cargo.toml":
		list, form = known.Rust, inCargo
	default:
		return
	}
	if len(l.data) > maxManifest {
		return
	}
	for i, line := range strings.Split(string(l.data), "\n") {
		m := form.FindStringSubmatchIndex(line)
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
	inJSON         = regexp.MustCompile(`^\s*"([@\w./-]+)"\s*:\s*"([~^<>=]*\s*\d[^"]*|latest|\*|workspace:[^"]*)"`)
	inRequirements = regexp.MustCompile(`^([A-Za-z][\w.-]*)(?:\[[^\]]*\])?\s*(?:[=<>~!]=?=?\s*([\w.*+-]+))?`)
	inProject      = regexp.MustCompile(`^\s*"?([A-Za-z][\w.-]*)(?:\[[^\]]*\])?"?\s*(?:=\s*[{"]|[=<>~!]=|[",]|$)\s*(?:version = ")?\^?~?([\d][\w.*]*)?`)
	inModule       = regexp.MustCompile(`^\s*(?:require\s+)?([\w.-]+\.[\w.-]+/[\w./-]+)\s+(v[\w.+-]+)`)
	inMaven        = regexp.MustCompile(`<groupId>\s*([\w.-]+)\s*</groupId>`)
	inGradle       = regexp.MustCompile(`['"]([\w.-]+):[\w.-]+(?::([\w.+-]+))?['"]`)
	inProjectXML   = regexp.MustCompile(`<Package(?:Reference|Version)\s+Include="([\w.-]+)"(?:\s+Version="([^"]+)")?`)
	inCargo        = regexp.MustCompile(`^([a-z][\w-]*)\s*=\s*(?:\{\s*version\s*=\s*)?"?([\d][\w.]*)?`)
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
