package scan

import "github.com/plinthsec/plinth"

// module names what one plan, one state and the code of one root module describe.
type module struct{ project, root string }

// join brings what Terraform says itself (plans, states) and the code together: a plan stands for all resources of its root
// module, in the places where the code declares them; what a state holds counts only where there is no code for it.
func join(list []*plinth.Resource) []*plinth.Resource {
	code, planned := map[module]map[string]*plinth.Resource{}, map[module]map[string]bool{}
	special := false
	for _, r := range list {
		special = special || r.Phase != plinth.Code
	}
	if !special {
		return list
	}
	for _, r := range list {
		m := module{r.Project, r.Root}
		switch {
		case r.Phase == plinth.Plan:
			note(planned, m, r.Decl.Address, true)
		case r.Phase == plinth.Code && !r.Source.IsNull():
			note(code, m, r.Decl.Address, r)
		}
	}
	for m, addresses := range planned { // a plan that shares nothing with the code beside it is of something else
		shared := false
		for a := range addresses {
			shared = shared || declared(code[m], a) != nil
		}
		if !shared {
			delete(planned, m)
		}
	}
	out := list[:0]
	for _, r := range list {
		m := module{r.Project, r.Root}
		from := declared(code[m], r.Decl.Address)
		switch {
		case r.Phase == plinth.Plan && from != nil:
			place(r, from)
		case r.Phase == plinth.Live && (from != nil || planned[m][r.Decl.Address]):
			continue
		case r.Phase == plinth.Code && !r.Source.IsNull() && planned[m] != nil:
			continue
		}
		out = append(out, r)
	}
	return out
}

func note[V any](in map[module]map[string]V, m module, address string, v V) {
	if in[m] == nil {
		in[m] = map[string]V{}
	}
	in[m][address] = v
}

// declared finds the code of an address, which may be one symbolic instance.
func declared(code map[string]*plinth.Resource, address string) *plinth.Resource {
	if r := code[address]; r != nil {
		return r
	}
	return code[symbolic(address)]
}

// symbolic replaces the instance keys of an address by [*].
func symbolic(address string) string {
	out, depth, quoted := make([]byte, 0, len(address)), 0, false
	for i := 0; i < len(address); i++ {
		c := address[i]
		switch {
		case quoted && c == '\\':
			i++
			continue
		case c == '"':
			quoted = !quoted
			continue
		case quoted:
			continue
		case c == '[':
			depth++
			out = append(out, "[*]"...)
			continue
		case c == ']':
			depth--
			continue
		}
		if depth == 0 {
			out = append(out, c)
		}
	}
	return string(out)
}

// place gives a planned resource and its arguments the places that the code has for them.
func place(r, from *plinth.Resource) {
	decl := *from.Decl
	decl.Address = r.Decl.Address
	r.Decl = &decl
	r.Terms = from.Terms
	r.Source = placed(r.Source, from.Source, &decl, plinth.Origin{At: decl.Header, Decl: &decl})
}

func placed(v, code plinth.Value, decl *plinth.Declaration, outer plinth.Origin) plinth.Value {
	o := outer
	if have := v.Origin(); have != nil {
		o.Path = have.Path
	}
	if c := code.Origin(); c != nil {
		o.At, o.From = c.At, c.From
	}
	refs, sensitive := v.Refs(), v.Sensitive()
	switch v.Kind() {
	case plinth.Map:
		fields := make([]plinth.Field, v.Len())
		for i, f := range v.Fields() {
			c, _ := code.Get(f.Key)
			fields[i] = plinth.Field{Key: f.Key, Value: placed(f.Value, c, decl, o)}
		}
		v = plinth.MapOf(fields).WithRefs(refs...).WithSensitive(sensitive)
	case plinth.List:
		list := make([]plinth.Value, v.Len())
		for i, e := range v.List() {
			var c plinth.Value
			if at := code.List(); i < len(at) {
				c = at[i]
			}
			list[i] = placed(e, c, decl, o)
		}
		v = plinth.ListOf(list).WithRefs(refs...).WithSensitive(sensitive)
	}
	return v.WithOrigin(&o)
}
