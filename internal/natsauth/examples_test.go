package natsauth_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/edrelay/edrelay/internal/relay"
)

// examples are the subscribers that docs/events.md shows. The Python one is not run here: its client is not in Debian.
const examples = "../../docs/examples/subscriber"

func TestTheExampleSubscribersReadDurably(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	made, err := g.users.Add(t.Context(), "crm", []string{openBranch})
	if err != nil {
		t.Fatal(err)
	}
	room := t.TempDir()
	creds := filepath.Join(room, "crm.creds")
	if err := os.WriteFile(creds, []byte(made.Creds), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "NATS_URL="+g.url, "NATS_CREDS="+creds, "NATS_INBOX_PREFIX="+made.InboxPrefix)
	for _, name := range []string{"package.json", "package-lock.json", "subscriber.mjs"} {
		text, err := os.ReadFile(filepath.Join(examples, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(room, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command(t, room, env, "npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
	program := filepath.Join(room, "subscriber")
	command(t, ".", env, "go", "build", "-o", program, filepath.Join(examples, "subscriber.go"))
	g.register(t, "1", "2")
	expectLines(t, room, env, []string{"1", "2"}, program)
	expectLines(t, room, env, []string{"1", "2"}, "node", "subscriber.mjs")
	g.register(t, "3")
	expectLines(t, room, env, []string{"3"}, program) // it goes on where it was
	expectLines(t, room, env, []string{"3"}, "node", "subscriber.mjs")
}

// register publishes registrations of these users.
func (g *ground) register(t *testing.T, users ...string) {
	t.Helper()
	for _, id := range users {
		m := nats.NewMsg(openSubject)
		m.Header = nats.Header{"ce-type": {strings.TrimPrefix(openSubject, "events.")}, "ce-id": {"id-" + id}}
		m.Data = []byte(`{"user":{"id":` + id + `}}`)
		if _, err := g.js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.js.Stream(t.Context(), relay.StreamEvents); err != nil {
		t.Fatal(err)
	}
}

func command(t *testing.T, dir string, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// expectLines runs a subscriber until it has printed a line for each user, ends it as an operator would, and fails on
// any other line.
func expectLines(t *testing.T, dir string, env, users []string, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, env, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	lines := bufio.NewScanner(out)
	for _, id := range users {
		want := strings.TrimPrefix(openSubject, "events.") + " id-" + id + " user " + id
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("%s printed %q, want %q", name, lines.Text(), want)
		}
	}
	cmd.Process.Signal(syscall.SIGTERM)
	for lines.Scan() {
		t.Errorf("%s printed %q too", name, lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}
