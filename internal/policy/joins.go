package policy

import (
	"cel.dev/cel-go/common/ast"

	"github.com/plinthsec/plinth"
)

// linked compiles related, refers and referred.
func (c *compiler) linked(e ast.Expr, name string, args []ast.Expr) node {
	from := c.value(args[0])
	if c.fault == nil && !from.resource {
		return c.fail(e, "%s follows the relations of a whole resource: p, or one that related() or resources() gave", name)
	}
	dir := map[string]Direction{"related": Related, "refers": Refers, "referred": Referred}[name]
	return c.ofType(e, args[1], from.run, func(sc *Scope, v plinth.Value, typ string) []plinth.Value {
		return sc.World.Linked(v, typ, dir)
	})
}

func (c *compiler) resources(e, arg ast.Expr) node {
	nothing := func(*Scope) val { return val{} }
	return c.ofType(e, arg, nothing, func(sc *Scope, _ plinth.Value, typ string) []plinth.Value { return sc.World.All(typ) })
}

// ofType compiles a question about the other resources of a type, or of a list of types.
func (c *compiler) ofType(e, arg ast.Expr, from code, ask func(sc *Scope, from plinth.Value, typ string) []plinth.Value) node {
	typ := c.value(arg)
	at := &read{}
	if typ.constant != nil {
		at.Type = typ.constant.Str()
		for _, t := range toList(*typ.constant).List() {
			c.types = append(c.types, t.Str())
		}
	}
	wrong := c.failed(e, "a type is a text, as in \"AWS::S3::Bucket\", or a list of them")
	return node{at: at, run: func(sc *Scope) val {
		v, t := from(sc), typ.run(sc)
		switch {
		case v.st != nil:
			return v
		case t.st != nil:
			return t
		case t.IsUnknown():
			return plain(unknown(t.Value))
		case sc.World == nil:
			return plain(plinth.ListOf(nil))
		case t.Kind() == plinth.String:
			return plain(openOf(v.Value, ask(sc, v.Value, t.Str())))
		case t.Kind() != plinth.List:
			return wrong
		}
		var list []plinth.Value
		for _, one := range t.List() {
			if one.Kind() != plinth.String {
				return wrong
			}
			list = append(list, ask(sc, v.Value, one.Str())...)
		}
		return plain(openOf(v.Value, list))
	}}
}

// openOf is the list of what belongs to a resource: of one that is not in the code, with none there, nobody knows.
func openOf(from plinth.Value, list []plinth.Value) plinth.Value {
	if len(list) == 0 && from.IsUnknown() {
		return unknown(from)
	}
	return plinth.ListOf(list)
}

// origin compiles origin(): nothing of its argument needs to be there.
func (c *compiler) origin(arg ast.Expr) node {
	n := c.soft(arg)
	return node{run: func(sc *Scope) val {
		v := n.run(sc)
		switch {
		case v.failed():
			return v
		case v.st == isEmpty || v.IsNull():
			return text("absent")
		case v.IsUnknown() && !there(v.Value):
			return plain(unknown(v.Value))
		case v.Origin() != nil && v.Origin().Default:
			return text("default")
		}
		return text("set")
	}}
}

// LatestPodSecurity is the newest minor version of the Pod Security Standards that rules know: 35 for v1.35.
const LatestPodSecurity = 35

// PodSecurity is what a World may be beside: it knows which version of the Pod Security Standards counts for the resource.
type PodSecurity interface {
	// PodSecurity returns the minor version, or why it is unknown.
	PodSecurity() plinth.Value
}

// podSecurity runs psa(): the latest version where nobody chose another.
func podSecurity(sc *Scope) val {
	if w, ok := sc.World.(PodSecurity); ok {
		return plain(w.PodSecurity())
	}
	return number(LatestPodSecurity)
}
