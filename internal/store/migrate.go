package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/edrelay/edrelay/internal/relay"
	ledgersql "github.com/edrelay/edrelay/sql"
)

// Migration is one step of the ledger's schema.
type Migration struct {
	Version   int64      `json:"version"`
	Name      string     `json:"name"`
	AppliedAt *time.Time `json:"applied_at"` // nil: not yet
}

// Migrate brings the schema up to date and makes the partitions of the time at hand. Processes that start together
// wait for one another.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.withGoose(func(provider *goose.Provider) error {
		_, err := provider.Up(ctx)
		return err
	})
	if err != nil {
		return wrap("migrate ledger", err)
	}
	_, err = s.MaintainPartitions(ctx, s.Now())
	return err
}

// MigrationStatus lists all migrations that this edrelay knows, oldest first.
func (s *Store) MigrationStatus(ctx context.Context) ([]Migration, error) {
	var list []Migration
	err := s.withGoose(func(provider *goose.Provider) error {
		status, err := provider.Status(ctx)
		for _, one := range status {
			migration := Migration{Version: one.Source.Version, Name: one.Source.Path}
			if one.State == goose.StateApplied {
				migration.AppliedAt = &one.AppliedAt
			}
			list = append(list, migration)
		}
		return err
	})
	return list, wrap("read migration status", err)
}

// CheckMigrated fails with CodeUnavailable and what to do when the schema is older than this edrelay needs.
func (s *Store) CheckMigrated(ctx context.Context) error {
	list, err := s.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	pending := 0
	for _, one := range list {
		if one.AppliedAt == nil {
			pending++
		}
	}
	if pending > 0 {
		return &relay.Error{
			Code: relay.CodeUnavailable, Message: fmt.Sprintf("the ledger lacks %d migrations", pending),
			Hint: "Run edrelay migrate up.",
		}
	}
	return nil
}

// NewerMigrations gives the versions of migrations that a newer edrelay applied and this one doesn't know, oldest first.
// Migrations add before they take away, so this edrelay works on beside the newer one.
func (s *Store) NewerMigrations(ctx context.Context) ([]int64, error) {
	list, err := s.MigrationStatus(ctx)
	if err != nil {
		return nil, err
	}
	known := []int64{0} // what goose itself begins with
	for _, one := range list {
		known = append(known, one.Version)
	}
	rows, err := s.pool.Query(ctx, "SELECT DISTINCT version_id FROM goose_db_version WHERE is_applied AND version_id <> ALL ($1) ORDER BY 1", known)
	if err != nil {
		return nil, wrap("read applied migrations", err)
	}
	newer, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return newer, wrap("read applied migrations", err)
}

// migrateExactly applies the migrations of the versions given that are not applied yet, and no others.
func (s *Store) migrateExactly(ctx context.Context, versions []int64) error {
	return s.withGoose(func(provider *goose.Provider) error {
		for _, version := range versions {
			if _, err := provider.ApplyVersion(ctx, version, true); err != nil && !errors.Is(err, goose.ErrAlreadyApplied) {
				return unknownVersion(version, err)
			}
		}
		return nil
	})
}

func unknownVersion(version int64, err error) error {
	if !errors.Is(err, goose.ErrVersionNotFound) {
		return err
	}
	return &relay.Error{Code: relay.CodeConflict, Message: fmt.Sprintf("this edrelay doesn't know migration %d", version),
		Hint: "Use the version of edrelay that it came from, or a newer one.", Err: err}
}

func (s *Store) withGoose(work func(*goose.Provider) error) error {
	config := s.pool.Config().ConnConfig.Copy()
	delete(config.RuntimeParams, "statement_timeout") // a migration may take its time
	db := stdlib.OpenDB(*config)
	defer db.Close()
	provider, err := migrations(db)
	if err != nil {
		return err
	}
	return work(provider)
}

func migrations(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(ledgersql.Migrations, "migrations")
	if err != nil {
		return nil, err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
	if err != nil {
		return nil, err
	}
	// Domains have ranges of numbers of their own, so a newer edrelay may bring a lower number than the highest applied.
	return goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker), goose.WithAllowOutofOrder(true), goose.WithDisableGlobalRegistry(true))
}
