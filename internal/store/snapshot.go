package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// LedgerSnapshot describes the ledger as it stood at one moment.
type LedgerSnapshot struct {
	At         time.Time        `json:"at"`
	Migrations []int64          `json:"migrations"` // versions applied, in the order in which they were
	Tables     []TableSnapshot  `json:"tables"`
	Sequences  map[string]int64 `json:"sequences"` // last value given
}

// TableSnapshot describes the rows of one table.
type TableSnapshot struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
}

const (
	gooseTable     = "goose_db_version"
	partitionTable = "partitioned_tables"
	// While the partitions' lock is held no partition is dropped; without it a DROP would wait for the snapshot and
	// everybody else behind it.
	lockPartitions = "SELECT pg_advisory_xact_lock(hashtext('edrelay partitions'))"
)

// Snapshot writes the rows of all tables, as they stood at one moment, each to the writer that create gives, in the text
// form of Postgres' COPY. Others read and write meanwhile.
func (s *Store) Snapshot(ctx context.Context, create func(table string) (io.WriteCloser, error)) (LedgerSnapshot, error) {
	var snapshot LedgerSnapshot
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		if err := unhurried(ctx, tx, lockPartitions); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, "SELECT now()").Scan(&snapshot.At); err != nil {
			return err
		}
		if err := describe(ctx, tx, &snapshot); err != nil {
			return err
		}
		for i := range snapshot.Tables {
			if err := writeTable(ctx, tx, &snapshot.Tables[i], create); err != nil {
				return fmt.Errorf("table %s: %w", snapshot.Tables[i].Name, err)
			}
		}
		return sequences(ctx, tx, &snapshot) // last: they are of no moment, and must not be behind the rows
	})
	return snapshot, wrap("snapshot ledger", err)
}

// unhurried lifts the time limits of the connection for this transaction and runs the statements.
func unhurried(ctx context.Context, tx pgx.Tx, statements ...string) error {
	for _, statement := range append([]string{
		"SET LOCAL statement_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = 0",
	}, statements...) {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// describe lists the applied migrations and the tables with their columns, in an order in which they can be filled;
// partitions belong to their table.
func describe(ctx context.Context, tx pgx.Tx, snapshot *LedgerSnapshot) (err error) {
	if snapshot.Migrations, err = appliedMigrations(ctx, tx); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
		SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND c.relname <> $1
		GROUP BY c.relname ORDER BY c.relname`, gooseTable)
	if err != nil {
		return err
	}
	snapshot.Tables, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t TableSnapshot, err error) {
		return t, row.Scan(&t.Name, &t.Columns)
	})
	if err != nil {
		return err
	}
	snapshot.Tables, err = fillable(ctx, tx, snapshot.Tables)
	return err
}

// fillable puts the table of partitions first, and every table behind those that its rows refer to.
func fillable(ctx context.Context, tx pgx.Tx, tables []TableSnapshot) ([]TableSnapshot, error) {
	rows, err := tx.Query(ctx, `
		SELECT child.relname::text, parent.relname::text
		FROM pg_constraint f JOIN pg_class child ON child.oid = f.conrelid JOIN pg_class parent ON parent.oid = f.confrelid
		WHERE f.contype = 'f' AND f.connamespace = current_schema()::regnamespace`)
	if err != nil {
		return nil, err
	}
	refers := map[string][]string{}
	var child, parent string
	if _, err := pgx.ForEachRow(rows, []any{&child, &parent}, func() error {
		refers[child] = append(refers[child], parent)
		return nil
	}); err != nil {
		return nil, err
	}
	var ordered []TableSnapshot
	placed := map[string]bool{}
	var place func(name string)
	place = func(name string) {
		at := slices.IndexFunc(tables, func(t TableSnapshot) bool { return t.Name == name })
		if at < 0 || placed[name] {
			return
		}
		placed[name] = true
		for _, other := range refers[name] {
			place(other)
		}
		ordered = append(ordered, tables[at])
	}
	place(partitionTable)
	for _, table := range tables {
		place(table.Name)
	}
	return ordered, nil
}

func appliedMigrations(ctx context.Context, tx pgx.Tx) ([]int64, error) {
	rows, err := tx.Query(ctx, "SELECT version_id FROM "+gooseTable+" WHERE is_applied AND version_id > 0 ORDER BY id")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

func sequences(ctx context.Context, tx pgx.Tx, snapshot *LedgerSnapshot) error {
	rows, err := tx.Query(ctx, `SELECT sequencename::text, last_value FROM pg_sequences
		WHERE schemaname = current_schema() AND last_value IS NOT NULL AND sequencename NOT LIKE $1`, gooseTable+"%")
	if err != nil {
		return err
	}
	snapshot.Sequences = map[string]int64{}
	var name string
	var last int64
	_, err = pgx.ForEachRow(rows, []any{&name, &last}, func() error {
		snapshot.Sequences[name] = last
		return nil
	})
	return err
}

func writeTable(ctx context.Context, tx pgx.Tx, table *TableSnapshot, create func(string) (io.WriteCloser, error)) error {
	out, err := create(table.Name)
	if err != nil {
		return err
	}
	copied, err := tx.Conn().PgConn().CopyTo(ctx, out, fmt.Sprintf("COPY (SELECT %s FROM %s) TO STDOUT",
		columns(table.Columns), pgx.Identifier{table.Name}.Sanitize()))
	if err != nil {
		return errors.Join(err, out.Close())
	}
	table.Rows = copied.RowsAffected()
	return out.Close()
}

func columns(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = pgx.Identifier{name}.Sanitize()
	}
	return strings.Join(quoted, ", ")
}
