package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/services/edrelay/command"
)

const (
	childEnv   = "EDRELAY_CRASH_TEST_CHILD"
	adminToken = "the-crash-test-comes-in-with-this"
	eventToken = "the-crash-test-posts-events-with-this"
)

// TestMain is edrelay itself when a test started it as a child.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	app := &command.App{Version: "crash-test", In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ()}
	status := app.Run(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}

// edrelay is `edrelay up` as a process of its own, which may be killed at any moment.
type edrelay struct {
	t           *testing.T
	dir         string
	door, admin string
	log         *os.File

	mu      sync.Mutex
	process *exec.Cmd
	ended   chan struct{}
}

func newEdrelay(t *testing.T, lmsURL string) *edrelay {
	t.Helper()
	e := &edrelay{t: t, dir: embeddedtest.Dir(t), door: embeddedtest.FreeAddr(t), admin: embeddedtest.FreeAddr(t)}
	config := fmt.Sprintf(`data_dir: %s
http: { addr: %q }
admin: { addr: %q, token: %q }
nats: { embedded: { addr: %q } }
lms:
  url: %s
  client_id: edrelay
  client_secret: s3cret
  calls_per_minute: 6000
  batch_size: 20
  timeout: 2s
  retry: [100ms, 200ms, 400ms, 1s]
sources:
  - { name: shopify, kind: shopify, shop_domain: %s, secrets: [%s] }
  - { name: openedx, kind: openedx, token: %s }
notifier: { allow_networks: [127.0.0.1/32] }
`, e.dir, e.door, e.admin, adminToken, embeddedtest.FreeAddr(t), lmsURL, shopDomain, shopSecret, eventToken)
	if err := os.WriteFile(e.configFile(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if e.log, err = os.Create(filepath.Join(t.TempDir(), "edrelay.log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.end(syscall.SIGTERM)
		if t.Failed() {
			e.showLog()
		}
		_ = e.log.Close()
	})
	return e
}

func (e *edrelay) configFile() string { return filepath.Join(e.dir, "edrelay.yaml") }

func (e *edrelay) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append(args, "--config", e.configFile())...)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	return cmd
}

// start starts edrelay and waits until it is ready.
func (e *edrelay) start() {
	e.t.Helper()
	cmd := e.command("up")
	cmd.Stdout, cmd.Stderr = e.log, e.log
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	e.mu.Lock()
	e.process, e.ended = cmd, ended
	e.mu.Unlock()
	ready := func() bool {
		response, err := http.Get("http://" + e.admin + "/readyz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	}
	if !within(90*time.Second, ready) {
		e.t.Fatal("edrelay is not ready")
	}
}

// end ends the process with a signal and waits until it is gone.
func (e *edrelay) end(with syscall.Signal) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.process == nil {
		return
	}
	_ = e.process.Process.Signal(with)
	<-e.ended
	e.process = nil
}

// killPostgres kills the server that edrelay runs, as the kernel's memory killer would.
func (e *edrelay) killPostgres() {
	for _, file := range e.postmasterFiles() {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(text), "\n")
		if pid, err := strconv.Atoi(first); err == nil && pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func (e *edrelay) postmasterFiles() (files []string) {
	_ = filepath.WalkDir(filepath.Join(e.dir, "postgres"), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "postmaster.pid" {
			files = append(files, path)
		}
		return nil
	})
	return files
}

// json runs a command and reads its rows.
func (e *edrelay) json(into any, args ...string) error {
	out, err := e.run(append(args, "--output", "json")...)
	if err != nil {
		return err
	}
	return json.Unmarshal(out, into)
}

func (e *edrelay) run(args ...string) ([]byte, error) {
	cmd := e.command(append(args, "--server", "http://"+e.admin, "--token", adminToken)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("edrelay %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.Bytes(), nil
}

func (e *edrelay) showLog() {
	text, err := os.ReadFile(e.log.Name())
	if err != nil {
		return
	}
	_, _ = io.Copy(os.Stderr, bytes.NewReader(text[max(0, len(text)-8000):]))
}

// within asks until the answer is yes, at most so long.
func within(limit time.Duration, yes func() bool) bool {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	over := time.After(limit)
	for !yes() {
		select {
		case <-tick.C:
		case <-over:
			return false
		}
	}
	return true
}
