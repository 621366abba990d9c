package rego

import (
	"context"
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// program is compiled modules with the data that they see. It is safe for concurrent use.
type program struct {
	compiler *ast.Compiler
	store    storage.Store
}

// newProgram compiles the modules over the data, a tree of JSON values.
func newProgram(modules map[string]*ast.Module, data map[string]any) (*program, Faults) {
	c, faults := compile(modules)
	if faults != nil {
		return nil, faults
	}
	return &program{compiler: c, store: inmem.NewFromObject(data)}, nil
}

// over is the same program over other data.
func (p *program) over(s storage.Store) *program {
	return &program{compiler: p.compiler, store: s}
}

// ErrTime says that a policy took too long on one document.
var ErrTime = errors.New("the policy took longer than " + maxTime.String())

// ask returns what a reference (data.main.deny) stands for on an input, nil where it is undefined.
func (p *program) ask(ctx context.Context, ref ast.Ref, input *ast.Term) (any, error) {
	const answer = "answer"
	body, err := p.compiler.QueryCompiler().Compile(ast.NewBody(ast.Equality.Expr(ast.VarTerm(answer), ast.NewTerm(ref))))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	txn, err := p.store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer p.store.Abort(ctx, txn)
	limited, stop := context.WithTimeoutCause(ctx, maxTime, ErrTime)
	defer stop()
	cancel := topdown.NewCancel()
	defer context.AfterFunc(limited, cancel.Cancel)()
	q := topdown.NewQuery(body).WithCompiler(p.compiler).WithStore(p.store).WithTransaction(txn).WithInput(input).WithCancel(cancel)
	set, err := q.Run(ctx)
	switch {
	case topdown.IsCancel(err):
		return nil, context.Cause(limited)
	case err != nil:
		return nil, err
	case len(set) == 0:
		return nil, nil
	}
	return ast.JSON(set[0][ast.Var(answer)].Value)
}

// under is the reference of a rule in a package.
func under(pkg ast.Ref, name string) ast.Ref { return pkg.Append(ast.StringTerm(name)) }

// term makes the input of an evaluation from a JSON value.
func term(input any) (*ast.Term, error) {
	v, err := ast.InterfaceToValue(input)
	if err != nil {
		return nil, err
	}
	return ast.NewTerm(v), nil
}
