package drill

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
)

// namespace wraps a program in a mount namespace of its own: as root, else as root of a user's namespace.
func namespace(script string, args ...string) []string {
	flag := "-m"
	if os.Geteuid() != 0 {
		flag = "-rm"
	}
	return append([]string{"unshare", flag, "sh", "-c", script}, args...)
}

// onLedger is a site with NATS inside and a Postgres of the test.
func onLedger(t *testing.T, more ...string) (s *site, ledger string) {
	t.Helper()
	s, ledger = newSite(t, ""), embeddedtest.Postgres(t)
	s.configure("", append([]string{fmt.Sprintf("nats: { embedded: { addr: %q } }", s.nats), fmt.Sprintf("database: { url: %q }", ledger)}, more...)...)
	return s, ledger
}

func offer(t *testing.T, s *site, from, to int64) (accepted []int64) {
	t.Helper()
	for id := from; id < to; id++ {
		if status := send(http.DefaultClient, "http://"+s.door, id); status != 200 {
			t.Errorf("order %d: %d", id, status)
		}
		accepted = append(accepted, id)
	}
	return accepted
}

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(raw)
}

func TestWhatRunsFullIsToldWhileEverythingStillWorks(t *testing.T) {
	t.Parallel()
	s, _ := onLedger(t, "alarm: { disk_free: 900000GiB }") // more than any disk has
	running := s.up()
	await(t, "/readyz does not tell that the disk runs full", 30*time.Second, func() bool {
		status, body := fetch(t, "http://"+s.admin+"/readyz")
		return status == 200 && strings.Contains(body, `"ready":true`) && strings.Contains(body, "GiB free of")
	})
	offer(t, s, 1, 2)
	if said := running.out.String(); !strings.Contains(said, "alarm raised") || !strings.Contains(said, "alarm.disk_free") {
		t.Errorf("the log does not tell:\n%s", tail(said, 3000))
	}
	_, metrics := fetch(t, "http://"+s.admin+"/metrics")
	for _, name := range []string{`edrelay_alarm{alarm="disk"} 1`, "edrelay_disk_free_bytes ", `edrelay_stream_bytes{stream="WEBHOOKS"} `} {
		if !strings.Contains(metrics, name) {
			t.Errorf("/metrics lacks %s", name)
		}
	}
	if out, err := s.command("doctor"); err == nil || !strings.Contains(out, "free of") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	overview := s.mustGet("/overview")
	if !strings.Contains(overview, "free of") {
		t.Errorf("the overview does not tell: %s", overview)
	}
	running.stop()
}

// A disk that the kernel has made read-only, as it does after an error, is found when edrelay starts.
func TestAReadOnlyDiskIsRefusedInOneSentenceAndLosesNothing(t *testing.T) {
	t.Parallel()
	s, _ := onLedger(t)
	running := s.up()
	accepted := offer(t, s, 1, 20)
	running.stop()
	data := filepath.Join(s.dir, "data")
	blocked := start(t, s.dir, s.env, []string{"up"}, namespace(`mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"`, data)...)
	select {
	case <-blocked.ended:
	case <-time.After(time.Minute):
		t.Fatal("edrelay starts on a read-only disk")
	}
	if said := blocked.out.String(); !strings.Contains(said, "read-only file system") || !strings.Contains(said, "→") {
		t.Errorf("it said:\n%s", said)
	}
	running = s.up()
	accepted = append(accepted, offer(t, s, 20, 25)...)
	await(t, "an accepted order is not seen", 60*time.Second, func() bool { return len(rows[struct{}](s, "/enrollments")) >= len(accepted) })
	accounted(s, accepted)
	running.stop()
}

// The disk corrupts a message in the middle of the log: NATS gives up the rest of that block, and its sequences begin
// again there.
func TestALogThatTheDiskCorruptedIsNamed(t *testing.T) {
	t.Parallel()
	s, url := onLedger(t)
	running := s.up()
	accepted := offer(t, s, 1, 31)
	await(t, "an accepted order is not seen", 60*time.Second, func() bool { return len(rows[struct{}](s, "/enrollments")) >= len(accepted) })
	ledger, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	await(t, "how far the log came is not noted", 30*time.Second, func() bool {
		last, err := ledger.LogMark(t.Context(), relay.StreamWebhooks)
		return err == nil && last >= 30
	})
	running.kill()
	corrupt(t, s, relay.StreamWebhooks)
	running = s.up()
	await(t, "the loss is not told", 30*time.Second, func() bool {
		_, body := fetch(t, "http://"+s.admin+"/readyz")
		return strings.Contains(body, "WEBHOOKS lost its messages") && strings.Contains(body, "all of them were worked")
	})
	if said := running.out.String(); !strings.Contains(said, "the log has lost the end of a stream") {
		t.Errorf("the log does not tell:\n%s", tail(said, 3000))
	}
	if out, _ := s.command("doctor"); !strings.Contains(out, "WEBHOOKS lost its messages") {
		t.Errorf("doctor:\n%s", out)
	}
	accepted = append(accepted, offer(t, s, 31, 36)...) // their sequences were given before
	await(t, "an accepted order is not seen", 60*time.Second, func() bool { return len(rows[struct{}](s, "/enrollments")) >= len(accepted) })
	accounted(s, accepted)
	if out, err := s.command("audit"); err != nil {
		t.Errorf("audit: %v\n%s", err, out)
	}
	running.stop()
}

// corrupt overwrites some bytes in the middle of a stream's block, and takes the index away that a kill leaves stale.
func corrupt(t *testing.T, s *site, stream string) {
	t.Helper()
	blocks, err := filepath.Glob(filepath.Join(s.dir, "data", "nats", "jetstream", "*", "streams", stream, "msgs", "1.blk"))
	if err != nil || len(blocks) != 1 {
		t.Fatalf("%v, %v", blocks, err)
	}
	_ = os.Remove(filepath.Join(filepath.Dir(blocks[0]), "index.db"))
	block, err := os.ReadFile(blocks[0])
	if err != nil {
		t.Fatal(err)
	}
	copy(block[len(block)/2:], "the disk forgot this")
	if err := os.WriteFile(blocks[0], block, 0o600); err != nil {
		t.Fatal(err)
	}
}
