package snapshot

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/plinthsec/plinth"
	"github.com/plinthsec/plinth/internal/graph"
	"github.com/plinthsec/plinth/internal/value"
)

// Save writes a graph to a file, in the place of what was there. Values that are sensitive stay out of it.
func Save(ctx context.Context, path string, m *graph.Map) error {
	err := replace(path, func(db *sql.DB) error {
		if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d;", application, version)+tables); err != nil {
			return err
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		for _, save := range []func(context.Context, *sql.Tx, *graph.Map) error{saveNodes, saveAliases, saveRelations, saveEvidence} {
			if err := save(ctx, tx, m); err != nil {
				return errors.Join(err, tx.Rollback())
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, finish)
		return err
	})
	if err != nil {
		return fmt.Errorf("save the graph: %w", err)
	}
	return nil
}

func saveNodes(ctx context.Context, tx *sql.Tx, m *graph.Map) error {
	in, err := newInserter(ctx, tx, "nodes", 14)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for i := range m.Nodes() {
		n := &m.Nodes()[i]
		var resource, project, root, properties any
		if r := n.Resource; r != nil {
			b.Reset()
			value.WriteJSON(&b, r.Props)
			resource, project, root, properties = string(r.ID), r.Project, r.Root, b.String()
		}
		err := in.add(i, string(n.ID), n.Type, n.Name, n.Address, n.At.Path, n.At.Line, n.At.Col, n.At.EndLine, n.At.EndCol, resource, project, root, properties)
		if err != nil {
			return err
		}
	}
	return in.close()
}

// The kinds of aliases: other ids, and names that only find.
const (
	aliasID   = "id"
	aliasName = "name"
)

func saveAliases(ctx context.Context, tx *sql.Tx, m *graph.Map) error {
	in, err := newInserter(ctx, tx, "aliases", 3)
	if err != nil {
		return err
	}
	for i := range m.Nodes() {
		for _, a := range m.Nodes()[i].Aliases {
			if err := in.add(i, string(a), aliasID); err != nil {
				return err
			}
		}
		for _, name := range m.Nodes()[i].Names {
			if err := in.add(i, name, aliasName); err != nil {
				return err
			}
		}
	}
	return in.close()
}

func saveRelations(ctx context.Context, tx *sql.Tx, m *graph.Map) error {
	in, err := newInserter(ctx, tx, "relations", 8)
	if err != nil {
		return err
	}
	for i := range m.Relations() {
		r := &m.Relations()[i]
		from, to := m.Ends(uint32(i))
		permissions, err := list(r.Permissions, len(r.Permissions) == 0)
		if err != nil {
			return err
		}
		condition, err := list(r.When, len(r.When) == 0)
		if err != nil {
			return err
		}
		if err := in.add(i, from, to, string(r.Kind), r.Technique, permissions, condition, r.Kind.Walked()); err != nil {
			return err
		}
	}
	return in.close()
}

// list writes a list as JSON.
func list(v any, empty bool) (string, error) {
	if empty {
		return "[]", nil
	}
	data, err := json.Marshal(v)
	return string(data), err
}

// saveEvidence writes each step once, however many relations rest on it.
func saveEvidence(ctx context.Context, tx *sql.Tx, m *graph.Map) error {
	steps, err := newInserter(ctx, tx, "steps", 9)
	if err != nil {
		return err
	}
	evidence, err := newInserter(ctx, tx, "evidence", 3)
	if err != nil {
		return err
	}
	number := map[plinth.Step]int{}
	for i := range m.Relations() {
		for at, s := range m.Relations()[i].Evidence {
			n, ok := number[s]
			if !ok {
				n = len(number)
				number[s] = n
				if err := steps.add(n, s.Note, s.At.Path, s.At.Line, s.At.Col, s.At.EndLine, s.At.EndCol, s.Resource, s.Cost); err != nil {
					return err
				}
			}
			if err := evidence.add(i, at, n); err != nil {
				return err
			}
		}
	}
	return errors.Join(steps.close(), evidence.close())
}
