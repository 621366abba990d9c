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
	typ, ok := c.typeName(args[1])
	if !ok {
		return c.fail(args[1], "the type is written out, as in %s(p, \"AWS::S3::Bucket\")", name)
	}
	dir := map[string]Direction{"related": Related, "refers": Refers, "referred": Referred}[name]
	return node{at: &read{Path: Path{Type: typ}}, run: func(sc *Scope) val {
		v := from.run(sc)
		if v.st != nil || sc.World == nil {
			return emptyList(v)
		}
		return plain(plinth.ListOf(sc.World.Linked(v.Value, typ, dir)))
	}}
}

func emptyList(v val) val {
	if v.st != nil {
		return v
	}
	return plain(plinth.ListOf(nil))
}

func (c *compiler) resources(e, arg ast.Expr) node {
	typ, ok := c.typeName(arg)
	if !ok {
		return c.fail(arg, "the type is written out, as in resources(\"AWS::S3::Bucket\")")
	}
	return node{at: &read{Path: Path{Type: typ}}, run: func(sc *Scope) val {
		if sc.World == nil {
			return emptyList(val{})
		}
		return plain(plinth.ListOf(sc.World.All(typ)))
	}}
}

func (c *compiler) typeName(e ast.Expr) (string, bool) {
	typ := constantText(e)
	if typ == "" {
		return "", false
	}
	c.types = append(c.types, typ)
	return typ, true
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
