package dockerfile

import (
	"bytes"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/plinthsec/plinth"
)

// Written reads a Dockerfile as policies in Conftest's conventions see it: one list with a map for each instruction, of Cmd (lower
// case), SubCmd, Flags, Value, JSON, Original, StartLine, EndLine, and Stage, the number of the build stage.
func Written(name string, data []byte) ([]plinth.Value, []plinth.Problem) {
	res, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, []plinth.Problem{{Kind: plinth.Broken, At: plinth.Location{Path: name, Line: 1}, Text: err.Error()}}
	}
	stage := -1
	var list []plinth.Value
	for _, n := range res.AST.Children {
		cmd := strings.ToLower(n.Value)
		if cmd == "from" {
			stage++
		}
		sub, words := "", []plinth.Value{}
		arg := n.Next
		if cmd == "onbuild" && arg != nil && len(arg.Children) > 0 {
			sub, arg = strings.ToLower(arg.Children[0].Value), arg.Children[0].Next
		}
		for ; arg != nil; arg = arg.Next {
			words = append(words, plinth.StringOf(arg.Value))
		}
		flags := []plinth.Value{}
		for _, f := range n.Flags {
			flags = append(flags, plinth.StringOf(f))
		}
		list = append(list, plinth.MapOf([]plinth.Field{
			{Key: "Cmd", Value: plinth.StringOf(cmd)},
			{Key: "SubCmd", Value: plinth.StringOf(sub)},
			{Key: "Flags", Value: plinth.ListOf(flags)},
			{Key: "JSON", Value: plinth.BoolOf(n.Attributes["json"])},
			{Key: "Original", Value: plinth.StringOf(n.Original)},
			{Key: "StartLine", Value: plinth.NumberOf(float64(n.StartLine))},
			{Key: "EndLine", Value: plinth.NumberOf(float64(n.EndLine))},
			{Key: "Stage", Value: plinth.NumberOf(float64(max(stage, 0)))},
			{Key: "Value", Value: plinth.ListOf(words)},
		}))
	}
	at := plinth.Origin{At: plinth.Location{Path: name, Line: 1}}
	return []plinth.Value{plinth.ListOf([]plinth.Value{plinth.ListOf(list).WithOrigin(&at)})}, nil
}
