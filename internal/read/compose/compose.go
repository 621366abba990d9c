// Package compose reads Compose files into one resource for each service, of the type compose/Service, and one for each volume at
// the top, of the type compose/Volume (https://github.com/compose-spec/compose-spec).
//
// Props of a service are its entries as written, with
//
//	name, file   the service's name, the path of the file
//	ports        [{target, target_end, published, published_end, host_ip, protocol}] for both syntaxes; the ends for ranges only
//	volumes      [{type, source, target, read_only, bind: {propagation}}] for both syntaxes
//	environment  a map for both syntaxes; null for a variable that the shell of the user gives
//
// Variables have the value of the file .env beside, else their default; without either they are unknown because of "${NAME}".
// What a service extends, in this or in another file, is merged in. A service without image and build that another file of the
// project declares with one is a part of that, and so is one of an override file that the file beside it has: External, nothing is
// missing from it.
package compose

import (
	"bytes"
	"cmp"
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/document"
	"github.com/plinthsec/plinth/internal/lazy"
)

const (
	maxExtends = 16        // services that extend each other
	maxMerged  = 300_000   // values that extends adds to one file: a thousand services may extend a large one
	maxOther   = 1 << 20   // bytes of a file that extends names
	maxEnv     = 256 << 10 // bytes of a .env file
	maxNested  = 16        // defaults inside defaults: ${A:-${B:-c}}
	maxWhy     = 8         // variables that are named as the reason of an unknown text
	maxDepth   = 200       // of a value; the parser's own limit
)

type reader struct{}

var _ plinth.Reader = reader{}

// New returns the reader.
func New() plinth.Reader { return reader{} }

func (reader) Name() string { return "compose" }

var (
	named = lazy.New(`^(?:.*[._-])?(?:docker-compose|compose|docker-stack)(?:[._-].*)?\.ya?ml$`)
	// overriding is the name of a file that Compose lays over the one beside it.
	overriding = lazy.New(`^(docker-compose|compose)\.override\.ya?ml$`)
)

// Wants asks for files that have services at the top, and either a name that Compose gives or a service with an image or a build.
func (reader) Wants(name string, data []byte) bool {
	base := strings.ToLower(path.Base(name))
	if ext := path.Ext(base); ext != ".yml" && ext != ".yaml" {
		return false
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		data = []byte(document.Text(data))
	}
	if !bytes.Contains(data, []byte("services")) {
		return false
	}
	top, service := shape(data)
	return top && (service || named.MatchString(base))
}

// shape tells whether a text has the key services at the left margin (that of its first line), and below it an entry with image or
// build. An object of Kubernetes has neither.
func shape(data []byte) (top, service bool) {
	inside, left, margin := false, -1, 0
	for line := range bytes.SplitSeq(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), []byte("\n")) {
		text := bytes.TrimLeft(line, " ")
		if len(bytes.TrimSpace(text)) == 0 || text[0] == '#' || bytes.HasPrefix(line, []byte("---")) || text[0] == '%' {
			continue
		}
		depth := len(line) - len(text)
		if left < 0 {
			left = depth
		}
		key, _, ok := bytes.Cut(text, []byte(":"))
		word := string(bytes.Trim(key, "\"' "))
		switch {
		case depth <= left:
			if ok && (word == "apiVersion" || word == "kind") {
				return false, false
			}
			inside, margin = ok && word == "services", 0
			top = top || inside
		case inside && margin == 0:
			margin = depth
		case inside && depth > margin && ok && (word == "image" || word == "build"):
			service = true
		}
	}
	return top, service
}

// Read emits the services and volumes of all files.
func (reader) Read(ctx context.Context, p *plinth.Project, to plinth.Sink) error {
	r := &reading{project: p, to: to, files: map[string]*file{}, whole: map[string]string{}}
	for _, f := range p.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		x := r.parse(f.Path, f.Data)
		for _, problem := range x.problems {
			to.Problem(problem)
		}
		for _, s := range x.services.Fields() {
			if _, ok := r.whole[s.Key]; !ok && runs(s.Value) {
				r.whole[s.Key] = f.Path
			}
		}
	}
	for _, f := range p.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.emit(r.files[f.Path])
	}
	return nil
}

// runs tells whether a service says what it runs.
func runs(service plinth.Value) bool {
	return has(service, "image") || has(service, "build") || has(service, "provider")
}

type reading struct {
	project *plinth.Project
	to      plinth.Sink
	parser  document.Parser
	files   map[string]*file  // by path
	whole   map[string]string // name of a service → the first file that says what it runs
}

// file is a parsed file.
type file struct {
	path     string
	top      plinth.Value
	services plinth.Value
	problems []plinth.Problem
	env      environment
	merged   int // values that extends has added
}

// parse reads a file once.
func (r *reading) parse(name string, data []byte) *file {
	if x := r.files[name]; x != nil {
		return x
	}
	x := &file{path: name, env: r.environment(path.Dir(name))}
	r.files[name] = x
	found := false
	x.problems = r.parser.Parse(name, data, func(d document.Document) {
		if s, ok := d.Value.Get("services"); ok && !found {
			found, x.top, x.services = true, d.Value, s
		}
	})
	if (!found || x.services.Kind() != plinth.Map || x.services.Len() == 0) && len(x.problems) == 0 {
		x.problems = append(x.problems, plinth.Problem{Kind: plinth.Unsupported, At: plinth.Location{Path: name}, Text: "a Compose file without services"})
	}
	return x
}

// other returns the file that extends names, nil where it is not in the target.
func (r *reading) other(name string) *file {
	if x := r.files[name]; x != nil {
		return x
	}
	if f, ok := slices.BinarySearchFunc(r.project.Files, name, func(f plinth.File, name string) int { return strings.Compare(f.Path, name) }); ok {
		return r.parse(name, r.project.Files[f].Data)
	}
	data, ok := r.load(name, maxOther)
	if !ok {
		return nil
	}
	return r.parse(name, data)
}

func (r *reading) load(name string, limit int64) ([]byte, bool) {
	if !fs.ValidPath(name) {
		return nil, false
	}
	info, err := fs.Stat(r.project.FS, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > limit {
		return nil, false
	}
	data, err := fs.ReadFile(r.project.FS, name)
	return data, err == nil
}

// emit tells the services and volumes of a file.
func (r *reading) emit(x *file) {
	for _, s := range x.services.Fields() {
		if s.Value.Kind() != plinth.Map {
			at := declaration("", "", x.path, s.Value).Header
			r.to.Problem(plinth.Problem{Kind: plinth.Broken, At: at, Text: "service " + s.Key + " is no map"})
			continue
		}
		decl := declaration("services."+s.Key, "compose/Service", x.path, s.Value)
		v, whole := r.service(x, s.Key, nil)
		w := writer{env: x.env, decl: decl, skip: "services." + s.Key + "."}
		fields := []plinth.Field{{Key: "name", Value: plinth.StringOf(s.Key)}, {Key: "file", Value: plinth.StringOf(x.path)}}
		props := plinth.MapOf(append(fields, w.service(v)...))
		res := &plinth.Resource{
			ID: plinth.ID("compose:" + x.path + "#" + s.Key), Type: "compose/Service", Name: s.Key, Project: r.project.Name, Decl: decl, Props: props,
		}
		if why := r.partOf(x, s.Key, v); !whole || why != "" {
			res.External = true
			res.Props = plinth.UnknownOf(cmp.Or(why, "extends")).WithPartial(props)
		}
		r.to.Resource(res)
	}
	volumes, _ := x.top.Get("volumes")
	for _, f := range volumes.Fields() {
		if f.Value.Kind() != plinth.Map {
			continue
		}
		decl := declaration("volumes."+f.Key, "compose/Volume", x.path, f.Value)
		w := writer{env: x.env, decl: decl, skip: "volumes." + f.Key + "."}
		r.to.Resource(&plinth.Resource{
			ID: plinth.ID("compose:" + x.path + "#volumes/" + f.Key), Type: "compose/Volume", Name: f.Key, Project: r.project.Name, Decl: decl,
			Props: w.value(f.Value, 0),
		})
	}
}

// partOf names the file that has the rest of a service, "" for one that is whole.
func (r *reading) partOf(x *file, name string, v plinth.Value) string {
	m := overriding.FindStringSubmatch(strings.ToLower(path.Base(x.path)))
	if m != nil {
		for _, ext := range []string{".yml", ".yaml"} {
			base := r.other(path.Join(path.Dir(x.path), m[1]+ext))
			if base == nil {
				continue
			}
			if _, ok := base.services.Get(name); ok {
				return base.path
			}
		}
	}
	if runs(v) {
		return ""
	}
	return r.whole[name]
}

func has(v plinth.Value, key string) bool {
	_, ok := v.Get(key)
	return ok
}

func declaration(address, kind, file string, v plinth.Value) *plinth.Declaration {
	d := &plinth.Declaration{Address: address, Type: kind, At: plinth.Location{Path: file}}
	if o := v.Origin(); o != nil {
		d.At = o.At
	}
	d.Header = d.At
	d.Header.EndLine, d.Header.EndCol = d.At.Line, d.At.Col
	return d
}

// service returns a service with all that it extends. whole is false where a part of it cannot be had; seen holds the services
// that lead to this one.
func (r *reading) service(x *file, name string, seen []string) (v plinth.Value, whole bool) {
	v, ok := x.services.Get(name)
	id := x.path + "#" + name
	if !ok || v.Kind() != plinth.Map || slices.Contains(seen, id) || len(seen) == maxExtends {
		return plinth.MapOf(nil), false
	}
	extends, ok := v.Get("extends")
	if !ok {
		return v, true
	}
	from, base := x, extends.Str()
	if extends.Kind() == plinth.Map {
		service, _ := extends.Get("service")
		base = service.Str()
		if other, ok := extends.Get("file"); ok {
			if from = r.other(path.Join(path.Dir(x.path), other.Str())); from == nil {
				return v, false
			}
		}
	}
	under, whole := r.service(from, base, append(seen, id))
	x.merged += size(under, 0)
	if x.merged > maxMerged {
		return v, false
	}
	return merge(under, v, "", 0), whole
}

func size(v plinth.Value, depth int) int {
	n := 1
	if depth == maxDepth {
		return n
	}
	for _, e := range v.List() {
		n += size(e, depth+1)
	}
	for _, f := range v.Fields() {
		n += size(f.Value, depth+1)
	}
	return n
}

// merge lays a service over the one that it extends: maps entry by entry, lists one after the other, but for commands, which replace.
func merge(under, over plinth.Value, key string, depth int) plinth.Value {
	switch {
	case depth == maxDepth || under.Kind() != over.Kind() || under.IsUnknown() || over.IsUnknown():
		return over
	case over.Kind() == plinth.List && key != "command" && key != "entrypoint" && key != "test":
		return plinth.ListOf(slices.Concat(under.List(), over.List())).WithOrigin(over.Origin())
	case over.Kind() != plinth.Map:
		return over
	}
	fields := slices.Clone(under.Fields())
	for _, f := range over.Fields() {
		i := slices.IndexFunc(fields, func(g plinth.Field) bool { return g.Key == f.Key })
		if i < 0 {
			fields = append(fields, f)
			continue
		}
		fields[i].Value = merge(fields[i].Value, f.Value, f.Key, depth+1)
	}
	return plinth.MapOf(fields).WithOrigin(over.Origin())
}
