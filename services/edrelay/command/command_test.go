package command

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
)

func TestListsGiveTheRowsThatOutsidersRelyOn(t *testing.T) {
	t.Parallel()
	o := operate(t)
	o.webhook("w1", 1, relay.WebhookDone)
	o.publish(relay.Message{Subject: relay.EventSubject("a.b.v1"), ID: "e1", Type: "a.b.v1", About: "x", Body: []byte("{}")})
	for noun, fields := range map[string]string{
		"webhook": "id source topic received_at state reason sequence", "event": "id type source time sequence subject",
	} {
		rows := o.rows(noun, "ls")
		if len(rows) != 1 {
			t.Fatalf("%s: %v", noun, rows)
		}
		for name := range strings.FieldsSeq(fields) {
			if _, there := rows[0][name]; !there {
				t.Errorf("%s: no %s in %v", noun, name, rows[0])
			}
		}
	}
	if rows := o.rows("enrollment", "ls"); rows == nil || len(rows) != 0 {
		t.Errorf("no enrolment is %v, not an empty array", rows)
	}
}

func TestListsTakeALimitAndAState(t *testing.T) {
	t.Parallel()
	o := operate(t)
	for i := range 60 {
		o.webhook(fmt.Sprintf("w%02d", i), uint64(i+1), []relay.WebhookState{relay.WebhookDone, relay.WebhookParked}[i%2])
	}
	for args, want := range map[string]int{
		"webhook ls": 50, "webhook ls --limit 0": 60, "webhook ls --limit 7": 7, "webhook ls --limit 0 --state parked": 30, "webhook ls --state rejected": 0,
	} {
		rows := o.rows(strings.Fields(args)...)
		if len(rows) != want {
			t.Errorf("%s: %d rows, want %d", args, len(rows), want)
		}
		if want > 1 && rows[0]["received_at"].(string) < rows[want-1]["received_at"].(string) {
			t.Errorf("%s: not newest first", args)
		}
	}
	table := o.run("webhook", "ls", "--limit", "2").out
	if lines := strings.Split(strings.TrimSpace(table), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[0], "ID ") || strings.Contains(table, "\x1b") {
		t.Errorf("table:\n%s", table)
	}
}

func TestTheExitStatusTellsFailureFromMisuse(t *testing.T) {
	t.Parallel()
	o := operate(t)
	for args, want := range map[string]int{
		"webhook ls": 0, "webhook show none": 1, "enrollment show x": 1, "webhook": 0, "help": 0, "--version": 0,
		"webhook ls --state broken": 2, "webhook ls --limit -1": 2, "webhook ls --limit x": 2, "webhook show": 2, "webhook ls extra": 2,
		"webhook ls --since soon": 2, "enrollment retry": 2,
		"enrollment retry 1 --all": 2, "enrollment retry 1 --source s": 2, "webhook ls --bogus": 2, "webhook bogus": 2, "bogus": 2, "learner forget a@b.org": 2, "learner show": 2, "webhook ls --output xml": 2, "key create": 2, "--server ftp://x webhook ls": 1,
	} {
		got := o.run(strings.Fields(args)...)
		if got.status != want {
			t.Errorf("%s: status %d, want %d: %s", args, got.status, want, got.err)
		}
		if want != 0 && (!strings.HasPrefix(got.err, "edrelay: ") || got.out != "") {
			t.Errorf("%s: stderr %q, stdout %q", args, got.err, got.out)
		}
		if want != 0 && !strings.Contains(got.err, "→") {
			t.Errorf("%s: no next step in %q", args, got.err)
		}
	}
}

func TestWhoCannotGetInIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	o := operate(t)
	server := o.env[1]
	for _, env := range [][]string{{server, "EDRELAY_DATA_DIR=" + t.TempDir()}, {server, "EDRELAY_ADMIN_TOKEN=wrong-token"}} {
		got := runWith(t, env, "webhook", "ls")
		if got.status != 1 || !strings.Contains(got.err, "→") || strings.Contains(got.err, "wrong-token") {
			t.Errorf("%d %s", got.status, got.err)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	got := runWith(t, []string{"EDRELAY_ADMIN_TOKEN=x", "EDRELAY_SERVER=http://" + free.Addr().String()}, "webhook", "ls")
	if got.status != 1 || !strings.Contains(got.err, "edrelay up") {
		t.Errorf("%d %s", got.status, got.err)
	}
	key := o.run("key", "create", "--name", "n", "--role", "viewer").out
	fields := strings.Fields(key)
	for args, want := range map[string]int{"webhook ls": 0, "key ls": 1} {
		if got := runWith(t, []string{server, "EDRELAY_ADMIN_TOKEN=" + fields[len(fields)-1]}, strings.Fields(args)...); got.status != want {
			t.Errorf("viewer %s: %d %s", args, got.status, got.err)
		}
	}
}

func TestAPayloadIsPrintedByteForByte(t *testing.T) {
	t.Parallel()
	o := operate(t)
	for i, body := range []string{"{\"a\": 1.0}\n", "\xff\x00raw", ""} {
		o.publish(relay.Message{Subject: relay.EventSubject("a.v1"), ID: fmt.Sprint("e", i), Body: []byte(body)})
		if got := o.run("event", "show", fmt.Sprint(i+1), "--payload"); got.out != body || got.status != 0 {
			t.Errorf("%q came as %q: %s", body, got.out, got.err)
		}
	}
}

func TestWhatAStrangerSentDoesNotCommandTheTerminal(t *testing.T) {
	t.Parallel()
	o := operate(t)
	o.publish(relay.Message{
		Subject: relay.RejectedSubject("shopify", "signature"), ID: "x", Body: []byte("\x1b]0;owned\x07 {\"a\":\"\x1b[2J\"}"),
		Header: map[string]string{relay.HeaderSource: "shopify", relay.HeaderTopic: "t\x1b[31m"},
	})
	for _, args := range []string{"webhook ls", "webhook show rejected-1"} {
		if got := o.run(strings.Fields(args)...); got.status != 0 || strings.ContainsAny(got.out, "\x1b\x07") {
			t.Errorf("%s: %d %q", args, got.status, got.out)
		}
	}
}

func everyCommand(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		everyCommand(sub, visit)
	}
}

func TestEveryCommandExplainsItselfWithAnExample(t *testing.T) {
	t.Parallel()
	root := (&App{}).root()
	everyCommand(root, func(cmd *cobra.Command) {
		if cmd.Short == "" {
			t.Errorf("%s says nothing of itself", cmd.CommandPath())
		}
		if cmd.HasSubCommands() || cmd == root {
			return
		}
		if !strings.Contains(cmd.Example, "edrelay ") {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("%s: the example %q is not indented", cmd.CommandPath(), line)
			}
		}
	})
}

func TestEveryListTakesTheSameFlags(t *testing.T) {
	t.Parallel()
	lists := 0
	everyCommand((&App{}).root(), func(cmd *cobra.Command) {
		if cmd.Name() != "ls" || cmd.Parent().Name() == "backup" { // backups lie on a shelf, not with the running edrelay
			return
		}
		lists++
		limit := cmd.Flags().Lookup("limit")
		if limit == nil || limit.DefValue != "50" || cmd.Flags().Lookup("watch") == nil {
			t.Errorf("%s lacks --limit 50 or --watch", cmd.CommandPath())
		}
	})
	if lists < 4 {
		t.Errorf("only %d lists", lists)
	}
}

func TestManPagesAndCompletionAreMade(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "man")
	if got := runWith(t, nil, "man", dir); got.status != 0 {
		t.Fatal(got.err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || !slices.ContainsFunc(files, func(f os.DirEntry) bool { return f.Name() == "edrelay-webhook-ls.1" }) {
		t.Errorf("%v %v", files, err)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := runWith(t, nil, "completion", shell); got.status != 0 || !strings.Contains(got.out, "edrelay") {
			t.Errorf("%s: %d %s", shell, got.status, got.err)
		}
	}
	if got := runWith(t, nil, "__complete", "webhook", "ls", "--state", ""); !strings.Contains(got.out, "parked") {
		t.Errorf("states are not completed: %s", got.out)
	}
}
