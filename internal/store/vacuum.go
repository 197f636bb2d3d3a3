package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// personalTables may have held a learner.
var personalTables = []string{
	"people", "roster_enrollments", "roster_pending", "outbox", "retries", "orders", "enrollments", "webhooks", "enrollment_attempts", "deliveries",
	"delivery_attempts", "replays", "audit_trail",
}

// rewriteLock is how long the rewrite of a table waits for those who use it; everybody else waits behind it.
const rewriteLock = "1s"

// Vacuum has Postgres take dead rows out of the tables that may have held a learner. Tables that somebody has locked are
// left to the server's own autovacuum.
func (s *Store) Vacuum(ctx context.Context) error {
	return wrap("vacuum", s.unlimited(ctx, func(conn *pgxpool.Conn) error {
		_, err := conn.Exec(ctx, "VACUUM (SKIP_LOCKED) "+strings.Join(personalTables, ", "), pgx.QueryExecModeSimpleProtocol)
		return err
	}))
}

// Rewrite writes the tables that may have held a learner anew, and their indexes, so that the files of the ledger hold no
// bytes of rows that are gone. Each table is locked while it is written. left are the tables that were busy all the time.
func (s *Store) Rewrite(ctx context.Context) (left []string, err error) {
	err = s.unlimited(ctx, func(conn *pgxpool.Conn) error {
		// Empty tables too: their indexes may hold what was in them.
		rows, err := conn.Query(ctx, `SELECT coalesce(p.relid, t::regclass)::regclass::text FROM unnest($1::text[]) AS t
			LEFT JOIN LATERAL pg_partition_tree(t::regclass) AS p ON true WHERE p.isleaf IS NOT false ORDER BY 1`, personalTables)
		if err != nil {
			return err
		}
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, table := range tables {
			done, err := rewrite(ctx, conn, table)
			if err != nil {
				return err
			}
			if !done {
				left = append(left, table)
			}
		}
		_, _ = conn.Exec(ctx, "CHECKPOINT") // only some may; without it the old files go with the server's next one
		return nil
	})
	return left, wrap("rewrite tables", err)
}

// rewrite tries a few times to get hold of one table; false when others kept it.
func rewrite(ctx context.Context, conn *pgxpool.Conn, table string) (bool, error) {
	for range 3 {
		_, err := conn.Exec(ctx, "VACUUM FULL "+table, pgx.QueryExecModeSimpleProtocol)
		if err == nil || !lockedOut(err) {
			return err == nil, err
		}
	}
	return false, nil
}

// unlimited works on a connection without a time limit for statements.
func (s *Store) unlimited(ctx context.Context, work func(*pgxpool.Conn) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SET statement_timeout = 0; SET lock_timeout = '"+rewriteLock+"'", pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, err := conn.Exec(ctx, "RESET statement_timeout; RESET lock_timeout", pgx.QueryExecModeSimpleProtocol); err != nil {
			_ = conn.Conn().Close(ctx) // so that nobody gets it with other limits
		}
	}()
	return work(conn)
}

// lockNotAvailable is the SQLSTATE of a statement that waited for a lock in vain.
const lockNotAvailable = "55P03"

// lockedOut tells whether a statement failed because others hold the table.
func lockedOut(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == lockNotAvailable
}
