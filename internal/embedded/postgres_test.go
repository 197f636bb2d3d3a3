package embedded

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/internal/relay"
)

func TestASecondStartInTheSameDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	dir := rootedDir(t)
	startPostgresFor(t, PostgresConfig{Dir: dir, Throwaway: true})

	_, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir, Throwaway: true})

	if relay.CodeOf(err) != relay.CodeConflict || !strings.Contains(err.Error(), dir+" is in use by process") {
		t.Errorf("got %v", err)
	}
}

func TestTheDataAreThereAfterAnOrderlyEnd(t *testing.T) {
	t.Parallel()
	dir := rootedDir(t)
	first := startPostgresFor(t, PostgresConfig{Dir: dir})
	mustExec(t, dial(t, first.URL()), "create table line (id int)")
	first.Shutdown()
	first.Shutdown()

	if n := countRows(t, dial(t, startPostgresFor(t, PostgresConfig{Dir: dir}).URL())); n != 0 {
		t.Errorf("%d rows in an empty table", n)
	}
}

func TestAMissingPostgresIsOneSentenceWithANextStep(t *testing.T) {
	t.Parallel()
	_, err := StartPostgres(t.Context(), PostgresConfig{Dir: rootedDir(t), Bin: t.TempDir()})
	failure, ok := err.(*relay.Error)
	if !ok {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(failure.Message, "no Postgres server was found") || !strings.Contains(failure.Hint, "database.url") {
		t.Errorf("got %q, %q", failure.Message, failure.Hint)
	}
}

func TestAClusterOfAnUninstalledVersionIsNotTouched(t *testing.T) {
	t.Parallel()
	dir := rootedDir(t)
	data := filepath.Join(dir, "cluster", "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "Postgres 9, which is not installed") {
		t.Errorf("got %v", err)
	}
}

// As root, Postgres runs as another user, who can't pass the closed folder; as anybody else it makes no difference.
func TestADataDirectoryBehindAClosedFolderWorks(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(rootedDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(closed, "postgres")
	for range 2 {
		pg := startPostgresFor(t, PostgresConfig{Dir: dir})
		mustExec(t, dial(t, pg.URL()), "create table if not exists works (id int)")
		pg.Shutdown()
	}
	home, err := filepath.EvalSymlinks(filepath.Join(dir, "cluster"))
	if err != nil {
		t.Fatal(err)
	}
	if err := RemovePostgres(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if exists(home) || exists(dir) {
		t.Error("something is left")
	}
}

func TestALongPathStillHasASocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(rootedDir(t), strings.Repeat("long", 30))
	mustExec(t, dial(t, startPostgresFor(t, PostgresConfig{Dir: dir, Throwaway: true}).URL()), "select 1")
}

func TestTheSocketAndTheDataAreClosedToOthers(t *testing.T) {
	t.Parallel()
	pg := startPostgresFor(t, PostgresConfig{Dir: rootedDir(t), Throwaway: true})
	for _, path := range []string{pg.cluster.home, pg.cluster.socket, pg.cluster.data} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
	}
}

func startPostgresFor(t *testing.T, cfg PostgresConfig) *Postgres {
	t.Helper()
	cfg.Log = discard()
	pg, err := StartPostgres(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pg.Shutdown)
	return pg
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// rootedDir is a folder that every user may enter and whose path is short.
func rootedDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "edrelay-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWhyAServerDidNotStartIsReadFromWhatThisStartSaid(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "server.log")
	said := func(text string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	said("1 FATAL:  could not create lock file\n")
	log, err := openServerLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.file.Close()
	if err := log.failure(); !strings.Contains(err.Error(), "without a word") {
		t.Errorf("before it said a thing: %v", err)
	}
	said("2 FATAL:  data directory has wrong ownership\n2 FATAL:  the database system is starting up\n")
	if err := log.failure(); !strings.Contains(err.Error(), "wrong ownership") {
		t.Errorf("after clients were turned away: %v", err)
	}
}
