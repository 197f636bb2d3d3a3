package drill

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestABackupTakenUnderLoadComesBackOnAnEmptyMachine(t *testing.T) {
	t.Parallel()
	_, lmsURL := lms(t)
	old := newSite(t, lmsURL)
	shelf := filepath.Join(openDir(t), "shelf")
	running := old.up()
	traffic := startLoad(t, old.door, 3, 20*time.Millisecond)
	await(t, "too few orders are accepted", 60*time.Second, func() bool { return len(traffic.sent()) > 60 })

	before := traffic.sent()
	old.mustCommand("backup", shelf)
	await(t, "no order is accepted after the backup", 60*time.Second, func() bool { return len(traffic.sent()) > len(before)+20 })
	traffic.end()
	running.kill()

	fresh := newSite(t, lmsURL)
	if out := fresh.mustCommand("restore", shelf); !strings.Contains(out, "is back") {
		t.Errorf("restore says %s", out)
	}
	fresh.up()
	settled(fresh, before, 90*time.Second)
	states := accounted(fresh, before)
	if out, err := fresh.command("audit"); err != nil {
		t.Errorf("audit: %v\n%s", err, out)
	}
	t.Logf("%d orders before the backup, %d in all; states after: %v", len(before), len(traffic.sent()), states)
	if out, err := fresh.command("restore", shelf); err == nil {
		t.Errorf("a restore over a running edrelay succeeds: %s", out)
	}
}

func TestARestoreThatWasCutShortIsNoticed(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	data := filepath.Join(s.dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "restore.unfinished"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := s.command("up")
	if err == nil || !strings.Contains(out, "cut short") || !strings.Contains(out, "edrelay restore") {
		t.Errorf("%v: %s", err, out)
	}
}
