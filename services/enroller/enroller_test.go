package enroller_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/lmssim"
)

func TestAnOrderBecomesEnrolments(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.site.learner("a@x.example")
	b.site.user(lmssim.User{Username: "idle", Email: "idle@x.example"})
	b.start()
	id := b.feed.put("shop", order("1", 1, line("1", course, "a@x.example"), line("2", course, "new@x.example"),
		line("3", course, "idle@x.example"), line("4", course, "A@x.example")))
	rows := b.settled(relay.EnrollmentEnrolled, 1)
	b.settled(relay.EnrollmentAllowed, 2)
	if !b.site.in("a@x.example", course) || !b.site.allowed("new@x.example", course) {
		t.Error("the LMS does not have them")
	}
	if b.site.bulkCalls() != 1 || rows[0].Attempts != 1 || !rows[0].Mailed {
		t.Errorf("%d calls, %+v", b.site.bulkCalls(), rows[0])
	}
	if notes := b.webhook(id, relay.WebhookDone).Notes; len(notes) != 1 {
		t.Errorf("notes: %q", notes)
	}
	b.until("the events are published", func() bool {
		return b.events.count(relay.EventEnrollmentSucceeded) == 1 && b.events.count(relay.EventEnrollmentAllowed) == 2
	})
	for _, m := range b.events.events {
		var body map[string]relay.Enrollment
		if err := json.Unmarshal(m.Body, &body); err != nil || body["enrollment"].ID == 0 || m.Subject != "events."+m.Type {
			t.Errorf("%v: %s", err, m.Body)
		}
	}
	if strings.Contains(b.log.String(), "x.example") {
		t.Error("an address is in the log")
	}
}

func TestTheSameOrderAgainChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.site.learner("a@x.example")
	b.start()
	for range 3 {
		b.feed.put("shop", order("1", 1, line("1", course, "a@x.example")))
	}
	b.settled(relay.EnrollmentEnrolled, 1)
	last := b.feed.put("shop", order("1", 1, line("1", course, "a@x.example")))
	b.webhook(last, relay.WebhookDone)
	if b.site.bulkCalls() != 1 || b.site.mails("a@x.example") != 1 {
		t.Errorf("%d calls, %d mails", b.site.bulkCalls(), b.site.mails("a@x.example"))
	}
}

func TestSKUsBecomeCoursesAndWhatIsNoneIsSkipped(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.site.must(b.site.AddRedirect(lmssim.Redirect{Path: "/go-101", Target: "/courses/course-v1%3Aorg%2Bcourse%2Brun1/about"}))
	b.site.must(b.site.AddRedirect(lmssim.Redirect{Path: "/broken", Target: "/nowhere"}))
	b.site.must(b.site.AddRedirect(lmssim.Redirect{Path: "/a b?c", Target: "/login?next=%2Fcourses%2Fcourse-v1%3Aorg%2Bcourse%2Brun1"}))
	b.start()
	cart := b.feed.put("shop", order("1", 1, relay.Line{ID: "0", SKU: "T-SHIRT", Quantity: 1, Problem: "no learner's address"},
		line("1", "go-101", "a@x.example"), line("2", "broken", "b@x.example"), line("3", "a b?c", "c@x.example"), line("4", "course-v1:x", "d@x.example"),
		relay.Line{ID: "5", SKU: course, Quantity: 1, Problem: "no learner's address"}, relay.Line{ID: "6", Quantity: 1},
		line("7", course, "worker"), line("8", course, "a@x.example,b@x.example")))
	shirt := b.feed.put("shop", order("2", 1, line("1", "T-SHIRT", "a@x.example")))
	allowed := b.settled(relay.EnrollmentAllowed, 2)
	parked := b.settled(relay.EnrollmentParked, 5)
	for _, row := range append(allowed, parked...) {
		if row.State == relay.EnrollmentParked && row.Reason == "" || row.State == relay.EnrollmentAllowed && row.Course != course {
			t.Errorf("%+v", row)
		}
	}
	b.until("the notes name the T-shirt", func() bool {
		w, err := b.ledger.Webhook(context.Background(), cart)
		return err == nil && strings.Contains(strings.Join(w.Notes, "\n"), "T-SHIRT")
	})
	b.webhook(shirt, relay.WebhookIgnored)
	b.until("the T-shirt has no row", func() bool { return len(b.rows("")) == 7 })
}

func TestOrdersAreUndone(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	for _, l := range []string{"a@x.example", "b@x.example", "c@x.example"} {
		b.site.learner(l)
	}
	b.start()
	b.feed.put("shop", order("1", 1, line("1", course, "a@x.example"), line("2", course, "b@x.example"), line("3", course, "c@x.example")))
	b.feed.put("shop", order("2", 1, line("1", course, "c@x.example")))
	b.settled(relay.EnrollmentEnrolled, 4)
	refund := relay.Order{ID: "1", Delta: true, Refunds: []relay.Refund{{ID: "r1", Lines: []relay.RefundLine{{LineID: "2", Quantity: 1}}}}}
	b.feed.put("shop", refund)
	b.settled(relay.EnrollmentUnenrolled, 1)
	if b.site.in("b@x.example", course) || !b.site.in("a@x.example", course) {
		t.Error("not the refunded line alone was undone")
	}
	b.feed.put("shop", relay.Order{ID: "1", Version: time.Unix(5, 0), Intent: relay.IntentUndo, Reason: "cancelled"})
	b.settled(relay.EnrollmentUnenrolled, 3)
	if b.site.in("a@x.example", course) || !b.site.in("c@x.example", course) {
		t.Error("the cancelled order is not undone, or the other order's learner is out")
	}
	late := b.feed.put("shop", order("1", 2, line("1", course, "a@x.example")))
	b.webhook(late, relay.WebhookIgnored)
	if b.site.in("a@x.example", course) {
		t.Error("an old update undid a newer one")
	}
	if b.site.mails("a@x.example") != 1 {
		t.Errorf("%d mails", b.site.mails("a@x.example"))
	}
	b.until("three were revoked", func() bool { return b.events.count(relay.EventEnrollmentRevoked) == 3 })
}

func TestACancelledOrderThatIsNewIsIgnored(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.start()
	id := b.feed.put("shop", relay.Order{ID: "1", Version: time.Unix(5, 0), Intent: relay.IntentUndo, Reason: "cancelled", Lines: []relay.Line{line("1", course, "a@x.example")}})
	unpaid := b.feed.put("shop", relay.Order{ID: "2", Intent: relay.IntentNone, Reason: "unpaid"})
	early := b.feed.put("shop", relay.Order{ID: "3", Delta: true, Refunds: []relay.Refund{{ID: "r", Lines: []relay.RefundLine{{LineID: "1", Quantity: 1}}}}})
	b.webhook(id, relay.WebhookIgnored)
	if w := b.webhook(unpaid, relay.WebhookIgnored); w.Reason != "unpaid" {
		t.Errorf("%+v", w)
	}
	b.webhook(early, relay.WebhookDone)
	refunded := b.feed.put("shop", order("3", 1, line("1", course, "a@x.example")))
	b.webhook(refunded, relay.WebhookIgnored)
	if n := len(b.rows("")); n != 0 || b.site.bulkCalls() != 0 {
		t.Errorf("%d rows, %d calls", n, b.site.bulkCalls())
	}
}

func TestASenderThatWaitsHearsTheOutcome(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.site.learner("a@x.example")
	b.site.user(lmssim.User{Username: "idle", Email: "idle@x.example"})
	b.site.user(lmssim.User{Username: "gone", Email: "gone@x.example", Active: true})
	b.site.must(b.site.Retire("gone@x.example"))
	b.start()
	for _, one := range []struct {
		learner, course string
		want            relay.DirectOutcome
	}{
		{"a@x.example", course, relay.DirectOutcome{Verdict: relay.VerdictEnrolled, Courses: 1}},
		{"a@x.example", course, relay.DirectOutcome{Verdict: relay.VerdictEnrolled, Courses: 1}},
		{"idle@x.example", course, relay.DirectOutcome{Verdict: relay.VerdictEnrolled, Courses: 1}},
		{"new@x.example", course, relay.DirectOutcome{Verdict: relay.VerdictAllowed, Courses: 1}},
		{"gone@x.example", course, relay.DirectOutcome{Verdict: relay.VerdictFailed, Course: course, Courses: 1}},
		{"b@x.example", "course-v1:no+such+one", relay.DirectOutcome{Verdict: relay.VerdictUnknownCourse, Course: "course-v1:no+such+one", Courses: 1}},
		{"b@x.example", "nonsense", relay.DirectOutcome{Verdict: relay.VerdictInvalidCourse, Course: "nonsense", Courses: 1}},
	} {
		b.feed.put("lernito", relay.Order{ID: one.learner, Direct: &relay.Direct{Learner: one.learner, Courses: []string{one.course}}},
			relay.HeaderReplyTo, "_INBOX.x")
		select {
		case m := <-b.sent.c:
			var got relay.DirectOutcome
			if err := json.Unmarshal(m.Body, &got); err != nil || got != one.want || m.Subject != "_INBOX.x" {
				t.Errorf("%s: %+v, want %+v", one.learner, got, one.want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: no answer\n%s", one.learner, b.log)
		}
	}
	if n := b.site.mails("a@x.example"); n != 0 {
		t.Errorf("%d mails", n)
	}
}

func TestTheFirstCourseThatCannotBeIsTheOneTold(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.start()
	for _, one := range []struct {
		courses []string
		want    relay.DirectOutcome
	}{
		{[]string{course, "course-v1:no+such+one", "nonsense"}, relay.DirectOutcome{Verdict: relay.VerdictUnknownCourse, Course: "course-v1:no+such+one", Courses: 3}},
		{[]string{course, "nonsense", "course-v1:no+such+one"}, relay.DirectOutcome{Verdict: relay.VerdictInvalidCourse, Course: "nonsense", Courses: 3}},
	} {
		b.feed.put("lernito", relay.Order{ID: one.courses[1], Direct: &relay.Direct{Learner: "a@x.example", Courses: one.courses}},
			relay.HeaderReplyTo, "_INBOX.x")
		select {
		case m := <-b.sent.c:
			var got relay.DirectOutcome
			if err := json.Unmarshal(m.Body, &got); err != nil || got != one.want {
				t.Errorf("%q: %+v, want %+v", one.courses, got, one.want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%q: no answer\n%s", one.courses, b.log)
		}
	}
	if n := len(b.rows("")); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestWithoutAnLMSRowsWait(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{})
	b.noLMS = true
	b.start()
	b.feed.put("shop", order("1", 1, line("1", course, "a@x.example"), line("2", "go-101", "b@x.example")))
	b.settled(relay.EnrollmentWaiting, 2)
	if s := b.service.Status(); s.State != "absent" || s.Hint == "" {
		t.Errorf("%+v", s)
	}
}

func TestAWebhookThatCannotBeReadIsParked(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{})
	b.start()
	id := b.feed.put("shop", order("1", 1))
	b.feed.mu.Lock()
	b.feed.log = append(b.feed.log, relay.Received{Message: relay.Message{ID: "bad", Body: []byte("{"), Header: map[string]string{relay.HeaderSource: "shop"}},
		Sequence: 77, Stored: time.Now(), Reply: acker{b.feed, 77}})
	b.feed.mu.Unlock()
	b.feed.put("shop", order("2", 1))
	b.webhook("bad", relay.WebhookParked)
	b.webhook(id, relay.WebhookIgnored)
	b.until("all are acknowledged", func() bool { b.feed.mu.Lock(); defer b.feed.mu.Unlock(); return len(b.feed.acked) == 3 })
}

func TestAnAbsurdOrderIsWorkedWithoutHarm(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.policy.BatchSize = 1000
	b.start()
	lines := []relay.Line{line("nul\x00", course, "nul\x00l@x.example"), line("long", strings.Repeat("s", 5000), "a@x.example"),
		{ID: "much", SKU: course, Learner: "b@x.example", Quantity: 1 << 40}, line("far", course, strings.Repeat("x", 5000)+"@x.example")}
	for i := range 3000 {
		lines = append(lines, line(fmt.Sprint(i), course, fmt.Sprintf("l%d@x.example", i)))
	}
	id := b.feed.put("shop", order("1\x00", 1, lines...))
	b.settled(relay.EnrollmentAllowed, 3002)
	b.settled(relay.EnrollmentParked, 1)
	b.webhook(id, relay.WebhookDone)
	again := b.feed.put("shop", order("1\x00", 1, lines...))
	b.webhook(again, relay.WebhookDone)
	if n := len(b.rows("")); n != 3003 {
		t.Errorf("%d rows", n)
	}
}
