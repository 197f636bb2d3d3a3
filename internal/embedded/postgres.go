package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Database is the name of the database and of the owning role that StartPostgres makes.
const Database = "edrelay"

const restartWait = time.Second

// PostgresConfig says where an embedded Postgres lives.
type PostgresConfig struct {
	Dir       string       // of this server alone; made when missing
	Log       *slog.Logger // nil is silence
	User      string       // as root: who runs it; empty takes postgres or, where there is none, nobody
	Bin       string       // folder of initdb and postgres; empty searches the machine
	Throwaway bool         // for tests: no fsync, many connections, an end without a checkpoint; a crash loses data
}

// Postgres is a Postgres server that this process started and that ends with it. Should the server end on its own, it
// is started again.
type Postgres struct {
	cluster cluster
	lock    *dirLock
	log     *slog.Logger
	stop    context.CancelFunc
	done    chan struct{} // closed when the server has ended for good

	mu      sync.Mutex
	process *postmaster
}

// StartPostgres makes the cluster when there is none, ends a server that a killed process left behind, starts one and
// returns when it answers and has the database. Where no Postgres is installed, where the directory is in use or can't
// be used, the error is a relay.Error that says what to do.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	lock, err := lockDir(cfg.Dir, 0o755)
	if err != nil {
		return nil, err
	}
	pg, err := startPostgres(ctx, cfg)
	if err != nil {
		lock.Release()
		return nil, err
	}
	pg.lock = lock
	return pg, nil
}

func startPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	c, err := prepareCluster(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if _, err := os.Readlink(filepath.Join(cfg.Dir, "cluster")); err == nil {
		cfg.Log.Info("the ledger's files are outside the data dir, which the user who runs Postgres can't enter", "user", c.name, "dir", c.home)
	}
	if err := endOrphan(ctx, c.data); err != nil {
		return nil, err
	}
	process, err := startPastRemnants(ctx, c, cfg.Log)
	if err != nil {
		return nil, err
	}
	kept, stop := context.WithCancel(context.WithoutCancel(ctx))
	pg := &Postgres{cluster: c, process: process, log: cfg.Log, stop: stop, done: make(chan struct{})}
	if err := pg.ensureDatabase(ctx); err != nil {
		stop()
		process.stop()
		return nil, err
	}
	go pg.keep(kept, process)
	return pg, nil
}

// keep starts the server again whenever it ends, until ctx is done; then it ends the server.
func (p *Postgres) keep(ctx context.Context, process *postmaster) {
	defer close(p.done)
	for {
		select {
		case <-ctx.Done():
			process.stop()
			return
		case <-process.done:
		}
		p.log.Error("postgres ended on its own, starting it again", "pid", process.pid())
		for {
			next, err := startPostmaster(ctx, p.cluster, p.log)
			if err == nil {
				process = next
				break
			}
			p.log.Error("postgres does not start again", "err", err)
			if pause(ctx, restartWait) != nil {
				return
			}
		}
		p.mu.Lock()
		p.process = process
		p.mu.Unlock()
	}
}

// URL connects to the database through a socket that only this user reaches.
func (p *Postgres) URL() string { return p.DatabaseURL(Database) }

// DatabaseURL is URL for another database of the same server.
func (p *Postgres) DatabaseURL(name string) string {
	u := url.URL{Scheme: "postgres", User: url.User(Database), Path: "/" + name}
	u.RawQuery = url.Values{"host": {p.cluster.socket}, "port": {socketPort}, "sslmode": {"disable"}}.Encode()
	return u.String()
}

// Pid is the process id of the server.
func (p *Postgres) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process.pid()
}

// Shutdown ends the server: open transactions are rolled back, everything committed is on disk. It may be called twice.
func (p *Postgres) Shutdown() {
	p.stop()
	<-p.done
	if filepath.Dir(p.cluster.socket) != p.cluster.home {
		_ = os.Remove(p.cluster.socket) // the next start makes it again
	}
	p.lock.Release()
}

func (p *Postgres) ensureDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.DatabaseURL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the embedded Postgres: %w", err)
	}
	defer conn.Close(ctx)
	var there bool
	const query = "select exists (select from pg_database where datname = $1)"
	if err := conn.QueryRow(ctx, query, Database).Scan(&there); err != nil {
		return fmt.Errorf("look for the database: %w", err)
	}
	if there {
		return nil
	}
	if _, err := conn.Exec(ctx, "create database "+pgx.Identifier{Database}.Sanitize()); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return nil
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
