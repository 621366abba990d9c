package plan

import (
	"strconv"
	"strings"

	"github.com/plinthsec/plinth"
)

// merger builds the arguments of one resource.
type merger struct {
	file *file
	decl *plinth.Declaration
	refs map[string][]reference // by argument
}

// reference is something that the configuration of an argument names.
type reference struct {
	text string // as it is written in its module: aws_sns_topic.t.arn, var.n
	to   string // full address of the resource, "" for anything else
	attr string
}

// merge lays what is unknown and what is sensitive over the known values. Null arguments are left out.
func (m *merger) merge(at string, known, unknown, sensitive plinth.Value) plinth.Value {
	if unknown.Kind() == plinth.Bool && unknown.Bool() {
		return m.unknown(at, known, unknown)
	}
	var out plinth.Value
	switch {
	case known.Kind() == plinth.Map || known.IsNull() && unknown.Kind() == plinth.Map:
		out = m.mergeMap(at, known, unknown, sensitive)
	case known.Kind() == plinth.List || known.IsNull() && unknown.Kind() == plinth.List && unknown.Len() > 0:
		out = m.mergeList(at, known, unknown, sensitive)
	default:
		out = known.WithRefs(m.links(at)...)
	}
	if sensitive.Kind() == plinth.Bool && sensitive.Bool() {
		out = out.WithSensitive(true)
	}
	return out.WithOrigin(m.origin(at, known, unknown))
}

func (m *merger) origin(at string, vs ...plinth.Value) *plinth.Origin {
	o := &plinth.Origin{At: m.decl.At, Path: at, Decl: m.decl}
	for _, v := range vs {
		if from := v.Origin(); from != nil {
			o.At = from.At
			break
		}
	}
	return o
}

func (m *merger) unknown(at string, vs ...plinth.Value) plinth.Value {
	var why []string
	for _, r := range m.refs[argument(at)] {
		why = append(why, r.text)
	}
	if why == nil {
		why = []string{m.decl.Address + "." + at}
	}
	return plinth.UnknownOf(why...).WithRefs(m.links(at)...).WithOrigin(m.origin(at, vs...))
}

func (m *merger) links(at string) []plinth.Ref {
	var out []plinth.Ref
	for _, r := range m.refs[argument(at)] {
		if r.to != "" {
			out = append(out, plinth.Ref{To: r.to, Attr: r.attr})
		}
	}
	return out
}

// argument is the first step of a path.
func argument(at string) string {
	if i := strings.IndexAny(at, ".["); i >= 0 {
		return at[:i]
	}
	return at
}

func (m *merger) mergeMap(at string, known, unknown, sensitive plinth.Value) plinth.Value {
	var fields []plinth.Field
	step := func(key string) string {
		if at == "" {
			return key
		}
		return at + "." + key
	}
	for _, f := range known.Fields() {
		u, _ := unknown.Get(f.Key)
		s, _ := sensitive.Get(f.Key)
		if v := m.merge(step(f.Key), f.Value, u, s); !v.IsNull() {
			fields = append(fields, plinth.Field{Key: f.Key, Value: v})
		}
	}
	for _, f := range unknown.Fields() {
		if _, have := known.Get(f.Key); have {
			continue
		}
		s, _ := sensitive.Get(f.Key)
		if v := m.merge(step(f.Key), plinth.Value{}, f.Value, s); !v.IsNull() && (v.Len() > 0 || v.IsUnknown()) {
			fields = append(fields, plinth.Field{Key: f.Key, Value: v})
		}
	}
	return plinth.MapOf(fields)
}

func (m *merger) mergeList(at string, known, unknown, sensitive plinth.Value) plinth.Value {
	n := max(known.Len(), unknown.Len())
	list := make([]plinth.Value, n)
	for i := range list {
		list[i] = m.merge(at+"["+strconv.Itoa(i)+"]", element(known, i), element(unknown, i), element(sensitive, i))
	}
	return plinth.ListOf(list)
}

func element(v plinth.Value, i int) plinth.Value {
	if l := v.List(); i < len(l) {
		return l[i]
	}
	return plinth.Value{}
}

// references returns what the configuration of a resource names, by argument.
func (f *file) references(address, typ, name string) map[string][]reference {
	modules, prefix := modulePath(address)
	config := f.config
	var calls []plinth.Value // the expressions of the calls that lead here, outermost first
	for _, m := range modules {
		call, ok := config.At("module_calls", m)
		if !ok {
			return nil
		}
		expressions, _ := call.Get("expressions")
		calls = append(calls, expressions)
		config, _ = call.Get("module")
	}
	list, _ := config.Get("resources")
	for _, r := range list.List() {
		if str(r, "type") != typ || str(r, "name") != name {
			continue
		}
		expressions, _ := r.Get("expressions")
		out := map[string][]reference{}
		for _, e := range expressions.Fields() {
			for _, text := range names(e.Value, 0) {
				out[e.Key] = append(out[e.Key], f.resolve(text, prefix, calls, 0)...)
			}
		}
		return out
	}
	return nil
}

// names collects the references of an expression and of the blocks in it; a prefix of another reference is left out.
func names(e plinth.Value, depth int) []string {
	if depth > maxModules {
		return nil
	}
	var out []string
	if refs, ok := e.Get("references"); ok {
		last := ""
		for _, r := range refs.List() {
			if !strings.HasPrefix(last, r.Str()+".") && !strings.HasPrefix(last, r.Str()+"[") {
				out = append(out, r.Str())
				last = r.Str()
			}
		}
		return out
	}
	for _, f := range e.Fields() {
		out = append(out, names(f.Value, depth+1)...)
	}
	for _, x := range e.List() {
		out = append(out, names(x, depth+1)...)
	}
	return out
}

// resolve follows a variable of a module to what the callers pass, and gives a resource its full address.
func (f *file) resolve(text, prefix string, calls []plinth.Value, steps int) []reference {
	parts := strings.SplitN(text, ".", 3)
	switch {
	case len(parts) >= 2 && parts[0] == "var" && len(calls) > 0 && steps < maxFollow:
		passed, ok := calls[len(calls)-1].Get(bareName(parts[1]))
		if !ok {
			break
		}
		var out []reference
		for _, inner := range names(passed, 0) {
			out = append(out, f.resolve(inner, parentModule(prefix), calls[:len(calls)-1], steps+1)...)
		}
		if out != nil {
			return out
		}
	case len(parts) >= 2 && strings.Contains(parts[0], "_") && parts[0] != "each":
		r := reference{text: text, to: prefix + parts[0] + "." + parts[1]}
		if len(parts) == 3 {
			r.attr = parts[2]
		}
		return []reference{r}
	}
	return []reference{{text: text}}
}

func bareName(s string) string {
	if i := strings.IndexByte(s, '['); i >= 0 {
		return s[:i]
	}
	return s
}

// modulePath splits an address into the names of its module calls and the prefix of addresses in that module.
func modulePath(address string) (calls []string, prefix string) {
	end := 0
	for strings.HasPrefix(address[end:], "module.") {
		i, quoted, depth := end+len("module."), false, 0
		begin := i
		for i < len(address) && (address[i] != '.' || quoted || depth > 0) {
			switch {
			case address[i] == '"':
				quoted = !quoted
			case !quoted && address[i] == '[':
				depth++
			case !quoted && address[i] == ']':
				depth--
			}
			i++
		}
		calls = append(calls, bareName(address[begin:i]))
		end = min(i+1, len(address))
	}
	return calls, address[:end]
}

// parentModule takes the last call off a prefix.
func parentModule(prefix string) string {
	calls, _ := modulePath(prefix)
	if len(calls) < 2 {
		return ""
	}
	i := strings.LastIndex(prefix, "module."+calls[len(calls)-1])
	return prefix[:i]
}
