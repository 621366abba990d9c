// Package snapshot keeps security graphs in SQLite files, which people may ask in SQL, and tells what changed between two graphs.
//
// docs/graph.md describes the tables. A file is written as a whole and never changed.
package snapshot

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the driver named sqlite
)

// Numbers in the head of the file: what it is, and which tables it has.
const (
	application = 0x506c4772 // "PlGr"
	version     = 1
)

// Limits.
const (
	maxRows      = 100_000_000 // rows of a table that are read: more than a graph with 32-bit indexes of any use has
	maxSchema    = 64 << 10    // bytes of table definitions: a snapshot has a few hundred
	perStatement = 8           // rows of one INSERT: fewer calls, but the driver's work grows with the square of the parameters
)

const tables = `
CREATE TABLE nodes (
  n INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL,
  path TEXT NOT NULL, line INTEGER NOT NULL, col INTEGER NOT NULL, end_line INTEGER NOT NULL, end_col INTEGER NOT NULL,
  resource TEXT, project TEXT, root TEXT, properties TEXT
);
CREATE TABLE aliases (node INTEGER NOT NULL, alias TEXT NOT NULL, kind TEXT NOT NULL); -- id, or name
CREATE TABLE relations (
  r INTEGER PRIMARY KEY, source INTEGER NOT NULL, target INTEGER NOT NULL, kind TEXT NOT NULL, technique TEXT NOT NULL,
  permissions TEXT NOT NULL, condition TEXT NOT NULL, walked INTEGER NOT NULL
);
CREATE TABLE steps (
  s INTEGER PRIMARY KEY, note TEXT NOT NULL, path TEXT NOT NULL, line INTEGER NOT NULL, col INTEGER NOT NULL,
  end_line INTEGER NOT NULL, end_col INTEGER NOT NULL, resource TEXT NOT NULL, cost INTEGER NOT NULL
);
CREATE TABLE evidence (relation INTEGER NOT NULL, position INTEGER NOT NULL, step INTEGER NOT NULL);
`

// finish is run when the rows are in: an index is built faster at once than row by row.
const finish = `
CREATE UNIQUE INDEX nodes_id ON nodes (id);
CREATE INDEX nodes_type ON nodes (type);
CREATE INDEX aliases_alias ON aliases (alias);
CREATE INDEX aliases_node ON aliases (node);
CREATE INDEX relations_source ON relations (source);
CREATE INDEX relations_target ON relations (target);
CREATE INDEX evidence_relation ON evidence (relation);
CREATE VIEW edges AS SELECT r.r, a.id AS source, a.type AS source_type, r.kind, r.technique, b.id AS target, b.type AS target_type,
  r.permissions, r.condition, r.walked FROM relations r JOIN nodes a ON a.n = r.source JOIN nodes b ON b.n = r.target;
CREATE VIEW proofs AS SELECT e.relation AS r, e.position, s.note, s.path, s.line, s.resource, s.cost
  FROM evidence e JOIN steps s ON s.s = e.step;
`

// open opens a file. The pragmas hold for every connection.
func open(path, mode string, pragmas ...string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	q := url.Values{"mode": {mode}, "_pragma": pragmas}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// replace writes a new file beside path by way of fill and puts it in the place of path when that went well.
func replace(path string, fill func(db *sql.DB) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	temp := f.Name()
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(temp))
		}
	}()
	if err := f.Close(); err != nil {
		return err
	}
	// The file is new and thrown away when anything fails: no journal.
	db, err := open(temp, "rw", "journal_mode(off)", "synchronous(off)", "cache_size(-65536)", "locking_mode(exclusive)")
	if err != nil {
		return err
	}
	if err := errors.Join(fill(db), db.Close()); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// inserter gathers rows of one table into statements of many rows.
type inserter struct {
	ctx   context.Context
	tx    *sql.Tx
	table string
	width int
	full  *sql.Stmt
	args  []any
}

func newInserter(ctx context.Context, tx *sql.Tx, table string, width int) (*inserter, error) {
	in := &inserter{ctx: ctx, tx: tx, table: table, width: width, args: make([]any, 0, width*perStatement)}
	var err error
	in.full, err = tx.PrepareContext(ctx, in.statement(perStatement))
	return in, err
}

func (in *inserter) statement(rows int) string {
	row := "(?" + strings.Repeat(",?", in.width-1) + ")"
	return "INSERT INTO " + in.table + " VALUES " + row + strings.Repeat(","+row, rows-1)
}

func (in *inserter) add(values ...any) error {
	in.args = append(in.args, values...)
	if len(in.args) < in.width*perStatement {
		return nil
	}
	_, err := in.full.ExecContext(in.ctx, in.args...)
	in.args = in.args[:0]
	return err
}

func (in *inserter) close() error {
	var err error
	if rows := len(in.args) / in.width; rows > 0 {
		_, err = in.tx.ExecContext(in.ctx, in.statement(rows), in.args...)
	}
	return errors.Join(err, in.full.Close())
}

// number reads one whole number that a statement yields.
func number(ctx context.Context, db *sql.DB, statement string) (int64, error) {
	var n int64
	err := db.QueryRowContext(ctx, statement).Scan(&n)
	return n, err
}

// foreign is the error for a file that is no snapshot of ours.
func foreign(path, why string) error {
	return fmt.Errorf("%s is no snapshot of a security graph: %s", strconv.Quote(path), why)
}
