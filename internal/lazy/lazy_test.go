package lazy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/plinthsec/plinth/internal/lazy"
)

// TestPatterns compiles every pattern of the module that is compiled late.
func TestPatterns(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			name, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || name.Sel.Name != "New" {
				return true
			}
			if room, ok := name.X.(*ast.Ident); !ok || room.Name != "lazy" {
				return true
			}
			pattern, ok := text(call.Args[0])
			if !ok {
				t.Errorf("%s: the pattern is not written as a literal", set.Position(call.Pos()))
				return true
			}
			if _, err := regexp.Compile(pattern); err != nil {
				t.Errorf("%s: %v", set.Position(call.Pos()), err)
			}
			seen++
			return true
		})
		return nil
	})
	if err != nil || seen == 0 {
		t.Fatalf("%d patterns, %v", seen, err)
	}
}

// text is the value of a string literal, or of several that are joined.
func text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		a, ok := text(e.X)
		b, also := text(e.Y)
		return a + b, ok && also && e.Op == token.ADD
	}
	return "", false
}

func TestRegexp(t *testing.T) {
	r := lazy.New(`b(.)`)
	if !r.MatchString("abc") || !r.Match([]byte("abc")) || r.FindString("abc") != "bc" || r.ReplaceAllString("abc", "$1") != "ac" ||
		len(r.FindAllString("bcbd", -1)) != 2 || len(r.FindAllStringIndex("bcbd", -1)) != 2 || len(r.FindAllStringSubmatch("bcbd", -1)) != 2 ||
		len(r.FindAllStringSubmatchIndex("bcbd", -1)) != 2 || r.FindStringIndex("abc")[0] != 1 || r.FindStringSubmatch("abc")[1] != "c" ||
		r.FindStringSubmatchIndex("abc")[2] != 2 || r.Compiled().NumSubexp() != 1 {
		t.Error("a method is not that of the expression")
	}
}
