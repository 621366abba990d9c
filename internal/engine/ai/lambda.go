package ai

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/lazy"
)

const (
	maxLambdas = 100       // layers of one model that are looked at
	maxCode    = 256 << 10 // bytes of one function, in base 64
)

var (
	// lambdaForm is how a model says that the function of a layer is code, and not a name: Keras 2 and Keras 3.
	lambdaForm = lazy.New(`"(?:function_type|class_name)"\s*:\s*"(?:lambda|__lambda__)"`)
	// lambdaCode is the code, which marshal wrote: a code object and the flag of a reference, 0xe3, or without it, 0x63.
	lambdaCode = lazy.New(`"((?:4w|Yw)[A-Za-z0-9+/]{14}(?:[A-Za-z0-9+/=]|\\n)*)"`)
)

// powers are names that a layer which only calculates has no need of.
var powers = []string{
	"os", "posix", "nt", "subprocess", "socket", "pty", "ctypes", "importlib", "runpy", "shutil", "requests", "urllib", "__import__", "__builtins__", "__subclasses__",
	"eval", "exec", "execfile", "system", "popen",
}

// lambdas finds the layers of a Keras model that are code, in what describes the model: a JSON text, also in the middle of an HDF5 file.
func (l *look) lambdas() {
	if !bytes.Contains(l.data, []byte(`"lambda"`)) && !bytes.Contains(l.data, []byte(`"__lambda__"`)) { // the expression takes its time
		return
	}
	at := lambdaForm.Compiled().FindIndex(l.data)
	if at == nil {
		return
	}
	place := plinth.Location{Path: l.path}
	if strings.HasSuffix(l.base, ".json") {
		line := int32(bytes.Count(l.data[:at[0]], []byte("\n")) + 1)
		place = plinth.Location{Path: l.path, Line: line, Col: int32(at[0] - bytes.LastIndexByte(l.data[:at[0]], '\n')), EndLine: line, EndCol: int32(at[1] - bytes.LastIndexByte(l.data[:at[0]], '\n'))}
	}
	var names []string
	codes := lambdaCode.Compiled().FindAllSubmatch(l.data, maxLambdas)
	for _, m := range codes {
		code, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(m[1][:min(len(m[1]), maxCode)]), `\n`, ""))
		if err != nil && len(code) == 0 {
			continue
		}
		for _, word := range marshalled(code) {
			if slices.Contains(powers, word) && !slices.Contains(names, word) {
				names = append(names, word)
			}
		}
	}
	switch {
	case len(names) > 0:
		slices.Sort(names)
		l.report("lambda-code", place, "lambda", "it uses "+strings.Join(names[:min(len(names), 5)], ", "))
	case len(codes) > 0:
		l.report("lambda-layer", place, "lambda", "")
	}
}

// marshalled are the short texts in what marshal wrote: a mark, the length, and so many bytes. Python, Marshal/marshal.c, TYPE_SHORT_ASCII.
func marshalled(code []byte) []string {
	var out []string
	for i := 0; i+2 < len(code); i++ {
		if mark := code[i] &^ 0x80; mark != 'z' && mark != 'Z' {
			continue
		}
		n := int(code[i+1])
		if n == 0 || i+2+n > len(code) {
			continue
		}
		if word := code[i+2 : i+2+n]; !slices.ContainsFunc(word, func(c byte) bool { return c < ' ' || c > '~' }) {
			out = append(out, string(word))
		}
	}
	return out
}
