package enroller_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller"
	"github.com/edrelay/edrelay/services/enroller/audit"
	"github.com/edrelay/edrelay/services/enroller/lms"
	"github.com/edrelay/edrelay/services/lmssim"
)

func TestOperatorsRetryOneOrAllParkedForAReason(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	b.policy.CourseWait = time.Millisecond
	b.start()
	const late = "course-v1:org+late+run1"
	b.feed.put("shop", order("1", 1, line("1", late, "a@x.example"), line("2", late, "b@x.example"), line("3", course, "bad@-"),
		relay.Line{ID: "4", SKU: course, Quantity: 1, Problem: "no learner's address"}, line("5", "later-sku", "c@x.example")))
	parked := b.settled(relay.EnrollmentParked, 4)
	b.site.must(b.site.AddCourse(lmssim.Course{Key: late}))
	retrier := enroller.Retrier{Ledger: b.ledger}
	byLearner := map[string]relay.Enrollment{}
	for _, row := range parked {
		byLearner[row.Learner] = row
	}
	if _, err := retrier.Retry(t.Context(), byLearner[""].ID, false); relay.CodeOf(err) != relay.CodeInvalid {
		t.Errorf("a row without a learner: %v", err)
	}
	if _, err := retrier.Retry(t.Context(), 4711, false); !errors.Is(err, relay.ErrNotFound) {
		t.Errorf("no such row: %v", err)
	}
	if row, err := retrier.Retry(t.Context(), byLearner["a@x.example"].ID, true); err != nil || row.State != relay.EnrollmentWaiting {
		t.Errorf("%+v, %v", row, err)
	}
	b.settled(relay.EnrollmentAllowed, 1)
	if n, err := retrier.RetryAll(t.Context(), relay.EnrollmentQuery{Reason: byLearner["b@x.example"].Reason}, false); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	b.settled(relay.EnrollmentAllowed, 2)
	if a, bm := b.site.mails("a@x.example"), b.site.mails("b@x.example"); a != 1 || bm != 0 {
		t.Errorf("%d and %d mails; only the first was asked for", a, bm)
	}
}

// kept is a stream of rejected webhooks.
type kept struct {
	list      []relay.Received
	published []relay.Message
}

func (k *kept) Newest(_ context.Context, q relay.LogQuery) ([]relay.Received, error) {
	var list []relay.Received
	for i := len(k.list) - 1; i >= 0; i-- {
		if q.Before == 0 || k.list[i].Sequence < q.Before {
			list = append(list, k.list[i])
		}
	}
	return list[:min(len(list), q.Limit)], nil
}

func (k *kept) Delete(_ context.Context, _ string, sequence uint64) error {
	for i, m := range k.list {
		if m.Sequence == sequence {
			k.list = append(k.list[:i], k.list[i+1:]...)
			return nil
		}
	}
	return relay.ErrNotFound
}

func (k *kept) PublishBatch(_ context.Context, list []relay.Message) ([]relay.Receipt, error) {
	k.published = append(k.published, list...)
	return make([]relay.Receipt, len(list)), nil
}

func TestRejectedWebhooksAreVerifiedAgainFromTheirBytes(t *testing.T) {
	t.Parallel()
	log := &kept{}
	for i, body := range []string{"good", "bad", "good too"} {
		log.list = append(log.list, relay.Received{Sequence: uint64(i + 1), Message: relay.Message{
			ID: body, Body: []byte(body), Header: map[string]string{relay.HeaderSource: "shop", relay.HeaderReason: "signature"},
		}})
	}
	reverifier := enroller.Reverifier{Log: log, Verify: func(_ context.Context, m relay.Received) (relay.Message, error) {
		if string(m.Body) == "bad" {
			return relay.Message{}, relay.Errorf(relay.CodeForbidden, "the signature is wrong")
		}
		return relay.Message{ID: "new " + m.ID, Body: m.Body}, nil
	}}
	if list, err := reverifier.Reverify(t.Context(), relay.ReverifyQuery{Source: "other"}); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := reverifier.Reverify(t.Context(), relay.ReverifyQuery{ID: "none"}); !errors.Is(err, relay.ErrNotFound) {
		t.Error(err)
	}
	if list, err := reverifier.Reverify(t.Context(), relay.ReverifyQuery{ID: "good"}); err != nil || len(list) != 1 || !list[0].Accepted {
		t.Errorf("%v, %v", list, err)
	}
	list, err := reverifier.Reverify(t.Context(), relay.ReverifyQuery{Source: "shop", Reason: "signature"})
	if err != nil || len(list) != 2 || list[0].Accepted || list[0].Reason != "the signature is wrong" || !list[1].Accepted {
		t.Errorf("%+v, %v", list, err)
	}
	if len(log.published) != 2 || len(log.list) != 1 {
		t.Errorf("%d published, %d left", len(log.published), len(log.list))
	}
}

func (f *feed) Range(context.Context) (first, last uint64, since time.Time, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return 1, uint64(len(f.log)), time.Time{}, nil
}

func (f *feed) Message(_ context.Context, _ string, sequence uint64) (relay.Received, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log[sequence-1], nil
}

func TestTheAuditFindsWhatIsUnaccountedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t, lmssim.Settings{ThrottleOff: true})
	for _, l := range []string{"a@x.example", "b@x.example", "c@x.example"} {
		b.site.learner(l)
	}
	stop := b.start()
	b.feed.put("shop", order("1", 1, line("1", course, "a@x.example"), line("2", course, "b@x.example")))
	b.feed.put("shop", order("2", 1, line("1", course, "c@x.example")))
	b.settled(relay.EnrollmentEnrolled, 3)
	b.feed.put("shop", relay.Order{ID: "2", Version: time.Unix(9, 0), Intent: relay.IntentUndo})
	b.settled(relay.EnrollmentUnenrolled, 1)
	client, err := lms.New(lms.Options{URL: b.site.url, ClientID: "edrelay", ClientSecret: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	auditor := &audit.Auditor{Log: b.feed, Ledger: b.ledger, LMS: client, Grace: time.Nanosecond}
	found, err := auditor.Run(t.Context())
	if err != nil || !found.OK() || found.Webhooks != 3 || found.Enrollments != 3 || found.Compared != 3 {
		t.Fatalf("%+v, %v", found, err)
	}
	stop()
	b.feed.put("shop", order("3", 1, line("1", course, "a@x.example")))
	for _, e := range []lmssim.Enrollment{{User: "a_x_example", Course: course, Active: false}, {User: "c_x_example", Course: course, Active: true}} {
		b.site.must(b.site.SetEnrollment(e))
	}
	err = b.ledger.ChangeOrders(t.Context(), []relay.OrderKey{{Source: "shop", Order: "1"}}, func(records map[relay.OrderKey]*relay.OrderRecord) ([]relay.Webhook, error) {
		for _, record := range records {
			record.State.Lines = append(record.State.Lines, line("9", course, "lost@x.example"))
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err = auditor.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, d := range found.Differences {
		kinds[d.Kind]++
		if d.Mend == "" || d.Detail == "" || d.Subject == "" {
			t.Errorf("%+v", d)
		}
	}
	for _, kind := range []string{"webhook_missing", "order_unplanned", "lms_missing", "lms_surplus"} {
		if kinds[kind] != 1 {
			t.Errorf("%s: %d in %+v", kind, kinds[kind], found.Differences)
		}
	}
}
