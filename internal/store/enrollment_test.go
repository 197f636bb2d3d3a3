package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/store/storetest"
)

func work(order, learner, course string, now time.Time) *relay.Work {
	return &relay.Work{
		Enrollment: relay.Enrollment{
			WebhookID: "w-" + order, Source: "shop", Order: order, Learner: learner, Course: course,
			Action: relay.ActionEnroll, State: relay.EnrollmentWaiting, NextAttemptAt: &now,
		},
		LearnerKey: learner, SKU: course, MailDue: true,
	}
}

func add(t *testing.T, s *store.Store, rows ...*relay.Work) {
	t.Helper()
	for _, w := range rows {
		key := relay.OrderKey{Source: w.Source, Order: w.Order}
		err := s.ChangeOrders(t.Context(), []relay.OrderKey{key}, func(records map[relay.OrderKey]*relay.OrderRecord) ([]relay.Webhook, error) {
			records[key].Rows = append(records[key].Rows, w)
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnOrderAndItsEnrolmentsSurviveTheLedger(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	key := relay.OrderKey{Source: "shop", Order: "1001"}
	now := time.Now().UTC().Truncate(time.Microsecond)
	add(t, s, work("1001", "a@x.example", "course-v1:a+b+c", now))
	err := s.ChangeOrders(t.Context(), []relay.OrderKey{key}, func(records map[relay.OrderKey]*relay.OrderRecord) ([]relay.Webhook, error) {
		record := records[key]
		if len(record.Rows) != 1 || !record.Rows[0].NextAttemptAt.Equal(now) || !record.Rows[0].MailDue {
			t.Errorf("%+v", record.Rows)
		}
		record.State.Name = "#1001"
		record.State.Version = now
		record.Rows[0].State, record.Rows[0].NextAttemptAt = relay.EnrollmentEnrolled, nil
		return []relay.Webhook{{ID: "w", Source: "shop", Topic: "orders/create", ReceivedAt: now, Sequence: 1, State: relay.WebhookDone, Notes: []string{"n\x00"}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	webhook, err := s.Webhook(t.Context(), "w")
	if err != nil || webhook.State != relay.WebhookDone || len(webhook.Notes) != 1 {
		t.Errorf("%+v, %v", webhook, err)
	}
	if list, err := s.Enrollments(t.Context(), relay.EnrollmentQuery{State: relay.EnrollmentEnrolled, Learner: "A@x.example"}); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if orders, err := s.Orders(t.Context(), relay.OrderKey{}, 10); err != nil || len(orders) != 1 || !orders[0].Version.Equal(now) {
		t.Errorf("%+v, %v", orders, err)
	}
	if _, err := s.Webhook(t.Context(), "none"); !errors.Is(err, relay.ErrNotFound) {
		t.Error(err)
	}
}

func TestWhatIsDoneStaysDone(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	w := relay.Webhook{ID: "w", ReceivedAt: time.Now(), Sequence: 7, State: relay.WebhookDone}
	for _, state := range []relay.WebhookState{relay.WebhookParked, relay.WebhookDone, relay.WebhookIgnored} {
		w.State = state
		if err := s.RecordWebhooks(t.Context(), []relay.Webhook{w}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Webhook(t.Context(), "w"); err != nil || got.State != relay.WebhookDone {
		t.Errorf("%+v, %v", got, err)
	}
	known, err := s.KnownWebhooks(t.Context(), []uint64{6, 7})
	if err != nil || known[6] || !known[7] {
		t.Errorf("%v, %v", known, err)
	}
}

func TestAChangeOfStateIsInTheOutboxOnce(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	now := time.Now()
	add(t, s, work("1", "a@x.example", "course-v1:a+b+c", now))
	ids := []int64{1}
	for range 2 {
		err := s.ChangeEnrollments(t.Context(), ids, func(rows []*relay.Work) error {
			rows[0].State, rows[0].NextAttemptAt = relay.EnrollmentEnrolled, nil
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var seen []relay.Message
	drain := func(fail bool) int {
		n, err := s.DrainOutbox(t.Context(), 10, func(_ context.Context, list []relay.Message) (int, error) {
			if fail {
				return 0, errors.New("log away")
			}
			seen = append(seen, list...)
			return len(list), nil
		})
		if (err != nil) != fail {
			t.Fatal(err)
		}
		return n
	}
	drain(true)
	if n := drain(false); n != 1 || seen[0].Type != relay.EventEnrollmentSucceeded || seen[0].DedupID == "" {
		t.Errorf("%d: %+v", n, seen)
	}
	if n := drain(false); n != 0 {
		t.Errorf("%d more", n)
	}
}

func TestClaimsAreSharedAndTakenBackWhenTheirProcessDies(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Postgres(t)
	one, two := storetest.OpenURL(t, url), storetest.OpenURL(t, url)
	now := time.Now()
	for i := range 10 {
		add(t, one, work(fmt.Sprint(i), fmt.Sprintf("l%d@x.example", i), "course-v1:a+b+c", now))
	}
	groups, err := one.DueGroups(t.Context(), now, 100)
	if err != nil || len(groups) != 1 || groups[0].Rows != 10 {
		t.Fatalf("%+v, %v", groups, err)
	}
	first, err := one.Claim(t.Context(), "one", groups[0], now, now.Add(time.Minute), 6)
	if err != nil || len(first) != 6 {
		t.Fatalf("%d, %v", len(first), err)
	}
	second, err := two.Claim(t.Context(), "two", groups[0], now, now.Add(time.Minute), 100)
	if err != nil || len(second) != 4 {
		t.Fatalf("%d, %v", len(second), err)
	}
	later := now.Add(2 * time.Minute)
	groups, err = two.DueGroups(t.Context(), later, 100)
	if err != nil || len(groups) != 1 || !groups[0].Unsure || groups[0].MailDue || groups[0].Rows != 10 {
		t.Fatalf("after the leases ended: %+v, %v", groups, err)
	}
	err = one.Settle(t.Context(), "one", []int64{first[0].ID}, func([]*relay.Work) []relay.Attempt {
		t.Error("settled a row that was lost")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestALearnerIsNeverInTwoCallsOfACourse(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	now := time.Now()
	add(t, s, work("1", "a@x.example", "course-v1:a+b+c", now), work("2", "a@x.example", "course-v1:a+b+c", now))
	group := relay.WorkGroup{Course: "course-v1:a+b+c", Action: relay.ActionEnroll, MailDue: true}
	first, err := s.Claim(t.Context(), "one", group, now, now.Add(time.Minute), 1)
	if err != nil || len(first) != 1 {
		t.Fatalf("%d, %v", len(first), err)
	}
	if second, err := s.Claim(t.Context(), "one", group, now, now.Add(time.Minute), 1); err != nil || len(second) != 0 {
		t.Fatalf("%d, %v", len(second), err)
	}
	held, err := s.HandOver(t.Context(), first)
	if err != nil || !held[first[0].ID] {
		t.Errorf("%v, %v", held, err)
	}
	err = s.Settle(t.Context(), "one", []int64{first[0].ID}, func(rows []*relay.Work) []relay.Attempt {
		rows[0].State, rows[0].NextAttemptAt, rows[0].InFlight = relay.EnrollmentEnrolled, nil, false
		return []relay.Attempt{{At: now, EnrollmentID: rows[0].ID, Call: "enroll", Status: 200, Outcome: "enrolled"}}
	})
	if err != nil {
		t.Fatal(err)
	}
	if list, err := s.Attempts(t.Context(), first[0].ID, 5); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if second, err := s.Claim(t.Context(), "one", group, now, now.Add(time.Minute), 1); err != nil || len(second) != 1 {
		t.Fatalf("%d, %v", len(second), err)
	}
}

func TestTheCallBudgetIsSharedAndKeepsAReserve(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Postgres(t)
	stores := []*store.Store{storetest.OpenURL(t, url), storetest.OpenURL(t, url)}
	admitted := 0
	for i := range 20 {
		gate, err := stores[i%2].Admit(t.Context(), 10, 2)
		if err != nil {
			t.Fatal(err)
		}
		if gate.Wait == 0 {
			admitted++
		} else if gate.Wait > time.Minute {
			t.Errorf("waits %s", gate.Wait)
		}
	}
	if admitted != 8 {
		t.Errorf("%d admitted", admitted)
	}
	if gate, err := stores[0].Admit(t.Context(), 10, 0); err != nil || gate.Wait != 0 || gate.Spent != 9 {
		t.Errorf("the reserve: %+v, %v", gate, err)
	}
	if err := stores[1].Block(t.Context(), 37*time.Second); err != nil {
		t.Fatal(err)
	}
	if gate, err := stores[0].Admit(t.Context(), 1000, 0); err != nil || gate.Wait < 36*time.Second {
		t.Errorf("blocked: %+v, %v", gate, err)
	}
}

func TestSKUsAreAskedForOnceAndRemembered(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	now := time.Now()
	for range 2 {
		if err := s.WantSKUs(t.Context(), []string{"A", "B"}, now); err != nil {
			t.Fatal(err)
		}
	}
	claimed, err := s.ClaimSKUs(t.Context(), now, now.Add(time.Minute), 10)
	if err != nil || len(claimed) != 2 {
		t.Fatalf("%v, %v", claimed, err)
	}
	if again, err := s.ClaimSKUs(t.Context(), now, now.Add(time.Minute), 10); err != nil || len(again) != 0 {
		t.Fatalf("%v, %v", again, err)
	}
	if err := s.AnswerSKU(t.Context(), relay.SKU{SKU: "A", State: relay.SKUCourse, Course: "course-v1:a+b+c", CheckedAt: now}); err != nil {
		t.Fatal(err)
	}
	known, err := s.KnownSKUs(t.Context(), []string{"A", "B"}, now.Add(-time.Hour))
	if err != nil || len(known) != 1 || known["A"].Course != "course-v1:a+b+c" {
		t.Errorf("%v, %v", known, err)
	}
	if stale, err := s.KnownSKUs(t.Context(), []string{"A"}, now.Add(time.Hour)); err != nil || len(stale) != 0 {
		t.Errorf("%v, %v", stale, err)
	}
}
