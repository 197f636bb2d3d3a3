package drill

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/edrelay/command"
)

// asEdrelay names the environment variable that turns the test program into edrelay.
const asEdrelay = "EDRELAY_DRILL_PROCESS"

func TestMain(m *testing.M) {
	if file := os.Getenv(asNATS); file != "" {
		runNATS(file)
		return
	}
	if os.Getenv(asEdrelay) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := command.Signalled()
	var environ []string
	for _, pair := range os.Environ() {
		if pair != asEdrelay+"=1" && !strings.HasPrefix(pair, "EDRELAY_SOAK=") && !strings.HasPrefix(pair, "EDRELAY_SEED=") {
			environ = append(environ, pair)
		}
	}
	app := &command.App{Version: "drill", In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: environ}
	status := app.Run(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}

// process is an edrelay that runs.
type process struct {
	t     testing.TB
	args  []string
	admin string // host:port of its admin listener, where it is known
	cmd   *exec.Cmd
	out   *logs
	ended chan struct{}
	err   error
}

// logs keeps the end of what a process says.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len() > 1<<20 {
		l.text.Next(1 << 19)
	}
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start runs edrelay; wrap, when there is any, is a program that runs it.
func start(t testing.TB, dir string, env []string, args []string, wrap ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := append(append(wrap, self), args...)
	p := &process{t: t, args: args, cmd: exec.Command(line[0], line[1:]...), out: &logs{}, ended: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append(append(os.Environ(), asEdrelay+"=1"), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("edrelay %v said:\n%s", args, tail(p.out.String(), 6000))
		}
	})
	return p
}

func tail(text string, most int) string {
	if len(text) > most {
		return "…" + text[len(text)-most:]
	}
	return text
}

// kill is kill -9.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// stop asks the process to end and waits until it has.
func (p *process) stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		if p.err != nil {
			p.t.Errorf("edrelay ended with %v", p.err)
		}
	case <-time.After(60 * time.Second):
		p.t.Error("edrelay does not end")
		p.kill()
	}
}

// run runs a command of edrelay to its end.
func run(t testing.TB, dir string, env []string, args ...string) (out string, err error) {
	t.Helper()
	p := start(t, dir, env, args)
	select {
	case <-p.ended:
		return p.out.String(), p.err
	case <-time.After(2 * time.Minute):
		return p.out.String(), fmt.Errorf("edrelay %v does not end", args)
	}
}

// await asks until ok says so, and fails the test after a while.
func await(t testing.TB, what string, most time.Duration, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(most)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %s", most, what)
		}
		<-time.After(50 * time.Millisecond)
	}
}

func answers(url string, status int) bool {
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == status
}
