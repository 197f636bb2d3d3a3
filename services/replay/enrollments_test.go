package replay_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/replay"
)

// enroll puts enrolments into the ledger, each with a webhook of its own, and says the ids of those in a state.
func (g *ground) enroll(n int, state func(int) relay.EnrollmentState) {
	g.t.Helper()
	for i := range n {
		key := relay.OrderKey{Source: "shopify", Order: fmt.Sprint(i)}
		row := &relay.Work{LearnerKey: fmt.Sprintf("l%d@x.example", i), SKU: "s", Enrollment: relay.Enrollment{
			WebhookID: fmt.Sprintf("shopify-%d", i), Source: key.Source, Order: key.Order, Learner: fmt.Sprintf("L%d@x.example", i),
			Course: fmt.Sprintf("course-v1:o+c%d+r", i%2), Action: relay.ActionEnroll, State: state(i), Reason: "because",
		}}
		if row.State == relay.EnrollmentWaiting {
			soon := time.Now().Add(time.Hour)
			row.NextAttemptAt = &soon
		}
		err := g.store.ChangeOrders(g.t.Context(), []relay.OrderKey{key}, func(records map[relay.OrderKey]*relay.OrderRecord) ([]relay.Webhook, error) {
			records[key].Rows = append(records[key].Rows, row)
			return []relay.Webhook{{
				ID: row.WebhookID, Source: key.Source, Topic: "orders/create", ReceivedAt: time.Now(), State: relay.WebhookDone, Order: key.Order, Sequence: uint64(i + 1),
			}}, nil
		})
		if err != nil {
			g.t.Fatal(err)
		}
	}
}

func TestParkedEnrolmentsAreAskedForAgain(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.enroll(20, func(i int) relay.EnrollmentState {
		return []relay.EnrollmentState{relay.EnrollmentParked, relay.EnrollmentEnrolled, relay.EnrollmentParked, relay.EnrollmentWaiting}[i%4]
	})
	for _, c := range []struct {
		ask  relay.ReplayRequest
		want int64
	}{
		{relay.ReplayRequest{}, 10}, {relay.ReplayRequest{State: "waiting"}, 5}, {relay.ReplayRequest{Course: "course-v1:o+c0+r"}, 10},
		{relay.ReplayRequest{Course: "course-v1:o+c1+r"}, 0}, {relay.ReplayRequest{Learner: "l4@X.example"}, 1}, {relay.ReplayRequest{Reason: "because"}, 10},
		{relay.ReplayRequest{Reason: "another"}, 0}, {relay.ReplayRequest{Source: "woo"}, 0}, {relay.ReplayRequest{FromSequence: 11}, 5},
		{relay.ReplayRequest{Since: time.Now().Add(time.Minute)}, 0},
	} {
		c.ask.Enrollments = true
		if plan, err := g.PlanReplay(t.Context(), c.ask); err != nil || plan.Matched != c.want || plan.Target != "enrollments" {
			t.Errorf("%+v: %+v %v", c.ask, plan, err)
		}
	}
	started, err := g.StartReplay(t.Context(), relay.ReplayRequest{Enrollments: true, Mail: true, Rate: 200}, "ada")
	if err != nil || started.Matched != 10 || started.Left == nil {
		t.Fatalf("%+v %v", started, err)
	}
	s := &seen{count: map[uint64]int{}}
	done := g.work(replay.Options{Enroller: s}, started.ID, relay.ReplayDone)
	if len(s.retried) != 10 || !s.mailed || done.Done != 10 || done.Failed != 1 || done.Left != nil {
		t.Errorf("%v, %+v", s.retried, done)
	}
}
