package crash_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/lmssim"
)

const (
	replayCourse = "course-v1:crash+replay+run"
	newSecret    = "the-crash-shop-changed-its-secret-to-this"
)

// TestReplaysToTheEnrollerKilledSeveralTimesDoubleNoEnrolmentAndNoMail replays worked orders beside rejected ones whose
// secret was mended, kills edrelay again and again, and has the LMS break connections after it did the work.
func TestReplaysToTheEnrollerKilledSeveralTimesDoubleNoEnrolmentAndNoMail(t *testing.T) {
	t.Parallel()
	const taken, refused, kills = 120, 40, 3
	sim := lmssim.New(lmssim.Options{Settings: lmssim.Settings{ThrottleOff: true}, KeepMails: 100_000})
	must(t, second(sim.AddUser(lmssim.User{Username: "worker", Email: "worker@lms.example", Active: true, Staff: true})))
	must(t, sim.AddClient(lmssim.Client{ID: "edrelay", Secret: "s3cret", Owner: "worker"}))
	must(t, sim.AddCourse(lmssim.Course{Key: replayCourse}))
	for n := range taken + refused {
		if n%3 > 0 { // the others have no account yet
			must(t, second(sim.AddUser(lmssim.User{Username: fmt.Sprint("l", n), Email: buyer(n), Active: true})))
		}
	}
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.ClearFaults(); server.CloseClientConnections(); server.Close() })
	e := newEdrelay(t, server.URL)
	e.start()
	for n := range taken {
		e.buys(t, n, shopSecret, 200)
	}
	for n := taken; n < taken+refused; n++ {
		e.buys(t, n, newSecret, 403)
	}
	settle(t, e)
	e.end(syscall.SIGTERM)
	e.acceptToo(t, newSecret)
	e.start()

	must(t, second(sim.SetFault(lmssim.Fault{ID: "reset", Kind: lmssim.FaultReset, AfterWork: true, Every: 3, Endpoint: lmssim.EndpointBulk})))
	again := e.replays(t, taken, "--source", "shopify", "--rate", "40")
	mended := e.replays(t, refused, "--state", "rejected", "--rate", "5")
	for kill := range kills {
		part := int64(taken * (kill + 1) / (kills + 1))
		if !within(3*time.Minute, func() bool { return e.replay(again).Done >= part }) {
			t.Fatalf("never comes to %d: %+v", part, e.replay(again))
		}
		t.Logf("kill at %d of %d and %d of %d", e.replay(again).Done, taken, e.replay(mended).Done, refused)
		e.end(syscall.SIGKILL)
		e.start()
	}
	for _, id := range []string{again, mended} {
		if !within(3*time.Minute, func() bool { return e.replay(id).State == relay.ReplayDone }) {
			t.Fatalf("never done: %+v", e.replay(id))
		}
	}
	sim.ClearFaults()
	settle(t, e)
	e.enrolledOnce(t, sim, taken+refused)
}

func buyer(n int) string { return fmt.Sprintf("buyer%d@learner.example", n) }

// buys posts an order of one line, signed with a secret.
func (e *edrelay) buys(t *testing.T, n int, secret string, want int) {
	t.Helper()
	body := fmt.Appendf(nil, `{"id":%d,"updated_at":"2026-01-02T00:00:00Z","line_items":[{"id":%d,"sku":%q,"quantity":1,"properties":[{"name":"email","value":%q}]}]}`,
		5000+n, 90000+n, replayCourse, buyer(n))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	status, err := post(t.Context(), "http://"+e.door+"/webhooks/shopify/order/create", body, map[string]string{
		"X-Shopify-Shop-Domain": shopDomain, "X-Shopify-Hmac-Sha256": base64.StdEncoding.EncodeToString(mac.Sum(nil)), "X-Shopify-Webhook-Id": fmt.Sprint("w", n),
	})
	if err != nil || status != want {
		t.Fatalf("order %d: %d, %v; want %d", n, status, err, want)
	}
}

// acceptToo adds a secret of the shop to the configuration.
func (e *edrelay) acceptToo(t *testing.T, secret string) {
	t.Helper()
	raw, err := os.ReadFile(e.configFile())
	must(t, err)
	must(t, os.WriteFile(e.configFile(), []byte(strings.Replace(string(raw), "["+shopSecret+"]", "["+shopSecret+", "+secret+"]", 1)), 0o600))
}

// replays starts a replay to the enroller that must match so many.
func (e *edrelay) replays(t *testing.T, matched int64, choice ...string) (id string) {
	t.Helper()
	var row relay.Replay
	must(t, e.json(&row, append([]string{"replay", "start", "--enroller"}, choice...)...))
	if row.Matched != matched {
		t.Fatalf("the replay %v matches %d, want %d", choice, row.Matched, matched)
	}
	return row.ID
}

// replay reads how far a replay is; nothing while edrelay is away.
func (e *edrelay) replay(id string) (row relay.Replay) {
	_ = e.json(&row, "replay", "show", id)
	return row
}

// enrolledOnce holds the LMS and the ledger against so many buyers of one course.
func (e *edrelay) enrolledOnce(t *testing.T, sim *lmssim.Server, buyers int) {
	t.Helper()
	mails, changes := map[string]int{}, map[string]int{}
	for _, m := range sim.Mails() {
		mails[m.To]++
	}
	for _, row := range sim.AuditTrail() {
		if strings.HasPrefix(row.Transition, "from unenrolled to") {
			changes[row.Email]++
		}
	}
	state := sim.State()
	if in := len(state.Enrollments) + len(state.Allowances); in != buyers {
		t.Errorf("%d places in the LMS, want %d", in, buyers)
	}
	for n := range buyers {
		if at := buyer(n); mails[at] > 1 || changes[at] != 1 {
			t.Errorf("%s got %d mails and was enrolled %d times", at, mails[at], changes[at])
		}
	}
	var rows []relay.Enrollment
	must(t, e.json(&rows, "enrollment", "ls", "--limit", "0"))
	seen := map[string]bool{}
	for _, row := range rows {
		if seen[row.Learner] || row.State != relay.EnrollmentEnrolled && row.State != relay.EnrollmentAllowed {
			t.Errorf("enrolment %+v", row)
		}
		seen[row.Learner] = true
	}
	if len(rows) != buyers {
		t.Errorf("%d enrolments in the ledger, want %d", len(rows), buyers)
	}
	if out, err := e.run("audit", "--lms"); err != nil {
		t.Errorf("the audit: %v\n%s", err, out)
	}
	t.Logf("%d buyers, %d mails, %d bulk calls", buyers, len(sim.Mails()), len(sim.Requests(lmssim.EndpointBulk)))
}
