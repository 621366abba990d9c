package expr

import (
	"bytes"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"

	"github.com/plinthsec/plinth/internal/read/terraform/function"
)

const (
	// fewOpeners is how many tokens at which hcl's parsers call themselves may stand in a text that is not looked at closely:
	// even all of them nested need less than 32 MiB of stack.
	fewOpeners = 4_000
	// maxParse is how deeply they may be nested in a text with more of them.
	maxParse = 500
)

// ParseFile parses a configuration file. The body holds what could be read of it; diags has errors for the rest.
func ParseFile(data []byte, path string) (body *hclsyntax.Body, diags hcl.Diagnostics) {
	if err := shallowEnough(data, false); err != nil {
		return nil, broken(path, err)
	}
	err := guarded(func() {
		var f *hcl.File
		if f, diags = hclsyntax.ParseConfig(data, path, hcl.InitialPos); f != nil {
			body, _ = f.Body.(*hclsyntax.Body)
		}
	})
	if err != nil {
		return nil, broken(path, err)
	}
	return body, diags
}

// ParseJSON parses a configuration file in JSON.
func ParseJSON(data []byte, path string) (body hcl.Body, diags hcl.Diagnostics) {
	if depth := jsonDepth(data); depth > maxParse {
		return nil, broken(path, fmt.Errorf("nested deeper than %d levels", maxParse))
	}
	err := guarded(func() {
		var f *hcl.File
		if f, diags = hcljson.Parse(bytes.TrimPrefix(data, []byte("\uFEFF")), path); f != nil {
			body = f.Body
		}
	})
	if err != nil {
		return nil, broken(path, err)
	}
	return body, diags
}

// ParseTemplate compiles the text of a template.
func ParseTemplate(data []byte, path string, funcs function.Set) (Node, error) {
	e, err := parseTemplate(data, path, hcl.InitialPos)
	if err != nil {
		return nil, err
	}
	c := NewCompiler(NewSource(path, data), funcs)
	return c.Compile(e, ""), nil
}

func parseTemplate(data []byte, path string, at hcl.Pos) (e hclsyntax.Expression, err error) {
	if err := shallowEnough(data, true); err != nil {
		return nil, err
	}
	var diags hcl.Diagnostics
	if err := guarded(func() { e, diags = hclsyntax.ParseTemplate(data, path, at) }); err != nil {
		return nil, err
	}
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			return nil, fmt.Errorf("line %d: %s", d.Subject.Start.Line, d.Summary)
		}
	}
	return e, nil
}

func broken(path string, err error) hcl.Diagnostics {
	at := hcl.Range{Filename: path, Start: hcl.InitialPos, End: hcl.InitialPos}
	return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: err.Error(), Subject: &at}}
}

// guarded runs a foreign parser, which asserts its own invariants by panics. On hostile text one of them may not hold.
func guarded(parse func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser gave up: %.200v", r)
		}
	}()
	parse()
	return nil
}

// shallowEnough keeps texts from hcl's recursive parsers that would overflow the stack, which nothing can recover from.
func shallowEnough(data []byte, isTemplate bool) error {
	if openers(data) <= fewOpeners {
		return nil
	}
	var tokens hclsyntax.Tokens
	if isTemplate {
		tokens, _ = hclsyntax.LexTemplate(data, "", hcl.InitialPos)
	} else {
		tokens, _ = hclsyntax.LexConfig(data, "", hcl.InitialPos)
	}
	if tokenDepth(tokens) > maxParse {
		return fmt.Errorf("nested deeper than %d levels", maxParse)
	}
	return nil
}

// openers counts the bytes at which a parser may call itself: an upper bound of the nesting.
func openers(data []byte) int {
	n := 0
	before := byte(0)
	for _, b := range data {
		switch b {
		case '(', '[', '{', '!', '?':
			n++
		case '-':
			if before == '-' || before == '!' {
				n++
			}
		case '*':
			if before == '.' {
				n++
			}
		case ' ', '\t', '\n', '\r':
			continue
		}
		before = b
	}
	return n
}

// tokenDepth is the nesting of brackets, templates and their directives, unary operators, conditionals and splats. What
// follows a conditional or a splat reaches to the end of the bracket around it.
func tokenDepth(tokens hclsyntax.Tokens) int {
	var stack []int // conditionals and splats within each open bracket
	here, unary, chained, directives, deepest := 0, 0, 0, 0, 0
	for i, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenOBrace, hclsyntax.TokenTemplateInterp,
			hclsyntax.TokenTemplateControl, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			stack = append(stack, here)
			here = 0
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenCBrace, hclsyntax.TokenTemplateSeqEnd,
			hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			chained -= here
			here = 0
			if n := len(stack); n > 0 {
				here, stack = stack[n-1], stack[:n-1]
			}
			if i > 1 && tokens[i-1].Type == hclsyntax.TokenStar && tokens[i-2].Type == hclsyntax.TokenOBrack {
				here++
				chained++
			}
		case hclsyntax.TokenQuestion:
			here++
			chained++
		case hclsyntax.TokenStar:
			if i > 0 && tokens[i-1].Type == hclsyntax.TokenDot {
				here++
				chained++
			}
		case hclsyntax.TokenComma, hclsyntax.TokenEqual:
			chained -= here
			here = 0
		}
		if i > 0 && tokens[i-1].Type == hclsyntax.TokenTemplateControl {
			switch string(t.Bytes) {
			case "if", "for":
				directives++
			case "endif", "endfor":
				directives--
			}
		}
		if t.Type == hclsyntax.TokenBang || t.Type == hclsyntax.TokenMinus {
			unary++
		} else {
			unary = 0
		}
		deepest = max(deepest, len(stack)+chained+directives+unary)
	}
	return deepest
}

// jsonDepth is the nesting of a JSON text.
func jsonDepth(data []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case !quoted && (b == '[' || b == '{'):
			depth++
			deepest = max(deepest, depth)
		case !quoted && (b == ']' || b == '}'):
			depth--
		}
	}
	return deepest
}
