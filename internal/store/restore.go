package store

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/relay"
	ledgersql "github.com/edrelay/edrelay/sql"
)

// Restore fills an empty ledger with a snapshot, each table from the reader that open gives, all or nothing, and then
// brings the schema up to date. A ledger with rows, or migrated otherwise, is relay.CodeConflict and stays untouched.
func (s *Store) Restore(ctx context.Context, snapshot LedgerSnapshot, open func(table string) (io.ReadCloser, error)) error {
	if err := s.prepare(ctx, snapshot); err != nil {
		return wrap("restore ledger", err)
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := unhurried(ctx, tx, lockPartitions); err != nil {
			return err
		}
		return fill(ctx, tx, snapshot, open)
	})
	if err != nil {
		return wrap("restore ledger", err)
	}
	return s.Migrate(ctx)
}

// prepare gives an empty database the schema of the snapshot, and checks that a migrated one has it and no rows.
func (s *Store) prepare(ctx context.Context, snapshot LedgerSnapshot) error {
	if err := s.CheckEmpty(ctx, snapshot); err != nil {
		return err
	}
	return s.migrateExactly(ctx, snapshot.Migrations) // does nothing where all are applied
}

// CheckEmpty tells whether a snapshot may be restored: relay.CodeConflict when the ledger has rows or another schema.
func (s *Store) CheckEmpty(ctx context.Context, snapshot LedgerSnapshot) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var migrated bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", gooseTable).Scan(&migrated); err != nil || !migrated {
			return err
		}
		var standing LedgerSnapshot
		if err := describe(ctx, tx, &standing); err != nil {
			return err
		}
		for _, version := range standing.Migrations {
			if !slices.Contains(snapshot.Migrations, version) {
				return &relay.Error{Code: relay.CodeConflict, Message: "the ledger is migrated further than the backup",
					Hint: "Restore onto an empty database; edrelay migrates it."}
			}
		}
		return checkEmpty(ctx, tx, standing.Tables)
	})
}

func checkEmpty(ctx context.Context, tx pgx.Tx, tables []TableSnapshot) error {
	seeded, err := seededTables()
	if err != nil {
		return err
	}
	for _, table := range tables {
		var holds bool
		query := fmt.Sprintf("SELECT EXISTS (SELECT FROM %s)", pgx.Identifier{table.Name}.Sanitize())
		if err := tx.QueryRow(ctx, query).Scan(&holds); err != nil {
			return err
		}
		if holds && !seeded[table.Name] {
			return &relay.Error{Code: relay.CodeConflict, Message: fmt.Sprintf("the ledger is not empty: there are rows in %s", table.Name),
				Hint: "Restore onto an empty database."}
		}
	}
	return nil
}

// seededTables are the tables in which migrations put rows.
func seededTables() (map[string]bool, error) {
	tables := map[string]bool{}
	err := fs.WalkDir(ledgersql.Migrations, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(ledgersql.Migrations, name)
		for _, found := range insertInto.FindAllSubmatch(text, -1) {
			tables[string(found[1])] = true
		}
		return err
	})
	return tables, err
}

var insertInto = regexp.MustCompile(`(?m)^INSERT INTO (\w+)`)

// fill loads all rows, and makes the partitions of that time as soon as they are known, so that every row finds its own.
func fill(ctx context.Context, tx pgx.Tx, snapshot LedgerSnapshot, open func(string) (io.ReadCloser, error)) error {
	for _, table := range snapshot.Tables {
		if err := readTable(ctx, tx, table, open); err != nil {
			return fmt.Errorf("table %s: %w", table.Name, err)
		}
		if table.Name == partitionTable {
			if _, err := tx.Exec(ctx, "SELECT maintain_partitions($1)", snapshot.At); err != nil {
				return err
			}
		}
	}
	for name, last := range snapshot.Sequences {
		if _, err := tx.Exec(ctx, "SELECT setval($1::regclass, $2)", pgx.Identifier{name}.Sanitize(), last); err != nil {
			return fmt.Errorf("sequence %s: %w", name, err)
		}
	}
	return nil
}

func readTable(ctx context.Context, tx pgx.Tx, table TableSnapshot, open func(string) (io.ReadCloser, error)) error {
	name := pgx.Identifier{table.Name}.Sanitize()
	if _, err := tx.Exec(ctx, "DELETE FROM "+name); err != nil {
		return err
	}
	in, err := open(table.Name)
	if err != nil {
		return err
	}
	defer in.Close()
	copied, err := tx.Conn().PgConn().CopyFrom(ctx, in, fmt.Sprintf("COPY %s (%s) FROM STDIN", name, columns(table.Columns)))
	if err != nil {
		return err
	}
	if copied.RowsAffected() != table.Rows {
		return fmt.Errorf("%d rows came back, and %d were kept", copied.RowsAffected(), table.Rows)
	}
	return nil
}
