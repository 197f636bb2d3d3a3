package web_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/edrelay/edrelay/internal/relay"
)

func (g *ground) fill() {
	for i := range 60 {
		state, reason := relay.EnrollmentEnrolled, ""
		switch {
		case i%13 == 5:
			state, reason = relay.EnrollmentParked, "the LMS knows no such course"
		case i%9 == 4:
			state, reason = relay.EnrollmentWaiting, "the LMS answers 503"
		case i%7 == 3:
			state = relay.EnrollmentAllowed
		}
		g.order(1001+i, state, reason)
	}
	for i := range 5 {
		g.refuse(fmt.Sprint("r", i), fmt.Sprintf(`{"id": 77, "name": "#%d", "email": "eve@example.org"}`, 2001+i))
	}
	for i := range 12 {
		kind := []string{"org.openedx.learning.course.enrollment.created.v1", relay.EventEnrollmentSucceeded}[i%2]
		g.publish(relay.Message{
			Subject: relay.EventSubject(kind), Type: kind, ID: fmt.Sprint("e", i), Source: "/openedx/lms/web", DedupID: fmt.Sprint("e", i),
			Body: []byte(`{"enrollment":{"user":{"pii":{"username":"ada"}},"course":{"course_key":"course-v1:Demo+Go+2026"},"is_active":true}}`),
		})
	}
}

// work writes a day of deliveries and of backlog.
func (g *ground) work() {
	g.t.Helper()
	var outcomes []*relay.Outcome
	for n := range 400 {
		at := time.Now().Add(-time.Duration(n) * 213 * time.Second)
		o := &relay.Outcome{
			DeliveryKey: relay.DeliveryKey{Subscription: 7, Sequence: uint64(n + 1), StoredAt: at.Add(-time.Duration(n%7) * time.Millisecond).Truncate(time.Microsecond)},
			EventID:     fmt.Sprint("e", n), EventType: "shop.sold.v1", State: relay.DeliveryDelivered,
			Attempt: relay.DeliveryAttempt{Number: 1, At: at, DurationMS: float64(2 + n%29), Status: 200},
		}
		if n%17 == 3 {
			o.State, o.Attempt.Status, o.Attempt.Error = relay.DeliveryParked, 500, "500 Internal Server Error"
		}
		outcomes = append(outcomes, o)
		if n%2 == 0 {
			if err := g.store.NoteBacklog(g.t.Context(), at, map[string]int64{"webhooks": int64(n % 5), "events": int64(n % 23)}, 48*time.Hour); err != nil {
				g.t.Fatal(err)
			}
		}
	}
	if err := errors.Join(g.store.RecordOutcomes(g.t.Context(), outcomes, false), g.store.FlushFlow(g.t.Context())); err != nil {
		g.t.Fatal(err)
	}
}

func TestAnOperatorFollowsAnOrderFromLoginToTheTimeline(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.fill()
	b := g.browser(t)
	b.open("/search?q=1001")
	b.sees("Admin token or API key") // nobody gets in without logging in, and comes back to where they wanted to go
	b.picture("login", 1360, false)
	b.do(chromedp.SendKeys(`input[name="token"]`, "wrong"+kb.Enter))
	b.sees("This token is not known.")
	b.do(chromedp.SendKeys(`input[name="token"]`, adminToken+kb.Enter))
	b.sees("What happened to 1001?")
	b.sees("1 learner is enrolled.")
	b.sees("Received: shopify orders/create")
	b.sees("learner1001@example.org is enrolled in course-v1:Demo+Go+2026")
	b.picture("story", 1360, false)
	b.do(loaded(), press("/"),
		chromedp.Poll(`document.activeElement.matches("form.find input")`, nil), chromedp.KeyEvent("2003"+kb.Enter))
	b.sees("What happened to 2003?")
	b.sees("1 webhook was refused.")
}

func TestPagesShowWhatTheLedgerHolds(t *testing.T) {
	t.Parallel()
	g := newGround(t, withOut(&crm{}))
	g.fill()
	g.work()
	b := g.browser(t)
	b.login(adminToken)
	b.sees("What needs a person")
	b.sees("enrolments are parked: the LMS knows no such course")
	b.do(chromedp.Poll(`[...document.querySelectorAll("svg.chart")].filter(c => c.querySelector("rect.s2, path.line")).length >= 4`, nil))
	for _, page := range []struct{ name, path, text string }{
		{"overview", "/", "Webhooks received"}, {"webhooks", "/webhooks", "orders/create"}, {"webhook", "/webhooks/w1001", "#1001"},
		{"rejected", "/rejected", "signature"}, {"rejected-one", "/webhooks/rejected-1", "eve@example.org"},
		{"enrollments", "/enrollments?state=parked", "the LMS knows no such course"}, {"enrollment", "/enrollments/1", "What the LMS answered"},
		{"events", "/events", "org.openedx.learning.course.enrollment.created.v1"}, {"event", "/events/1", `"username": "ada"`},
		{"settings", "/settings", "example.myshopify.com"}, {"trail", "/trail", "console login"}, {"nothing", "/webhooks?order=none", "Nothing matches"},
		{"missing", "/webhooks/none", "Not here"},
	} {
		b.open(page.path)
		b.sees(page.text)
		b.isLegible(page.path)
		b.picture(page.name, 1360, false)
		b.picture(page.name+"-dark", 1360, true)
		b.picture(page.name+"-narrow", 390, false)
	}
}

func TestAnOpenPageShowsWhatComesIn(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	b := g.browser(t)
	b.login(adminToken)
	b.open("/rejected")
	b.sees("Nothing was refused")
	b.do(chromedp.WaitVisible(".live.on"))
	g.refuse("r1", `{}`)
	b.sees("signature")
	b.do(loaded(), press("j"), chromedp.WaitVisible("tr.at"), chromedp.KeyEvent(kb.Enter))
	b.sees("Payload")
	b.do(loaded(), press("g"), press("e"))
	b.sees("No enrolment yet")
}
