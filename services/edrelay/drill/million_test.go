package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/embedded"
)

// quick is how long a page of the API or of the console may take.
const quick = 200 * time.Millisecond

// TestAFullLedgerStaysQuick holds every list, filter, search and page to its time, on a tenth of what the soak does.
func TestAFullLedgerStaysQuick(t *testing.T) { staysQuick(t, 100_000) }

// staysQuick fills the ledger with so many webhooks, enrolments and deliveries, half of them of the last day, and asks for
// everything that operators ask for.
func staysQuick(t *testing.T, rows int) {
	s := newSite(t, "")
	s.up()
	s.subscribeMany(20)
	began := time.Now()
	s.fill(t, rows)
	t.Logf("%d webhooks, enrolments and deliveries made in %v", rows, time.Since(began).Round(time.Second))
	page := s.browser()
	for _, path := range everyPage(rows) {
		took := s.best(t, page, path)
		if took > quick {
			t.Errorf("%s takes %v", path, took)
		}
		t.Logf("%6.1f ms %s", float64(took)/float64(time.Millisecond), path)
	}
	s.walk(t, page, "/api/v1/deliveries?limit=1000", min(rows, 20_000))
	s.dropsQuickly(t)
}

// everyPage gives what is asked of the API and of the console.
func everyPage(rows int) []string {
	var pages []string
	deliveries := []string{
		"", "state=waiting", "state=delivered", "state=parked", "subscription=s3", "subscription=rare", "subscription=s3&state=parked", "subscription=nobody",
		"event_type=shop.t1.v1", "event_type=shop.rare.v1", "event_type=nothing.v1", "event_type=shop.t1.v1&state=parked", "subscription=s3&event_type=shop.rare.v1",
		fmt.Sprintf("event_id=e%d", rows/2), "event_id=nothing",
	}
	for _, query := range append(deliveries, "undelivered=true", "since=1h", "until=20d", "since=25d&until=20d&state=parked", "undelivered=true&subscription=s3", "since=25d&subscription=rare") {
		pages = append(pages, "/api/v1/deliveries?"+query)
	}
	for _, query := range deliveries {
		pages = append(pages, "/deliveries?"+strings.NewReplacer("event_type", "type", "event_id", "event").Replace(query))
	}
	for _, query := range []string{
		"", "state=done", "state=parked", "state=ignored", "source=shop3", "source=nobody", "order=777", "since=1h", "until=20d", "source=shop3&state=parked", "topic=orders/create",
	} {
		pages = append(pages, "/api/v1/webhooks?"+query, "/webhooks?"+query)
	}
	for _, query := range []string{
		"", "state=waiting", "state=enrolled", "state=parked", "source=shop3", "order=777", "learner=l777@x.example", "course=course-v1:o%2Bc77%2Br",
		"course=course-v1:none", "state=parked&reason=the+LMS+has+no+such+course", "source=shop3&state=parked",
	} {
		pages = append(pages, "/api/v1/enrollments?"+query, "/enrollments?"+query)
	}
	for _, q := range []string{"777", "%23777", "l777@x.example", "course-v1:o%2Bc77%2Br", fmt.Sprintf("e%d", rows/2), "w777", "nothing-at-all"} {
		pages = append(pages, "/api/v1/search?q="+q, "/search?q="+q)
	}
	return append(pages, "/", "/api/v1/overview", "/subscriptions", "/subscriptions/s3", "/subscriptions/rare", "/api/v1/subscriptions", "/api/v1/subscriptions/s3",
		"/rejected", "/events", "/replays", "/trail", "/settings", "/filters", "/enrollments/777", "/webhooks/w777", "/api/v1/audit-trail", "/api/v1/replays",
		"/api/v1/events?type=nothing.v1")
}

// subscribeMany declares paused subscriptions, so that nothing is delivered while pages are timed.
func (s *site) subscribeMany(n int) {
	s.t.Helper()
	text := "subscriptions:\n"
	for i := range n {
		text += fmt.Sprintf("  - { name: s%d, url: https://s%d.example/hook, events: [\"shop.*\"], enabled: false }\n", i, i)
	}
	text += "  - { name: rare, url: https://rare.example/hook, events: [\"shop.*\"], enabled: false }\n"
	file := filepath.Join(s.dir, "subscriptions.yaml")
	must(s.t, os.WriteFile(file, []byte(text), 0o600))
	s.mustCommand("subscription", "apply", "-f", file)
}

// fill writes rows into the ledger as edrelay would have over a month.
func (s *site) fill(t *testing.T, rows int) {
	t.Helper()
	at := `now() - CASE WHEN n % 2 = 0 THEN n * interval '86400 seconds' / $1 ELSE n * interval '29 days' / $1 END`
	for _, statement := range []string{
		`SET synchronous_commit = off`,
		`INSERT INTO webhooks (received_at, sequence, id, source, topic, state, order_id, order_name)
		 SELECT ` + at + `, n, 'w' || n, 'shop' || n % 5, 'orders/create', CASE WHEN n % 5000 = 0 THEN 'parked' WHEN n % 50 = 0 THEN 'ignored' ELSE 'done' END,
		   (n / 2)::text, '#' || n / 2 FROM generate_series(1, $1::bigint) n`,
		`INSERT INTO enrollments (webhook_id, source, order_id, learner, learner_key, sku, course, action, state, reason, attempts, next_attempt_at,
		   direct, mail_due, mailed, unsure, touched, in_flight, account, group_limit, fails, generation, told, told_version, notes, created_at)
		 SELECT 'w' || n, 'shop' || n % 5, (n / 2)::text, 'l' || n || '@x.example', 'l' || n || '@x.example', 's', 'course-v1:o+c' || n % 1000 || '+r', 'enroll',
		   CASE WHEN n % 100 = 0 THEN 'waiting' WHEN n % 5000 = 1 THEN 'parked' ELSE 'enrolled' END,
		   CASE WHEN n % 100 = 0 THEN 'the LMS answered 500' WHEN n % 5000 = 1 THEN 'the LMS has no such course' ELSE '' END, 1,
		   CASE WHEN n % 100 = 0 THEN now() + interval '1 day' END,
		   false, true, false, false, false, false, false, 0, 0, 0, '', 0, '[]', ` + at + ` FROM generate_series(1, $1::bigint) n`,
		`INSERT INTO deliveries (stored_at, subscription_id, sequence, event_id, event_type, state, attempts, last_at, last_ms, last_status, last_error, last_answer, next_attempt_at)
		 SELECT ` + at + `, s.id, n, 'e' || n, CASE WHEN n % 100000 = 77777 THEN 'shop.rare.v1' ELSE 'shop.t' || n % 7 || '.v1' END,
		   CASE WHEN n % 2000 = 3 THEN 'parked' WHEN n % 2000 = 5 THEN 'waiting' ELSE 'delivered' END, 1, now(), 4.2,
		   CASE WHEN n % 2000 IN (3, 5) THEN 500 ELSE 200 END, '', 'ok', CASE WHEN n % 2000 = 5 THEN now() + interval '1 day' END
		 FROM generate_series(1, $1::bigint) n JOIN subscriptions s ON s.name = CASE WHEN n % 50000 = 49999 THEN 'rare' ELSE 's' || n % 20 END`,
		`INSERT INTO retries (subscription_id, sequence, stored_at, event_id, event_type, attempts, counted, next_attempt_at, held)
		 SELECT subscription_id, sequence, stored_at, event_id, event_type, 1, 1, now() + interval '1 day', false FROM deliveries WHERE state = 'waiting'`,
		`INSERT INTO audit_trail (at, who, role, action, target, status) SELECT now() - n * interval '1 minute', 'ada', 'admin', 'POST /api/v1/replays', '', 201
		 FROM generate_series(1, 10000) n`,
		`ANALYZE`,
	} {
		s.sql(t, func(conn *pgx.Conn) error {
			var args []any
			if strings.Contains(statement, "$1") {
				args = append(args, rows)
			}
			_, err := conn.Exec(t.Context(), statement, args...)
			return err
		})
	}
}

func (s *site) sql(t *testing.T, work func(*pgx.Conn) error) {
	t.Helper()
	address, running := embedded.RunningPostgres(filepath.Join(s.dir, "data", "postgres"))
	if !running {
		t.Fatal("Postgres does not run")
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := work(conn); err != nil {
		t.Fatal(err)
	}
}

// best asks for a page a few times and gives the shortest time: a machine that does other things slows single answers.
func (s *site) best(t *testing.T, page *http.Client, path string) time.Duration {
	t.Helper()
	var times []time.Duration
	for range 5 {
		began := time.Now()
		if status, raw := s.ask(t, page, path); status != http.StatusOK {
			t.Fatalf("%s: %d %.300s", path, status, raw)
		}
		times = append(times, time.Since(began))
		if times[len(times)-1] < quick/2 {
			break
		}
	}
	return slices.Min(times)
}

func (s *site) ask(t *testing.T, page *http.Client, path string) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(path, "/api/") {
		request.Header.Set("Authorization", "Bearer "+adminToken)
	}
	answer, err := page.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, raw
}

// walk follows the cursors: each page must be quick and no row may come twice.
func (s *site) walk(t *testing.T, page *http.Client, path string, rows int) {
	t.Helper()
	seen, slowest := map[string]bool{}, time.Duration(0)
	for cursor := ""; len(seen) < rows; {
		at := path + "&cursor=" + url.QueryEscape(cursor)
		slowest = max(slowest, s.best(t, page, at))
		_, raw := s.ask(t, page, at)
		var got struct {
			Items []struct{ ID string }
			Next  string
		}
		must(t, json.Unmarshal(raw, &got))
		for _, row := range got.Items {
			if seen[row.ID] {
				t.Fatalf("%s comes twice", row.ID)
			}
			seen[row.ID] = true
		}
		if cursor = got.Next; cursor == "" {
			break
		}
	}
	t.Logf("%d rows in pages of 1000, the slowest in %v", len(seen), slowest)
	if len(seen) < rows || slowest > quick {
		t.Errorf("%d of %d rows, the slowest page in %v", len(seen), rows, slowest)
	}
}

// dropsQuickly has a day of deliveries dropped, as it is after its time.
func (s *site) dropsQuickly(t *testing.T) {
	t.Helper()
	s.sql(t, func(conn *pgx.Conn) error {
		began := time.Now()
		var changed int
		if err := conn.QueryRow(t.Context(), `SELECT maintain_partitions(now() + interval '10 days')`).Scan(&changed); err != nil {
			return err
		}
		took := time.Since(began)
		t.Logf("%d partitions made or dropped in %v", changed, took)
		if changed < 10 || took > 10*time.Second {
			t.Errorf("%d partitions in %v", changed, took)
		}
		return nil
	})
}
