package graph

import "github.com/plinthsec/plinth"

// Scene is what the relations of the security graph are found in.
type Scene struct {
	*Graph
	// Findings of the other engines: weaknesses, secrets.
	Findings []plinth.Finding
	// Files lists the files of the target, sorted; Read returns the content of one.
	Files []string
	Read  func(path string) ([]byte, error)
}

// Sink takes nodes and relations. A node may be told twice, and by any of its aliases; what is told later adds to what was told
// before. The ends of a relation may be told after it. It is not for concurrent use.
type Sink interface {
	Node(plinth.Node)
	Relation(plinth.Relation)
	Problem(plinth.Problem)
}
