package dockerfile

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// Instruction is where an instruction stands: its word in upper case, its first and last line, from 1, and whether a heredoc follows.
type Instruction struct {
	Op         string
	First, End int
	Heredoc    bool
}

// Instructions lists the instructions of a file as they are written. It fails where the file does not parse.
func Instructions(src []byte) ([]Instruction, error) {
	parsed, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		return nil, fmt.Errorf("parse the Dockerfile: %w", err)
	}
	var out []Instruction
	for _, n := range parsed.AST.Children {
		out = append(out, Instruction{strings.ToUpper(n.Value), n.StartLine, n.EndLine, len(n.Heredocs) > 0})
	}
	return out, nil
}
