package embedded

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestNothingCommittedIsLostWhenTheProcessIsKilled(t *testing.T) {
	t.Parallel()
	dir := rootedDir(t)
	const rounds = 3
	committed := 0
	for round := range rounds {
		c := startChild(t, dir)
		conn := dial(t, c.postgres)
		stream := openStream(t, c.nats)
		if round == 0 {
			mustExec(t, conn, "create table line (id int)")
		}
		if got := countRows(t, conn); got != committed {
			t.Fatalf("after kill %d: %d rows, want %d", round, got, committed)
		}
		if got := countMessages(t, stream); got != committed {
			t.Fatalf("after kill %d: %d messages, want %d", round, got, committed)
		}
		if got := postmasters(t, filepath.Join(dir, "postgres")); got != 1 {
			t.Fatalf("after kill %d: %d Postgres servers, want 1", round, got)
		}
		for range 50 {
			mustExec(t, conn, "insert into line values (1)")
			publish(t, c.nats)
			committed++
		}
		c.kill()
	}
}

func TestAnOrphanedServerIsEndedBeforeTheNextStarts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir := rootedDir(t)
	c, err := prepareCluster(ctx, PostgresConfig{Dir: dir, Throwaway: true})
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := startPostmaster(ctx, c, discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(orphan.stop)

	pg := startPostgresFor(t, PostgresConfig{Dir: dir, Throwaway: true})

	select {
	case <-orphan.done:
	default:
		t.Error("the orphan still runs")
	}
	if pg.Pid() == orphan.pid() {
		t.Error("the orphan was taken for a server of our own")
	}
}

// A child of a killed server that is slow to notice holds the shared memory, and no server starts over it.
func TestAStartWaitsForTheLastChildOfAKilledServer(t *testing.T) {
	t.Parallel()
	dir := rootedDir(t)
	c, err := prepareCluster(t.Context(), PostgresConfig{Dir: dir, Throwaway: true})
	if err != nil {
		t.Fatal(err)
	}
	killed, err := startPostmaster(t.Context(), c, discard())
	if err != nil {
		t.Fatal(err)
	}
	server := &Postgres{cluster: c}
	child := int(dial(t, server.DatabaseURL("postgres")).PgConn().PID())
	if err := syscall.Kill(child, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	wake := func() { _ = syscall.Kill(child, syscall.SIGCONT) }
	t.Cleanup(wake)
	if err := syscall.Kill(killed.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-killed.done

	refused := make(chan struct{})
	go func() {
		defer close(refused)
		defer wake()
		for range 3000 {
			if text, err := os.ReadFile(c.log); err == nil && strings.Contains(string(text), "shared memory block") {
				return
			}
			if pause(t.Context(), lookEvery) != nil {
				return
			}
		}
	}()
	pg := startPostgresFor(t, PostgresConfig{Dir: dir, Throwaway: true})
	<-refused
	mustExec(t, dial(t, pg.URL()), "create table works (id int)")
}

func TestAForeignProcessWithTheOldIDIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := rootedDir(t)
	startPostgresFor(t, PostgresConfig{Dir: dir, Throwaway: true}).Shutdown()
	stranger := exec.Command("sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = stranger.Wait(); close(ended) }()
	t.Cleanup(func() { _ = stranger.Process.Kill() })
	home, err := filepath.EvalSymlinks(filepath.Join(dir, "cluster"))
	if err != nil {
		t.Fatal(err)
	}
	stale := strconv.Itoa(stranger.Process.Pid) + "\n" + home + "\n1\n5432\n"
	file := filepath.Join(home, "data", "postmaster.pid")
	if err := os.WriteFile(file, []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	who, err := postgresOwner("")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, who.uid, who.gid); err != nil {
		t.Fatal(err)
	}

	startPostgresFor(t, PostgresConfig{Dir: dir, Throwaway: true})

	select {
	case <-ended:
		t.Error("the stranger was killed")
	default:
	}
}

func TestAServerThatIsKilledIsStartedAgain(t *testing.T) {
	t.Parallel()
	pg := startPostgresFor(t, PostgresConfig{Dir: rootedDir(t), Throwaway: true})
	old := pg.Pid()
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		conn, err := pgx.Connect(t.Context(), pg.URL())
		if err == nil {
			conn.Close(t.Context())
			if pg.Pid() != old {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("not back: %v", err)
		}
		if err := pause(t.Context(), lookEvery); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAClusterThatWasOnlyHalfMadeIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := rootedDir(t)
	half := filepath.Join(dir, "cluster", "data.new")
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(half, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	conn := dial(t, startPostgresFor(t, PostgresConfig{Dir: dir}).URL())
	mustExec(t, conn, "create table works (id int)")
}

// postmasters counts the servers whose data lie in dir.
func postmasters(t *testing.T, dir string) int {
	t.Helper()
	home, err := filepath.EvalSymlinks(filepath.Join(dir, "cluster"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for range 50 { // a process that a server has just forked still has its parent's command line
		if count = strings.Count(commandLines(t), "-D "+filepath.Join(home, "data")); count == 1 {
			break
		}
		if err := pause(t.Context(), lookEvery); err != nil {
			t.Fatal(err)
		}
	}
	return count
}

// commandLines are those of all processes; small machines have /proc and no ps.
func commandLines(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		out, err := exec.Command("ps", "-eo", "command").Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	var all strings.Builder
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil { // a process may end meanwhile
			all.WriteString(strings.ReplaceAll(string(text), "\x00", " ") + "\n")
		}
	}
	return all.String()
}

func dial(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func mustExec(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func countRows(t *testing.T, conn *pgx.Conn) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "select count(*) from line").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func jetStream(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func openStream(t *testing.T, url string) jetstream.Stream {
	t.Helper()
	stream, err := jetStream(t, url).CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "LINES", Subjects: []string{"lines"}})
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func publish(t *testing.T, url string) {
	t.Helper()
	if _, err := jetStream(t, url).Publish(t.Context(), "lines", []byte("1")); err != nil {
		t.Fatal(err)
	}
}

func countMessages(t *testing.T, stream jetstream.Stream) int {
	t.Helper()
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(info.State.Msgs)
}
