package rules

import (
	_ "embed"
	"fmt"

	"go.yaml.in/yaml/v3"
)

//go:embed questions.yaml
var questions []byte

// Question is a question to the security graph that has a name; Query is in openCypher.
type Question struct{ Name, Title, Query string }

// Questions returns all questions in their order.
func Questions() ([]Question, error) {
	var out []Question
	if err := yaml.Unmarshal(questions, &out); err != nil {
		return nil, fmt.Errorf("read the questions: %w", err)
	}
	return out, nil
}
