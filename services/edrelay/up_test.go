package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
)

// The budget of `up` on a warm data dir.
const (
	readyBudget  = 3 * time.Second
	memoryBudget = 100 // MiB, of edrelay itself
	settleTime   = 3 * time.Second
)

// BenchmarkUpBudget prints how long a warm `up` takes to be ready and the memory that it then holds, idle.
func BenchmarkUpBudget(b *testing.B) {
	u := newUp(b)
	u.start(b)
	u.stop(b)
	for b.Loop() {
		took := u.start(b)
		<-time.After(settleTime)
		b.ReportMetric(took.Seconds(), "s/ready")
		b.ReportMetric(readyBudget.Seconds(), "s/ready-budget")
		b.ReportMetric(u.memory(b), "MiB")
		b.ReportMetric(memoryBudget, "MiB-budget")
		b.ReportMetric(0, "ns/op")
		u.stop(b)
	}
}

func TestASecondUpInTheSameDataDirIsRefusedAndTheFirstGoesOn(t *testing.T) {
	t.Parallel()
	u := newUp(t)
	u.start(t)
	defer u.stop(t)
	second := u.command(t.Context())
	out, err := second.CombinedOutput()
	if err == nil || second.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "in use by process "+strconv.Itoa(u.running.Process.Pid)) {
		t.Errorf("%v: %s", err, out)
	}
	if err := u.ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// up is `edrelay up` as a process of its own, in a data dir of its own.
type up struct {
	program, dir, admin, door string
	env                       []string // added to this process' own
	running                   *exec.Cmd
}

// newUp makes one; more is added to its configuration.
func newUp(t testing.TB, more ...string) *up {
	t.Helper()
	dir := embeddedtest.Dir(t)
	u := &up{program: filepath.Join(dir, "edrelay"), dir: dir, admin: embeddedtest.FreeAddr(t), door: embeddedtest.FreeAddr(t)}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", u.program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text := strings.Join(more, "") + fmt.Sprintf("data_dir: %s\nhttp: { addr: %q }\nadmin: { addr: %q }\nnats: { embedded: { addr: %q } }\n",
		filepath.Join(dir, "data"), u.door, u.admin, embeddedtest.FreeAddr(t))
	if err := os.WriteFile(filepath.Join(dir, "edrelay.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return u
}

func (u *up) command(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, u.program, "up", "--config", filepath.Join(u.dir, "edrelay.yaml"))
	cmd.Dir = u.dir
	cmd.Env = append(os.Environ(), u.env...)
	return cmd
}

// start starts it and tells how long it took to be ready.
func (u *up) start(t testing.TB) time.Duration {
	t.Helper()
	u.running = u.command(context.Background())
	log, err := os.Create(filepath.Join(u.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	u.running.Stdout, u.running.Stderr = log, log
	began := time.Now()
	if err := u.running.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for u.ready(ctx) != nil {
		select {
		case <-ctx.Done():
			text, _ := os.ReadFile(log.Name())
			u.stop(t)
			t.Fatalf("not ready after a minute:\n%s", text)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return time.Since(began)
}

func (u *up) ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+u.admin+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("readyz answers %d", response.StatusCode)
	}
	return nil
}

func (u *up) stop(t testing.TB) {
	t.Helper()
	if err := u.running.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := u.running.Wait(); err != nil {
		t.Errorf("up ended with %v", err)
	}
}

// resident is the resident memory of a process in KiB, from /proc where there is one.
func resident(t testing.TB, pid int) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		out, err := exec.CommandContext(t.Context(), "ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	number, _, _ := strings.Cut(after, " kB")
	return number
}

// memory is the resident memory in MiB.
func (u *up) memory(t testing.TB) float64 {
	t.Helper()
	kib, err := strconv.ParseFloat(strings.TrimSpace(resident(t, u.running.Process.Pid)), 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib / 1024
}
