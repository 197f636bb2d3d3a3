package embeddedtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/embedded"
)

// shared is the one server of this test process. Nothing tells when the last test has ended: on Linux the kernel ends
// it with the process, and the next test process sweeps what is left.
var shared = sync.OnceValues(startShared)

var databases atomic.Int64

const dirPrefix = "edrelay-test-pg-"

// Postgres gives the URL of an empty database of the test's own, on a server shared by this test process that doesn't
// fsync. The database is dropped with the test.
func Postgres(t testing.TB) string {
	t.Helper()
	server, err := shared()
	if err != nil {
		t.Fatalf("start Postgres: %v", err)
	}
	name := "test_" + strconv.FormatInt(databases.Add(1), 10)
	admin(t, server, "create database "+name)
	t.Cleanup(func() { admin(t, server, "drop database "+name+" with (force)") })
	return server.DatabaseURL(name)
}

func admin(t testing.TB, server *embedded.Postgres, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, server.DatabaseURL("postgres"))
	if err != nil {
		t.Fatalf("connect to Postgres: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func startShared() (*embedded.Postgres, error) {
	sweep()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("%s%d-%d", dirPrefix, os.Geteuid(), os.Getpid()))
	return embedded.StartPostgres(context.Background(), embedded.PostgresConfig{Dir: dir, Throwaway: true})
}

// sweep removes what dead test processes of this user left behind.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), fmt.Sprintf("%s%d-*", dirPrefix, os.Geteuid())))
	for _, dir := range dirs {
		var pid int
		_, err := fmt.Sscanf(filepath.Base(dir), fmt.Sprintf("%s%d-%%d", dirPrefix, os.Geteuid()), &pid)
		if err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			_ = embedded.RemovePostgres(context.Background(), dir)
		}
	}
}
