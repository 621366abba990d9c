package snapshot

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/value"
)

// Load reads a graph. Of a resource it has id, type, name, project, root and properties; these have no places.
func Load(ctx context.Context, path string) (*graph.Map, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	db, err := open(path, "ro", "query_only(1)", "trusted_schema(0)", "cell_size_check(1)")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := check(ctx, db, path); err != nil {
		return nil, err
	}
	l := &loader{ctx: ctx, db: db, permissions: map[string][]string{}, conditions: map[string]plinth.Condition{}}
	for _, load := range []func() error{l.loadNodes, l.loadAliases, l.loadSteps, l.loadRelations, l.loadEvidence} {
		if err := load(); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	var refused error
	b := graph.NewBuilder(func(p plinth.Problem) { refused = fmt.Errorf("%s: %s", path, p.Text) })
	b.Grow(len(l.nodes), len(l.relations))
	for _, n := range l.nodes {
		b.Node(n)
	}
	for _, r := range l.relations {
		b.Relation(r)
	}
	*l = loader{}
	if refused != nil {
		return nil, refused
	}
	return b.Build(), nil
}

// check tells whether a file is a snapshot that this version reads.
func check(ctx context.Context, db *sql.DB, path string) error {
	app, err := number(ctx, db, "PRAGMA application_id")
	if err != nil {
		return foreign(path, err.Error())
	}
	if app != application {
		return foreign(path, "it was written by another program")
	}
	have, err := number(ctx, db, "PRAGMA user_version")
	if err != nil {
		return foreign(path, err.Error())
	}
	if have != version {
		return fmt.Errorf("%s was written by another version of plinth (its tables are version %d, wanted %d): make it anew", path, have, version)
	}
	size, err := number(ctx, db, "SELECT coalesce(sum(length(sql)), 0) FROM sqlite_schema")
	if err != nil {
		return foreign(path, err.Error())
	}
	if size > maxSchema {
		return foreign(path, "its schema is not ours")
	}
	return nil
}

// loader holds what was read so far. Rows are known by their number in the file.
type loader struct {
	ctx       context.Context
	db        *sql.DB
	nodes     []plinth.Node
	steps     []plinth.Step
	relations []plinth.Relation
	// Texts of lists that were read: many relations have the same.
	permissions map[string][]string
	conditions  map[string]plinth.Condition
}

// each reads the rows of a statement and hands them over one by one.
func (l *loader) each(statement string, row func(scan func(...any) error) error) error {
	rows, err := l.db.QueryContext(l.ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	for n := 0; rows.Next(); n++ {
		if n == maxRows {
			return fmt.Errorf("more than %d rows", maxRows)
		}
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// dense is the error for a row whose number is not the next one.
func dense(table string, got int64, next int) error {
	if got == int64(next) {
		return nil
	}
	return fmt.Errorf("table %s has number %d where %d is wanted", table, got, next)
}

func (l *loader) loadNodes() error {
	return l.each("SELECT n, id, type, name, address, path, line, col, end_line, end_col, resource, project, root, properties FROM nodes ORDER BY n", func(scan func(...any) error) error {
		var number int64
		var n plinth.Node
		var resource, project, root, properties sql.NullString
		err := scan(&number, &n.ID, &n.Type, &n.Name, &n.Address, &n.At.Path, &n.At.Line, &n.At.Col, &n.At.EndLine, &n.At.EndCol, &resource, &project, &root, &properties)
		if err != nil {
			return err
		}
		if err := dense("nodes", number, len(l.nodes)); err != nil {
			return err
		}
		if resource.Valid {
			props, err := value.ParseJSON(properties.String)
			if err != nil {
				return fmt.Errorf("properties of node %d: %w", number, err)
			}
			n.Resource = &plinth.Resource{ID: plinth.ID(resource.String), Type: n.Type, Name: n.Name, Project: project.String, Root: root.String, Props: revive(props)}
		}
		l.nodes = append(l.nodes, n)
		return nil
	})
}

func (l *loader) loadAliases() error {
	return l.each("SELECT node, alias, kind FROM aliases", func(scan func(...any) error) error {
		var number int64
		var alias, kind string
		if err := scan(&number, &alias, &kind); err != nil {
			return err
		}
		if number < 0 || number >= int64(len(l.nodes)) {
			return fmt.Errorf("alias %q belongs to no node", alias)
		}
		if n := &l.nodes[number]; kind == aliasID {
			n.Aliases = append(n.Aliases, plinth.ID(alias))
		} else {
			n.Names = append(n.Names, alias)
		}
		return nil
	})
}

func (l *loader) loadSteps() error {
	return l.each("SELECT s, note, path, line, col, end_line, end_col, resource, cost FROM steps ORDER BY s", func(scan func(...any) error) error {
		var number int64
		var s plinth.Step
		if err := scan(&number, &s.Note, &s.At.Path, &s.At.Line, &s.At.Col, &s.At.EndLine, &s.At.EndCol, &s.Resource, &s.Cost); err != nil {
			return err
		}
		if err := dense("steps", number, len(l.steps)); err != nil {
			return err
		}
		l.steps = append(l.steps, s)
		return nil
	})
}

func (l *loader) loadRelations() error {
	return l.each("SELECT r, source, target, kind, technique, permissions, condition FROM relations ORDER BY r", func(scan func(...any) error) error {
		var number, from, to int64
		var r plinth.Relation
		var permissions, condition string
		if err := scan(&number, &from, &to, &r.Kind, &r.Technique, &permissions, &condition); err != nil {
			return err
		}
		if err := dense("relations", number, len(l.relations)); err != nil {
			return err
		}
		if min(from, to) < 0 || max(from, to) >= int64(len(l.nodes)) {
			return fmt.Errorf("relation %d has an end that is no node", number)
		}
		r.From, r.To = l.nodes[from].ID, l.nodes[to].ID
		var err error
		if r.Permissions, err = listed(l.permissions, permissions); err != nil {
			return fmt.Errorf("permissions of relation %d: %w", number, err)
		}
		if r.When, err = listed(l.conditions, condition); err != nil {
			return fmt.Errorf("condition of relation %d: %w", number, err)
		}
		l.relations = append(l.relations, r)
		return nil
	})
}

// listed reads a list as JSON, each text once. An empty one is nil.
func listed[T []string | plinth.Condition](known map[string]T, text string) (T, error) {
	if text == "[]" {
		return nil, nil
	}
	if list, ok := known[text]; ok {
		return list, nil
	}
	var list T
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, err
	}
	known[text] = list
	return list, nil
}

func (l *loader) loadEvidence() error {
	return l.each("SELECT relation, step FROM evidence ORDER BY relation, position", func(scan func(...any) error) error {
		var relation, step int64
		if err := scan(&relation, &step); err != nil {
			return err
		}
		if relation < 0 || relation >= int64(len(l.relations)) || step < 0 || step >= int64(len(l.steps)) {
			return fmt.Errorf("evidence joins relation %d and step %d, one of which is not there", relation, step)
		}
		r := &l.relations[relation]
		r.Evidence = append(r.Evidence, l.steps[step])
		return nil
	})
}
