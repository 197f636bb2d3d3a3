package enroller_test

import (
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller"
	"github.com/edrelay/edrelay/services/enroller/audit"
	"github.com/edrelay/edrelay/services/lmssim"
)

const ada, bob = "Ada@x.example", "bob@x.example"

func (b *bench) forget(orders ...string) (changed, rows int) {
	b.t.Helper()
	var keys []relay.OrderKey
	for _, id := range orders {
		keys = append(keys, relay.OrderKey{Source: "shop", Order: id})
	}
	changed, rows, err := enroller.Forgetter{Ledger: b.ledger}.ForgetOrders(b.t.Context(), strings.ToLower(ada), relay.ForgottenAddress("k3v9q2"), keys)
	if err != nil {
		b.t.Fatal(err)
	}
	return changed, rows
}

// mentions counts the enrolments that name a learner.
func (b *bench) mentions(learner string) (n int) {
	for _, row := range b.rows("") {
		if strings.EqualFold(row.Learner, learner) {
			n++
		}
	}
	return n
}

func (b *bench) clean() {
	b.t.Helper()
	auditor := audit.Auditor{Log: b.feed, Ledger: b.ledger, Grace: time.Nanosecond}
	if found, err := auditor.Run(b.t.Context()); err != nil || !found.OK() {
		b.t.Errorf("audit: %+v, %v", found.Differences, err)
	}
}

func TestAForgottenLearnerIsNotEnrolledByLaterUpdatesAndOthersAre(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.site.learner(ada)
	b.site.learner(bob)
	b.start()
	const more = "course-v1:org+more+run1"
	b.site.must(b.site.AddCourse(lmssim.Course{Key: more}))
	b.feed.put("shop", order("1", 5, line("1", course, ada), line("2", course, bob)))
	b.settled(relay.EnrollmentEnrolled, 2)
	if orders, rows := b.forget("1"); orders != 1 || rows != 1 {
		t.Errorf("%d orders and %d rows changed", orders, rows)
	}
	if orders, rows := b.forget("1"); orders != 0 || rows != 0 {
		t.Errorf("a second time: %d orders and %d rows changed", orders, rows)
	}
	b.clean()
	mails, calls := b.site.mails(ada), b.site.bulkCalls()
	// The same state again, an older one that arrives late, a newer one with one course more, and a refund of everything.
	b.webhook(b.feed.put("shop", order("1", 5, line("1", course, ada), line("2", course, bob))), relay.WebhookDone)
	b.webhook(b.feed.put("shop", order("1", 4, line("1", course, ada))), relay.WebhookIgnored)
	b.webhook(b.feed.put("shop", order("1", 6, line("1", course, ada), line("2", course, bob), line("3", more, ada), line("4", more, bob))), relay.WebhookDone)
	b.settled(relay.EnrollmentEnrolled, 3)
	b.webhook(b.feed.put("shop", relay.Order{ID: "1", Version: time.Unix(7, 0), Intent: relay.IntentUndo, Reason: "cancelled"}), relay.WebhookDone)
	b.settled(relay.EnrollmentUnenrolled, 2)
	if !b.site.in(ada, course) || b.site.in(ada, more) || b.site.in(bob, course) || b.site.in(bob, more) {
		t.Error("the LMS was asked something about the forgotten learner, or not about the other")
	}
	if b.mentions(ada) != 0 || b.site.mails(ada) != mails || b.site.bulkCalls() == calls {
		t.Errorf("%d rows name the forgotten learner, %d mails", b.mentions(ada), b.site.mails(ada)-mails)
	}
	b.clean()
}

func TestWhatWaitsForAForgottenLearnerEndsInANamedState(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.noLMS = true
	b.start()
	b.feed.put("shop", order("1", 1, line("1", course, ada), line("2", "a-sku", ada), line("3", course, bob)))
	b.settled(relay.EnrollmentWaiting, 3)
	if _, rows := b.forget("1"); rows != 2 {
		t.Errorf("%d rows changed", rows)
	}
	for _, row := range b.settled(relay.EnrollmentUnenrolled, 2) {
		if row.Reason != relay.ForgottenReason || !relay.IsForgotten(row.Learner) || row.NextAttemptAt != nil {
			t.Errorf("%+v", row)
		}
		if _, err := (enroller.Retrier{Ledger: b.ledger}).Retry(t.Context(), row.ID, true); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("a forgotten learner's row can be retried: %v", err)
		}
	}
	if n, err := (enroller.Retrier{Ledger: b.ledger}).RetryAll(t.Context(), relay.EnrollmentQuery{State: relay.EnrollmentUnenrolled}, true); err != nil || n != 0 {
		t.Errorf("%d rows retried, %v", n, err)
	}
	if rows := b.rows(relay.EnrollmentWaiting); len(rows) != 1 || rows[0].Learner != bob {
		t.Errorf("the other learner's row: %+v", rows)
	}
	b.clean()
}

func TestACallUnderWayForAForgottenLearnerBringsNothingBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.site.learner(ada)
	b.site.fault(lmssim.Fault{Kind: lmssim.FaultLatency, Endpoint: lmssim.EndpointBulk, Delay: lmssim.Duration(1500 * time.Millisecond), Times: 1})
	b.start()
	b.feed.put("shop", order("1", 1, line("1", course, ada)))
	b.until("the call is under way", b.inFlight)
	b.forget("1")
	row := b.settled(relay.EnrollmentParked, 1)[0]
	if !strings.HasPrefix(row.Reason, relay.ForgottenReason) || !relay.IsForgotten(row.Learner) {
		t.Errorf("%+v", row)
	}
	b.until("the call's outcome is recorded", func() bool { return !b.inFlight() })
	if row := b.settled(relay.EnrollmentParked, 1)[0]; !strings.HasPrefix(row.Reason, relay.ForgottenReason) || !relay.IsForgotten(row.Learner) {
		t.Errorf("after the call: %+v", row)
	}
	if b.events.count(relay.EventEnrollmentSucceeded)+b.events.count(relay.EventEnrollmentFailed) != 0 {
		t.Error("an event was told of a forgotten learner")
	}
	b.clean()
}

func (b *bench) inFlight() bool {
	rows, err := b.ledger.WorkOfOrder(b.t.Context(), relay.OrderKey{Source: "shop", Order: "1"})
	return err == nil && len(rows) == 1 && rows[0].InFlight
}

func TestAnUnpaidOrderOfAForgottenLearnerEnrolsNobodyWhenItIsPaid(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.site.learner(ada)
	b.site.learner(bob)
	b.start()
	unpaid := order("1", 1, line("1", course, ada))
	unpaid.Intent, unpaid.Reason = relay.IntentNone, "unpaid"
	b.webhook(b.feed.put("shop", unpaid), relay.WebhookIgnored)
	err := enroller.Forgetter{Ledger: b.ledger}.MarkOrders(t.Context(), strings.ToLower(ada), relay.ForgottenAddress("k3v9q2"), []relay.OrderKey{{Source: "shop", Order: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	b.webhook(b.feed.put("shop", order("1", 2, line("1", course, ada), line("2", course, bob))), relay.WebhookDone)
	b.settled(relay.EnrollmentEnrolled, 1)
	if b.mentions(ada) != 0 || b.site.in(ada, course) || !b.site.in(bob, course) {
		t.Errorf("rows: %+v", b.rows(""))
	}
	// Another order of the same learner is another matter.
	b.feed.put("shop", order("2", 1, line("1", course, ada)))
	b.settled(relay.EnrollmentEnrolled, 2)
	b.clean()
}
