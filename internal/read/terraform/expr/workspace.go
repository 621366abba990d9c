package expr

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/plinthsec/plinth"
)

// Code that asks which workspace it is in is meant for several, and which one a run will be in nobody can read in the code: the
// answer is open, so that what exists in one of them only is looked at as well. As a part of a name the workspace is the one that
// Terraform begins with, and code that names that one is taken at its word.

const (
	workspace        = "terraform.workspace"
	initialWorkspace = "default"
)

// asked compiles an operand that is compared with others: the workspace is open, unless the others name the initial one.
func (c *Compiler) asked(e hclsyntax.Expression, path string, with ...hclsyntax.Expression) Node {
	if !isWorkspace(e) {
		return c.Compile(e, path)
	}
	for _, other := range with {
		if names(other) {
			return c.Compile(e, path)
		}
	}
	return constant{plinth.UnknownOf(workspace)}
}

func isWorkspace(e hclsyntax.Expression) bool {
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return isWorkspace(e.Expression)
	case *hclsyntax.TemplateWrapExpr:
		return isWorkspace(e.Wrapped)
	case *hclsyntax.ScopeTraversalExpr:
		if len(e.Traversal) != 2 || e.Traversal.RootName() != "terraform" {
			return false
		}
		attr, ok := e.Traversal[1].(hcl.TraverseAttr)
		return ok && attr.Name == "workspace"
	}
	return false
}

// names tells whether a literal text, or one in a literal list, is the name of the initial workspace.
func names(e hclsyntax.Expression) bool {
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return names(e.Expression)
	case *hclsyntax.TemplateExpr:
		return len(e.Parts) == 1 && names(e.Parts[0])
	case *hclsyntax.LiteralValueExpr:
		return e.Val.Type() == cty.String && e.Val.IsKnown() && !e.Val.IsNull() && e.Val.AsString() == initialWorkspace
	case *hclsyntax.TupleConsExpr:
		for _, x := range e.Exprs {
			if names(x) {
				return true
			}
		}
	}
	return false
}
