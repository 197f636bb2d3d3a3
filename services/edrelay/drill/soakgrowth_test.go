//go:build soak

package drill

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// soakPace is how many orders and how many events a second a soak sends, EDRELAY_SOAK_PACE or the fallback.
func soakPace(t testing.TB, fallback int) int {
	t.Helper()
	text := os.Getenv("EDRELAY_SOAK_PACE")
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("EDRELAY_SOAK_PACE: %v", err)
	}
	return n
}

// soakKeep is how long the log of the growth soak keeps what it has: short, so that it levels off within the run.
func soakKeep(length time.Duration) time.Duration {
	return max(20*time.Second, length/10).Round(time.Second)
}

// Every service, three nats-servers and a Postgres work at a steady pace; memory, goroutines, open files and the log's
// disk level off, and nothing is lost.
func TestSoakGrowth(t *testing.T) {
	length, pace := duration(t, 2*time.Minute), soakPace(t, 50)
	keep := soakKeep(length)
	sim, lmsURL := lms(t)
	nodes, natsURL := cluster(t)
	ledger := newLedger(t)
	topic := newTopic(t)
	p := footing{lms: lmsURL, nats: natsURL, ledger: ledger.URL(), replicas: 3,
		retention: "{ webhooks: " + keep.String() + ", rejected: " + keep.String() + ", events: " + keep.String() + " }",
		more:      []string{topic.config()},
	}.parts(t, "ingress", "enroller", "notifier", "bridge")
	ears := newAudience(t, "127.0.0.1:0")
	ears.subscribe(p.site, map[string]string{"plain": "", "second": "", "ordered": ", ordered: true", "broken": ", retry: [1s, 2s], max_in_flight: 4"})
	ears.answer = func(subscription, _ string) int {
		if subscription == "broken" {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	}

	g := &growth{}
	for _, name := range []string{"ingress", "enroller", "notifier", "bridge", "console"} {
		service := p.services[name]
		g.gauges = append(g.gauges, ofProcess(name, func() int { return service.cmd.Process.Pid },
			func() (float64, bool) { return metric(service.admin, "go_goroutines") })...)
	}
	for _, n := range nodes {
		g.gauges = append(g.gauges, ofProcess("nats-server "+n.name, func() int { return n.cmd.Process.Pid }, profiled(n.profile))...)
		g.gauges = append(g.gauges, ofFolder("nats-server "+n.name+" store", n.store))
	}
	g.gauges = append(g.gauges, ofFolder("data dir", p.dir))

	size := ledgerSize(t, ledger)
	orders := startPacedLoad(t, p.door, 8, pace)
	events := startTalk(t, p.door, 4, pace)
	topic.talk(pace / 5)
	every := min(15*time.Second, length/40)
	for end := time.Now().Add(length); time.Now().Before(end); <-time.After(every) {
		g.sample()
	}
	orders.end()
	events.end()
	topic.end()
	spoken := append(events.sent(), topic.sent()...)
	t.Logf("%d orders (%d tries failed), %d events by the door (%d), %d by the bus; the log keeps %s; asked for %d orders and %d+%d events a second",
		len(orders.sent()), orders.failed.Load(), len(events.sent()), events.failed.Load(), len(topic.sent()), keep, pace, pace, pace/5)
	t.Logf("2xx for an order: p50 %s, p99 %s", quantile(orders.spans, 0.5), quantile(orders.spans, 0.99))
	g.judge(t)
	each := (ledgerSize(t, ledger) - size) / float64(len(orders.sent()))
	t.Logf("the ledger grew by %.0f bytes for each order with an event to four subscriptions", each)
	if each > rowBytes {
		t.Errorf("the ledger grew by %.0f bytes for each order, at most %.0f are wanted", each, rowBytes)
	}
	settled(p.site, orders.sent(), 5*time.Minute)
	accounted(p.site, orders.sent())
	for _, name := range []string{"plain", "second", "ordered"} {
		t.Logf("%s: %d events heard of twice", name, heardAll(p.site, ears, name, spoken, 5*time.Minute))
	}
	for _, args := range [][]string{{"audit"}, {"audit", "--lms"}} {
		if out, err := p.command(args...); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	if stats := sim.Stats(); stats.MailsPerSeat > 1 || stats.BusiestMinute > 120 {
		t.Errorf("a learner was mailed %d times; %d calls to the LMS in a minute", stats.MailsPerSeat, stats.BusiestMinute)
	}
}

// ledgerSize is what the tables and indexes of the ledger take; Postgres' own journal has a size of its own.
func ledgerSize(t testing.TB, ledger *ownLedger) (bytes float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, ledger.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, "select pg_database_size(current_database())").Scan(&bytes); err != nil {
		t.Fatal(err)
	}
	return bytes
}
