package helm

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/Masterminds/sprig/v3"
	"go.yaml.in/yaml/v3"
)

var errTree = errors.New("a list or map has more values than a chart is expected to make")

// functions are those of Helm and of the language.
func (e *engine) functions() map[string]any {
	f := builtins()
	maps.Copy(f, sprig.GenericFuncMap())
	for _, name := range [...]string{"env", "expandenv", "getHostByName"} {
		delete(f, name)
	}
	maps.Copy(f, map[string]any{
		"toYaml": func(v any) string { return e.yaml(v) }, "mustToYaml": func(v any) string { return e.yaml(v) }, "toYamlPretty": func(v any) string { return e.yaml(v) },
		"fromYaml": fromYAML, "fromYamlArray": fromYAMLArray, "toJson": e.json, "mustToJson": e.json, "fromJson": fromYAML, "fromJsonArray": fromYAMLArray,
		"toToml": toTOML, "fromToml": func(string) map[string]any { return map[string]any{} },
		"required": e.required, "fail": func(text string) (string, error) { return "", errors.New(text) },
		"lookup": func(...string) map[string]any { return map[string]any{} }, "getHostByName": func(string) string { return "" },
		"include": e.include, "tpl": e.tpl,
		// printing is the language's own; it stands here to be weighed
		"print": fmt.Sprint, "println": fmt.Sprintln, "printf": fmt.Sprintf,
		"set": e.set, "merge": merge, "mustMerge": merge, "mergeOverwrite": mergeOver, "mustMergeOverwrite": mergeOver, "deepCopy": copied, "mustDeepCopy": copied,
		"until": until, "untilStep": untilStep, "seq": seq, "chunk": chunk, "mustChunk": chunk, "repeat": repeat, "indent": indent, "nindent": func(n int, s string) (string, error) { s, err := indent(n, s); return "\n" + s, err },
	})
	// what is made by chance, or takes long to make
	text := func(s string) func(...any) string { return func(...any) string { return s } }
	pair := map[string]any{"Cert": "certificate", "Key": "key"}
	for _, name := range [...]string{"randAlphaNum", "randAlpha", "randNumeric", "randAscii", "randBytes", "derivePassword", "genPrivateKey", "bcrypt", "htpasswd", "encryptAES", "decryptAES"} {
		f[name] = text(made)
	}
	f["uuidv4"] = text("00000000-0000-4000-8000-000000000000")
	for _, name := range [...]string{"genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "buildCustomCert"} {
		f[name] = func(...any) map[string]any { return clone(pair) }
	}
	f["randInt"] = func(low, _ int) int { return low }
	return f
}

// made stands for what a chart makes by chance when it is installed.
const made = "made-when-installed"

// weigh refuses a result that is too large.
func (e *engine) weigh(v any) error {
	if s, ok := v.(string); ok {
		if len(s) > maxText {
			return errors.New("a text is longer than a chart is expected to make")
		}
		return nil
	}
	n := 0
	if !count(reflect.ValueOf(v), &n) {
		return errTree
	}
	return e.step(n / 64)
}

// count counts the values of a tree; false where there are too many, as in one that holds itself.
func count(v reflect.Value, n *int) bool {
	if *n++; *n > maxTree {
		return false
	}
	switch v.Kind() {
	case reflect.Interface:
		return v.IsNil() || count(v.Elem(), n)
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if !count(it.Value(), n) {
				return false
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			*n += v.Len() / 64
			return *n <= maxTree
		}
		for i := range v.Len() {
			if !count(v.Index(i), n) {
				return false
			}
		}
	}
	return true
}

// set puts a key into a map, unless that would make it hold itself.
func (e *engine) set(m map[string]any, key string, v any) (map[string]any, error) {
	if m == nil {
		return nil, errors.New("set on nothing")
	}
	n := 0
	if holds(reflect.ValueOf(v), reflect.ValueOf(m).Pointer(), &n) {
		return nil, errTree
	}
	m[key] = v
	return m, e.step(n / 64)
}

// holds tells whether a tree has a map in it, or is too large to tell.
func holds(v reflect.Value, m uintptr, n *int) bool {
	if *n++; *n > maxTree {
		return true
	}
	switch v.Kind() {
	case reflect.Interface:
		return !v.IsNil() && holds(v.Elem(), m, n)
	case reflect.Map:
		if v.Pointer() == m {
			return true
		}
		for it := v.MapRange(); it.Next(); {
			if holds(it.Value(), m, n) {
				return true
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return false
		}
		for i := range v.Len() {
			if holds(v.Index(i), m, n) {
				return true
			}
		}
	}
	return false
}

// merge adds to the first map what only the others have, mergeOver what they have at all.
func merge(to map[string]any, from ...map[string]any) (map[string]any, error) {
	for _, m := range from {
		fill(to, clone(m), false)
	}
	return to, nil
}

func mergeOver(to map[string]any, from ...map[string]any) (map[string]any, error) {
	for _, m := range from {
		fill(to, clone(m), true)
	}
	return to, nil
}

func fill(to, from map[string]any, over bool) {
	for k, v := range from {
		a, isMap := to[k].(map[string]any)
		b, both := v.(map[string]any)
		switch _, has := to[k]; {
		case isMap && both:
			fill(a, b, over)
		case !has || over || empty(to[k]):
			to[k] = v
		}
	}
}

func empty(v any) bool { return v == nil || reflect.ValueOf(v).IsZero() }

func until(n int) ([]int, error) { return untilStep(0, n, 1) }

const maxRange = 100_000 // numbers of one list

func untilStep(from, to, step int) ([]int, error) {
	var out []int
	if step == 0 || step > 0 && from > to || step < 0 && from < to {
		return out, nil
	}
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		if out = append(out, i); len(out) > maxRange {
			return nil, errTree
		}
	}
	return out, nil
}

// seq is that of the shell: the numbers from the first to the last as text.
func seq(n ...int) (string, error) {
	from, step, to := 1, 1, 0
	switch len(n) {
	case 1:
		to = n[0]
	case 2:
		from, to = n[0], n[1]
	case 3:
		from, step, to = n[0], n[1], n[2]
	default:
		return "", nil
	}
	if len(n) < 3 && to < from {
		step = -1
	}
	end := to + 1
	if step < 0 {
		end = to - 1
	}
	list, err := untilStep(from, end, step)
	return strings.Trim(fmt.Sprint(list), "[]"), err
}

// chunk cuts a list into lists of a size.
func chunk(size int, list []any) ([][]any, error) {
	if size < 1 {
		return nil, errors.New("chunks of no size")
	}
	return slices.Collect(slices.Chunk(list, size)), nil
}

func repeat(n int, s string) (string, error) {
	if n < 0 || n > 0 && len(s) > maxText/n {
		return "", errors.New("repeat makes more text than a chart is expected to have")
	}
	return strings.Repeat(s, n), nil
}

func indent(n int, s string) (string, error) {
	if n < 0 || n > 1000 || (strings.Count(s, "\n")+1)*n > maxText {
		return "", errors.New("indent makes more text than a chart is expected to have")
	}
	pad := strings.Repeat(" ", n)
	return pad + strings.ReplaceAll(s, "\n", "\n"+pad), nil
}

// required notes what the values lack, and goes on without it.
func (e *engine) required(why string, v any) any {
	if v == nil || v == "" {
		e.lacks = append(e.lacks, why)
		return ""
	}
	return v
}

func (e *engine) yaml(v any) string {
	if n := 0; !count(reflect.ValueOf(v), &n) {
		return ""
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	enc.CompactSeqIndent()
	if err := enc.Encode(whole(v)); err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// whole makes integers of the numbers that are: 8080 is not to be printed as 8.08e+03.
func whole(v any) any {
	switch v := v.(type) {
	case float64:
		if v == float64(int64(v)) && v < 1e15 && v > -1e15 {
			return int64(v)
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = whole(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = whole(e)
		}
		return out
	}
	return v
}

func (e *engine) json(v any) (string, error) {
	if n := 0; !count(reflect.ValueOf(v), &n) {
		return "", errTree
	}
	out, err := json.Marshal(v)
	return string(out), err
}

func fromYAML(s string) map[string]any {
	v, err := document([]byte(s))
	m, ok := v.(map[string]any)
	switch {
	case err != nil:
		return map[string]any{"Error": err.Error()}
	case !ok:
		return map[string]any{}
	}
	return m
}

func fromYAMLArray(s string) []any {
	v, err := document([]byte(s))
	list, _ := v.([]any)
	if err != nil {
		return []any{err.Error()}
	}
	return list
}

func toTOML(v any) string {
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(v); err != nil {
		return err.Error()
	}
	return b.String()
}

// files are the files of a chart as templates see them.
type files map[string][]byte

// Get returns the text of a file, "" where there is none.
func (f files) Get(name string) string { return string(f[name]) }

// GetBytes returns the bytes of a file.
func (f files) GetBytes(name string) []byte { return f[name] }

// Lines returns the lines of a file.
func (f files) Lines(name string) []string {
	if len(f[name]) == 0 {
		return []string{}
	}
	return strings.Split(strings.TrimSuffix(string(f[name]), "\n"), "\n")
}

// Glob returns the files that a pattern names; ** stands for folders.
func (f files) Glob(pattern string) files {
	out := files{}
	for name, data := range f {
		if ok, err := path.Match(pattern, name); err == nil && ok || deep(pattern, name) {
			out[name] = data
		}
	}
	return out
}

func deep(pattern, name string) bool {
	head, tail, ok := strings.Cut(pattern, "**")
	if !ok || !strings.HasPrefix(name, head) {
		return false
	}
	tail = strings.TrimPrefix(tail, "/")
	match, err := path.Match(tail, path.Base(name))
	return tail == "" || err == nil && match
}

// AsConfig returns the files as the data of a ConfigMap.
func (f files) AsConfig() string { return f.entries(func(b []byte) string { return string(b) }) }

// AsSecrets returns the files as the data of a Secret.
func (f files) AsSecrets() string { return f.entries(base64.StdEncoding.EncodeToString) }

func (f files) entries(text func([]byte) string) string {
	m := map[string]string{}
	for name, data := range f {
		m[path.Base(name)] = text(data)
	}
	out, err := yaml.Marshal(m)
	if err != nil || len(m) == 0 {
		return ""
	}
	return strings.TrimSuffix(string(out), "\n")
}

// versions are the versions of interfaces that a cluster is taken to have: all that Kubernetes itself has.
type versions []string

// Has tells whether a cluster has a version, or a kind of it.
func (v versions) Has(name string) bool {
	group, _, _ := strings.Cut(name, "/")
	if strings.Count(name, "/") == 2 {
		name = name[:strings.LastIndexByte(name, '/')]
	} else if strings.HasPrefix(name, "v1/") {
		name = group
	}
	return slices.Contains(v, name)
}

func capabilities() map[string]any {
	return map[string]any{
		"KubeVersion": map[string]any{"Version": "v1.34.0", "GitVersion": "v1.34.0", "Major": "1", "Minor": "34"},
		"HelmVersion": map[string]any{"Version": "v3.19.0", "GitCommit": "", "GoVersion": ""},
		"APIVersions": versions{
			"v1", "apps/v1", "batch/v1", "autoscaling/v1", "autoscaling/v2", "networking.k8s.io/v1", "policy/v1", "rbac.authorization.k8s.io/v1", "storage.k8s.io/v1",
			"admissionregistration.k8s.io/v1", "apiextensions.k8s.io/v1", "apiregistration.k8s.io/v1", "authentication.k8s.io/v1", "authorization.k8s.io/v1",
			"certificates.k8s.io/v1", "coordination.k8s.io/v1", "discovery.k8s.io/v1", "events.k8s.io/v1", "flowcontrol.apiserver.k8s.io/v1", "node.k8s.io/v1", "scheduling.k8s.io/v1",
		},
	}
}
