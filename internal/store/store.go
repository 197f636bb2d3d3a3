package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// minVersion is the oldest Postgres that the ledger runs on, as server_version_num.
const minVersion = 140000

// Store is an open ledger.
type Store struct {
	pool  *pgxpool.Pool
	query *pgdb.Queries
	lists *pgdb.Queries // plans every query for its own values: lists with optional conditions
	clock *clock
	flow  flow
}

// Open connects to the ledger and checks the server's version. It doesn't migrate. The error's code is
// CodeUnavailable when the server can't be reached and CodeInvalid when the URL is wrong or the server is too old.
func Open(ctx context.Context, url string) (*Store, error) {
	s, err := OpenLater(ctx, url)
	if err != nil {
		return nil, err
	}
	err = s.checkVersion(ctx)
	if err == nil {
		err = wrap("read Postgres' clock", s.clock.sync(ctx))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// OpenLater is Open for those who can begin without the ledger: it connects when something is asked of it. The error's
// code is CodeInvalid when the URL is wrong.
func OpenLater(ctx context.Context, url string) (*Store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, &relay.Error{
			Code: relay.CodeInvalid, Message: "database.url is no Postgres URL",
			Hint: "Write postgres://user:password@host:5432/name.", // the driver's error may hold the password
		}
	}
	limit(config, url)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, wrap("open ledger", err)
	}
	s := &Store{pool: pool, query: pgdb.New(pool), lists: pgdb.New(planned{pool})}
	s.clock = startClock(s.query.ReadClock)
	return s, nil
}

// limit bounds what one process takes of the server and how long anything may hang.
func limit(config *pgxpool.Config, url string) {
	if parsed, err := pgconn.ParseConfig(url); err != nil || parsed.RuntimeParams["pool_max_conns"] == "" {
		config.MaxConns = max(config.MaxConns, 16)
	}
	config.MaxConnLifetime = time.Hour
	config.MaxConnIdleTime = 5 * time.Minute
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	params := config.ConnConfig.RuntimeParams
	for name, value := range map[string]string{
		"application_name": "edrelay", "timezone": "UTC", "statement_timeout": "30s",
		"idle_in_transaction_session_timeout": "60s",
	} {
		if params[name] == "" {
			params[name] = value
		}
	}
}

// Close ends all connections; it waits for those in use.
func (s *Store) Close() {
	s.clock.end()
	s.pool.Close()
}

// Ping tells whether the ledger answers.
func (s *Store) Ping(ctx context.Context) error { return wrap("ping ledger", s.pool.Ping(ctx)) }

// Version gives the server's version, e.g. 150018.
func (s *Store) Version(ctx context.Context) (int, error) {
	var text string
	if err := s.pool.QueryRow(ctx, "SHOW server_version_num").Scan(&text); err != nil {
		return 0, wrap("read Postgres version", err)
	}
	return strconv.Atoi(text)
}

func (s *Store) checkVersion(ctx context.Context) error {
	version, err := s.Version(ctx)
	if err != nil {
		return err
	}
	if version < minVersion {
		return &relay.Error{
			Code: relay.CodeInvalid, Message: fmt.Sprintf("Postgres %d is too old", version/10000),
			Hint: fmt.Sprintf("Use Postgres %d or newer.", minVersion/10000),
		}
	}
	return nil
}

// inTx runs work in a transaction; its error rolls everything back.
func (s *Store) inTx(ctx context.Context, work func(*pgdb.Queries) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return work(s.query.WithTx(tx)) })
}

// planned has Postgres plan each query for the values at hand, so that an optional condition that isn't used costs
// nothing and one that is used finds its index.
type planned struct{ *pgxpool.Pool }

func (p planned) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return p.Pool.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
}

func (p planned) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return p.Pool.QueryRow(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
}
