//go:build soak

package drill

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
)

// predecessor builds edrelay as it was before the newest migration, from the history of this repository.
func predecessor(t testing.TB) (program string) {
	t.Helper()
	git := func(args ...string) string {
		out, err := exec.Command("git", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if git("rev-parse", "--is-shallow-repository") == "true" {
		t.Fatal("This test builds an older edrelay and the history is cut off here: run `git fetch --unshallow`.")
	}
	root := git("rev-parse", "--show-toplevel")
	newest := git("log", "-1", "--diff-filter=A", "--format=%H", "--", filepath.Join(root, "sql", "migrations"))
	if newest == "" {
		t.Fatal("The history knows of no migration: run this test in a clone of the repository.")
	}
	dir := filepath.Join(openDir(t), "old")
	git("worktree", "add", "--detach", dir, newest+"^")
	t.Cleanup(func() { git("worktree", "remove", "--force", dir) })
	program = filepath.Join(dir, "edrelay-old")
	build := exec.Command("go", "build", "-o", program, "./services/edrelay")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s^: %v: %s", newest[:12], err, out)
	}
	t.Logf("old: %s", git("log", "-1", "--format=%h %s", newest+"^"))
	t.Logf("the newest migration came with: %s", git("log", "-1", "--format=%h %s", newest))
	return program
}

// instead runs another program in place of this one.
func instead(program string) []string { return []string{"sh", "-c", `shift; exec "$0" "$@"`, program} }

// The old version works alone on the old schema; the schema is migrated under it; then old and new work side by side, old
// ones are restarted on the new schema, and at last the new ones work alone. No request fails, nothing is lost or doubled.
func TestSoakOldAndNewWorkSideBySideAcrossAMigration(t *testing.T) {
	old := predecessor(t)
	sim, lmsURL := lms(t)
	s := footing{lms: lmsURL, nats: embeddedtest.NATS(t), ledger: embeddedtest.Postgres(t), replicas: 1}.site(t)
	migrate := start(t, s.dir, nil, []string{"migrate", "up"}, instead(old)...)
	migrate.over(60 * time.Second)
	p := &parts{site: s, services: map[string]*process{}}
	console := start(t, s.dir, nil, []string{"console"}, instead(old)...)
	console.admin = s.admin
	s.ready(console)
	doors := []string{embeddedtest.FreeAddr(t), embeddedtest.FreeAddr(t)}
	services := []string{"ingress", "enroller", "notifier"}
	olds, news := map[string]*process{}, map[string]*process{}
	startOld := func(name string) {
		olds[name] = p.begin(name, doors[0], instead(old)...)
		p.await(olds[name])
	}
	for _, name := range services {
		startOld(name)
	}
	ears := newAudience(t, "127.0.0.1:0")
	ears.subscribe(s, map[string]string{"plain": "", "ordered": ", ordered: true"})
	front := newBalancer(t, doors[0])
	orders, events := startLoad(t, front.listener.Addr().String(), 4, 20*time.Millisecond), startTalk(t, front.listener.Addr().String(), 4, 40)
	more := func(what string) {
		n, m := len(orders.sent()), len(events.sent())
		await(t, "too little is accepted", 120*time.Second, func() bool { return len(orders.sent()) > n+100 && len(events.sent()) > m+100 })
		t.Logf("%s: %d orders, %d events", what, len(orders.sent()), len(events.sent()))
	}
	more("old alone")
	s.mustCommand("migrate", "up")
	more("old on the new schema")
	for _, name := range services {
		news[name] = p.start(name, doors[1])
	}
	front.use(doors...)
	more("side by side")
	for _, name := range services {
		if name == "ingress" {
			front.use(doors[1])
		}
		olds[name].stop()
		startOld(name)
		front.use(doors...)
	}
	more("old ones restarted")
	console.stop()
	console = start(t, s.dir, nil, []string{"console"})
	console.admin = s.admin
	s.ready(console)
	front.use(doors[1])
	for _, name := range services {
		olds[name].stop()
	}
	more("new alone")
	orders.end()
	events.end()
	if failed := orders.failed.Load() + events.failed.Load(); failed > 0 {
		t.Errorf("%d requests failed", failed)
	}
	settled(s, orders.sent(), 3*time.Minute)
	accounted(s, orders.sent())
	for _, name := range []string{"plain", "ordered"} {
		if repeated := heardAll(s, ears, name, events.sent(), 2*time.Minute); repeated > 0 {
			t.Errorf("%s heard of %d events more than once", name, repeated)
		}
	}
	inOrder(s, ears, "ordered")
	for _, args := range [][]string{{"audit"}, {"audit", "--lms"}} {
		if out, err := s.command(args...); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	if stats := sim.Stats(); stats.MailsPerSeat > 1 || stats.BusiestMinute > 120 {
		t.Errorf("a learner was mailed %d times; %d calls in a minute", stats.MailsPerSeat, stats.BusiestMinute)
	}
}
