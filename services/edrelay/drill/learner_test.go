package drill

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/lmssim"
)

// The learner who is forgotten, and one who is not.
const (
	ada     = "Ada.Q7x@Learners.example"
	adaName = "ada-q7x-username"
	bob     = "bob.k2m@learners.example"
)

// learnerSite is a site where a learner has left traces everywhere.
type learnerSite struct {
	*site
	running *process
}

// echo is a subscriber that answers what it was sent, with a status.
func echo(t testing.TB, status int) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func newLearnerSite(t *testing.T) *learnerSite {
	t.Helper()
	sim, lmsURL := lms(t)
	for name, email := range map[string]string{adaName: ada, "bob": bob} {
		if _, err := sim.AddUser(lmssim.User{Username: name, Email: email, Active: true}); err != nil {
			t.Fatal(err)
		}
	}
	s := newSite(t, lmsURL)
	file := filepath.Join(s.dir, "edrelay.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("sources:\n"), []byte("sources:\n  - { name: enrollment, kind: enrollment }\n"), 1)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	l := &learnerSite{site: s}
	l.running = s.up()
	return l
}

// lineOf is one line of an order.
type lineOf struct{ sku, learner string }

// order sends a signed order and gives the door's status.
func (l *learnerSite) order(id, version int, secret string, lines ...lineOf) int {
	l.t.Helper()
	var items []string
	for i, line := range lines {
		items = append(items, fmt.Sprintf(`{"id":%d,"sku":%q,"quantity":1,"properties":[{"name":"email","value":%q}]}`, id*10+i, line.sku, line.learner))
	}
	at := time.Date(2026, 1, 15, 10, version, 0, 0, time.UTC).Format(time.RFC3339)
	body := fmt.Appendf(nil, `{"id":%d,"name":"#%d","financial_status":"paid","created_at":"2026-01-15T10:00:00Z","updated_at":%q,"line_items":[%s]}`,
		id, id, at, strings.Join(items, ","))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	request, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, "http://"+l.door+"/webhooks/shopify/order/updated", bytes.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Shopify-Topic", "orders/updated")
	request.Header.Set("X-Shopify-Shop-Domain", shopDomain)
	request.Header.Set("X-Shopify-Webhook-Id", fmt.Sprintf("learner-%d-%d", id, version))
	request.Header.Set("X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return outcome(http.DefaultClient.Do(request))
}

func (l *learnerSite) accept(id, version int, lines ...lineOf) {
	l.t.Helper()
	if status := l.order(id, version, shopSecret, lines...); status != 200 {
		l.t.Fatalf("order %d: %d", id, status)
	}
}

func (l *learnerSite) event(eventType, data string) {
	l.t.Helper()
	l.mustCommand("event", "publish", eventType, "--data", data)
}

func (l *learnerSite) enrolled(learner, state string) (n int) {
	for _, row := range rows[relay.Enrollment](l.site, "/enrollments") {
		if strings.EqualFold(row.Learner, learner) && string(row.State) == state {
			n++
		}
	}
	return n
}

func pii(username, email string, id int) string {
	return fmt.Sprintf(`{"id":%d,"is_active":true,"pii":{"username":%q,"email":%q,"name":"Name of %s"}}`, id, username, email, username)
}

// live leaves traces of both learners everywhere.
func (l *learnerSite) live() {
	l.t.Helper()
	l.mustCommand("subscription", "add", "glad", "--url", echo(l.t, 200), "--events", "*")
	l.mustCommand("subscription", "add", "sad", "--url", echo(l.t, 500), "--events", "*")
	l.mustCommand("subscription", "add", "ordered", "--url", echo(l.t, 500), "--events", "org.openedx.*", "--ordered")
	l.mustCommand("subscription", "add", "asleep", "--url", echo(l.t, 200), "--events", "org.openedx.*")
	l.mustCommand("subscription", "pause", "asleep")
	l.mustCommand("nats-user", "add", "crm", "--allow", "events.>")
	people := filepath.Join(l.dir, "people.csv")
	if err := os.WriteFile(people, []byte("email,username,name\n"+ada+","+adaName+",Ada\n"+bob+",bob,Bob\n"), 0o600); err != nil {
		l.t.Fatal(err)
	}
	l.mustCommand("roster", "import", people, "--kind", "people")
	l.accept(1001, 1, lineOf{course, ada})
	l.accept(1002, 1, lineOf{course, ada}, lineOf{course, bob})
	l.accept(1003, 1, lineOf{course, bob})
	l.accept(1004, 1, lineOf{"course-v1:Drill+Unknown+2026", ada}, lineOf{"course-v1:Drill+Unknown+2026", bob})
	if status := l.order(1005, 1, "a-wrong-secret", lineOf{course, ada}); status != 403 {
		l.t.Fatalf("a forged order: %d", status)
	}
	registered := "org.openedx.learning.student.registration.completed.v1"
	l.event(registered, `{"user":`+pii(adaName, ada, 70077)+`}`)
	l.event(registered, `{"user":`+pii("bob", bob, 70078)+`}`)
	l.event("org.openedx.learning.course.persistent_grade_summary.changed.v1", `{"grade":{"user_id":70077,"percent_grade":0.5}}`)
	l.event("org.example.escaped.v1", `{"note":"mail \u0041da.Q7x\u0040learners.example, please"}`)
	await(l.t, "the learners are not enrolled", time.Minute, func() bool {
		return l.enrolled(ada, "enrolled") == 2 && l.enrolled(bob, "enrolled") == 2 && l.enrolled(ada, "waiting") == 1
	})
	await(l.t, "nobody got the events", time.Minute, func() bool {
		held := l.show()
		got := map[string]relay.HeldDeliveries{}
		for _, d := range held.Deliveries {
			got[d.Subscription] = d
		}
		return held.Counts.Outbox == 0 && got["glad"].Delivered >= 5 && got["sad"].Waiting >= 5 && got["ordered"].Waiting == 1 && held.Counts.Copies == held.Counts.Events
	})
}

func (l *learnerSite) show() (held relay.Held) {
	l.t.Helper()
	out, _ := l.command("learner", "show", ada, "--output", "json") // exit status 1 says that nothing is held
	if err := json.Unmarshal([]byte(out), &held); err != nil {
		l.t.Fatalf("%v: %s", err, out)
	}
	return held
}

func (l *learnerSite) forget(more ...string) (done relay.Erasure) {
	l.t.Helper()
	out := l.mustCommand(append([]string{"learner", "forget", ada, "--output", "json"}, more...)...)
	if err := json.Unmarshal([]byte(out), &done); err != nil {
		l.t.Fatalf("%v: %s", err, out)
	}
	return done
}

func (l *learnerSite) audit(when string) {
	l.t.Helper()
	if out, err := l.command("audit", "--lms"); err != nil {
		l.t.Errorf("audit %s: %v\n%s", when, err, out)
	}
}

// onDisk gives the files below a folder of the data dir in which a text stands, whatever its case.
func (l *learnerSite) onDisk(folder, text string) (files []string) {
	l.t.Helper()
	root, err := filepath.EvalSymlinks(filepath.Join(l.dir, "data", folder))
	if err != nil {
		l.t.Fatal(err)
	}
	want := bytes.ToLower([]byte(text))
	_ = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // a file that went meanwhile
		}
		if raw, err := os.ReadFile(path); err == nil && bytes.Contains(bytes.ToLower(raw), want) {
			files = append(files, path)
		}
		return nil
	})
	return files
}

// inLedger names the tables in one of whose rows a text stands, whatever the column.
func (l *learnerSite) inLedger(text string) (tables []string) {
	l.t.Helper()
	url, ok := embedded.RunningPostgres(filepath.Join(l.dir, "data", "postgres"))
	if !ok {
		l.t.Fatal("no Postgres runs")
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close(ctx)
	found, err := conn.Query(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'")
	if err != nil {
		l.t.Fatal(err)
	}
	names, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		l.t.Fatal(err)
	}
	for _, name := range names {
		var n int
		query := fmt.Sprintf("SELECT count(*) FROM %q t WHERE strpos(lower(t::text), $1) > 0 OR strpos(t::text, $2) > 0", name)
		if err := conn.QueryRow(ctx, query, strings.ToLower(text), fmt.Sprintf("%x", text)).Scan(&n); err != nil {
			l.t.Fatalf("%s: %v", name, err)
		}
		if n > 0 {
			tables = append(tables, name)
		}
	}
	return tables
}

func TestAForgottenLearnerIsGoneFromLogAndLedgerAndAllElseStays(t *testing.T) {
	t.Parallel()
	l := newLearnerSite(t)
	l.live()
	l.mustCommand("replay", "start", "--subscription", "glad", "--learner", ada)
	held := l.show()
	c := held.Counts
	if c.Webhooks != 3 || c.Rejected != 1 || c.Events != 5 || c.Orders != 3 || c.Enrollments != 3 || c.Roster != 1 || c.Replays != 1 {
		t.Errorf("held: %+v", c)
	}
	if strings.Join(held.Usernames, " ") != adaName || strings.Join(held.UserIDs, " ") != "70077" {
		t.Errorf("names %v, ids %v", held.Usernames, held.UserIDs)
	}
	plan := l.forget("--dry-run")
	if plan.State != relay.ErasurePlanned || plan.Counts.Webhooks != 3 || plan.Counts.Events != 5 || len(plan.Samples) == 0 || len(plan.Blocked) != 0 {
		t.Errorf("plan: %+v", plan)
	}
	again := l.show().Counts
	again.Deliveries, again.Texts = c.Deliveries, c.Texts // attempts go on meanwhile
	if again != c {
		t.Errorf("a dry run changed %+v into %+v", c, again)
	}

	done := l.forget("--yes")
	if done.State != relay.ErasureDone || done.Counts.Webhooks != 3 || done.Counts.Rejected != 1 || done.Counts.Events != 5 || done.Counts.Copies != 5 ||
		done.Counts.Enrollments != 3 || done.Counts.Orders != 3 || done.Counts.Replays != 1 {
		t.Errorf("erased: %+v", done)
	}
	if out, err := l.command("learner", "show", ada); err == nil || !strings.Contains(out, "nothing") {
		t.Errorf("shown after: %v\n%s", err, out)
	}
	for _, text := range []string{ada, adaName, "Name of " + adaName} {
		if files := l.onDisk("nats", text); len(files) > 0 {
			t.Errorf("%q still stands in %v", text, files)
		}
		if tables := l.inLedger(text); len(tables) > 0 {
			t.Errorf("%q still stands in the tables %v", text, tables)
		}
	}
	if len(l.onDisk("nats", bob)) == 0 {
		t.Error("the other learner's messages are not found on disk, so this test sees nothing")
	}
	l.saysSo()
	l.audit("after the erasure")
	if n := l.enrolled(bob, "enrolled"); n != 2 || l.enrolled(bob, "waiting") != 1 {
		t.Errorf("the other learner: %+v", rows[relay.Enrollment](l.site, "/enrollments"))
	}

	// Late news of the same orders, a second time, and a restart.
	l.accept(1001, 2, lineOf{course, ada})
	l.accept(1002, 2, lineOf{course, bob}, lineOf{course, ada})
	await(t, "the late updates are not worked", time.Minute, func() bool { return l.worked() == 6 })
	if again := l.forget("--yes"); again.State != relay.ErasureDone || again.Counts.Webhooks != 2 || again.Counts.Enrollments != 0 {
		t.Errorf("erased the second time: %+v", again)
	}
	if third := l.forget("--yes", "--rewrite"); third.State != relay.ErasureDone || third.Counts.Total() != 0 || third.Learner != done.Learner || third.As == done.As {
		t.Errorf("erased the third time: %+v", third)
	}
	l.audit("after late updates")
	l.running.stop()
	for _, file := range l.onDisk("postgres/cluster", ada) { // all pages are written when Postgres has ended
		if !strings.Contains(file, "/pg_wal/") {
			t.Errorf("the address stands in %s, though the tables were written anew", file)
		}
	}
	l.running = l.up()
	l.audit("after a restart")
	l.mustCommand("replay", "start", "--enroller")
	await(t, "the replay over the gap does not end", time.Minute, func() bool {
		for _, r := range rows[relay.Replay](l.site, "/replays") {
			if r.State == relay.ReplayRunning {
				return false
			}
		}
		return true
	})
	l.audit("after a replay over the gap")
	if tables := l.inLedger(ada); len(tables) > 0 {
		t.Errorf("the address came back into %v", tables)
	}
}

// worked counts the webhooks that the ledger has.
func (l *learnerSite) worked() (n int) {
	for _, w := range rows[relay.Webhook](l.site, "/webhooks") {
		if w.State == relay.WebhookDone {
			n++
		}
	}
	return n
}

// saysSo looks at what whoever asks for something erased is told.
func (l *learnerSite) saysSo() {
	l.t.Helper()
	for _, w := range rows[relay.Webhook](l.site, "/webhooks") {
		if w.Order == "1001" {
			if out := l.mustCommand("webhook", "show", w.ID); !strings.Contains(out, "erased from the log") || !strings.Contains(out, relay.ForgottenReason) {
				l.t.Errorf("webhook show: %s", out)
			}
		}
	}
	waits, parked := 0, 0
	for _, d := range rows[relay.Delivery](l.site, "/deliveries") {
		if d.State == relay.DeliveryWaiting && strings.HasPrefix(d.EventType, "org.openedx.learning.course.persistent") {
			waits++
		}
		if d.State == relay.DeliveryParked && d.LastError == relay.ForgottenReason {
			parked++
		}
	}
	if waits != 0 || parked < 5 {
		l.t.Errorf("%d deliveries of erased events wait, %d are parked", waits, parked)
	}
	for _, args := range [][]string{{"webhook", "show", "rejected-1"}, {"event", "show", "1"}} {
		out, err := l.command(args...)
		if args[0] == "event" && err == nil {
			continue // the first event is not about the learner
		}
		if err == nil || !strings.Contains(out, "erased from the log") {
			l.t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	trail := l.mustCommand("audit", "trail", "--output", "json")
	if !strings.Contains(trail, `"learner forget"`) || strings.Contains(strings.ToLower(trail), strings.ToLower(ada)) {
		l.t.Errorf("the audit trail: %s", trail)
	}
}

// flood puts many events on the log; every nth names the learner.
func (l *learnerSite) flood(count, nth int) {
	l.t.Helper()
	log, err := bus.Connect(l.t.Context(), bus.Config{URL: "nats://" + l.nats, CredentialsFile: filepath.Join(l.dir, "data", "nats-auth", "edrelay.creds")})
	if err != nil {
		l.t.Fatal(err)
	}
	defer log.Close()
	const kind = "org.openedx.learning.course.enrollment.created.v1"
	for from := 0; from < count; from += 500 {
		var batch []relay.Message
		for i := from; i < min(from+500, count); i++ {
			user := pii(fmt.Sprint("user", i), fmt.Sprintf("user%d@learners.example", i), i)
			if i%nth == 0 {
				user = pii(adaName, ada, 70077)
			}
			batch = append(batch, relay.Message{Subject: relay.EventSubject(kind), ID: fmt.Sprint("flood-", i), Type: kind, Source: "/openedx/lms/web", Time: time.Now(),
				ContentType: "application/json", Body: fmt.Appendf(nil, `{"enrollment":{"user":%s,"course":{"course_key":%q},"mode":"audit","note":%q}}`, user, course, strings.Repeat("x", 400))})
		}
		if _, err := log.PublishBatch(l.t.Context(), batch); err != nil {
			l.t.Fatal(err)
		}
	}
}

func TestAnErasureThatWasKilledIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	l := newLearnerSite(t)
	l.accept(1001, 1, lineOf{course, ada}, lineOf{course, bob})
	await(t, "the learners are not enrolled", time.Minute, func() bool { return l.enrolled(ada, "enrolled") == 1 && l.enrolled(bob, "enrolled") == 1 })
	l.flood(3000, 4)
	begun := l.show().Counts.Events
	go func() { _, _ = l.command("learner", "forget", ada, "--yes") }()
	await(t, "the erasure does not begin to erase events", time.Minute, func() bool {
		for _, e := range rows[relay.Erasure](l.site, "/erasures") {
			if e.Counts.Events > 0 {
				return true
			}
		}
		return false
	})
	l.running.kill()
	l.running = l.up()
	left := l.show().Counts.Events
	if left == 0 || left >= begun {
		t.Logf("the erasure was not cut in its middle: %d of %d events are left", left, begun)
	}
	var done relay.Erasure
	await(t, "the erasure is not taken up again", time.Minute, func() bool { // a killed one is taken for alive for a while
		out, err := l.command("learner", "forget", ada, "--yes", "--output", "json")
		return err == nil && json.Unmarshal([]byte(out), &done) == nil
	})
	if done.State != relay.ErasureDone || done.Counts.Events < left {
		t.Errorf("%+v, %d were left", done, left)
	}
	states := map[relay.ErasureState]int{}
	for _, e := range rows[relay.Erasure](l.site, "/erasures") {
		states[e.State]++
	}
	if states[relay.ErasureDone] != 1 || states[relay.ErasureFailed] != 1 {
		t.Errorf("erasures: %v", states)
	}
	// The server marks a message as deleted before it takes the bytes out; killed in between, it leaves that one.
	stands := 0
	for _, file := range l.onDisk("nats", ada) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		stands += bytes.Count(bytes.ToLower(raw), bytes.ToLower([]byte(ada)))
	}
	if stands > 1 || !strings.Contains(strings.Join(done.Remarks, " "), "was killed") {
		t.Errorf("the address stands %d times on disk; remarks: %v", stands, done.Remarks)
	}
	if tables := l.inLedger(ada); len(tables) > 0 {
		t.Errorf("the address stands in the tables %v", tables)
	}
	l.audit("after the second erasure")
	if n := l.enrolled(bob, "enrolled"); n != 1 {
		t.Errorf("the other learner has %d enrolments", n)
	}
	t.Logf("%d events named the learner, %d were left when it was killed", begun, left)
}
