package learner_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/store/storetest"
	"github.com/edrelay/edrelay/services/enroller"
	"github.com/edrelay/edrelay/services/learner"
)

const ann, bob = "ann@example.org", "bob@example.org"

// ground is an office on a real log and a real ledger.
type ground struct {
	t      *testing.T
	log    *bus.Bus
	ledger *store.Store
	office *learner.Office
}

func newGround(t *testing.T) *ground {
	t.Helper()
	g := &ground{t: t, ledger: storetest.Open(t)}
	var err error
	if g.log, err = bus.Connect(t.Context(), bus.Config{URL: embeddedtest.NATS(t)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.log.Close)
	if err := g.log.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.office = learner.New(learner.Options{
		Ledger: g.ledger, Log: g.log, Orders: enroller.Forgetter{Ledger: g.ledger}, Logger: slog.New(slog.DiscardHandler), Patience: 300 * time.Millisecond,
	})
	return g
}

// webhook puts one on the log and, with a state, into the ledger.
func (g *ground) webhook(id string, state relay.WebhookState, learners ...string) {
	g.t.Helper()
	receipt, err := g.log.Publish(g.t.Context(), relay.Message{
		Subject: relay.WebhookSubject("shop", "orders/create"), ID: id, Type: "t", Source: "/sources/shop", DedupID: id, Time: time.Now(),
		Body: fmt.Appendf(nil, `{"learners":["%s"]}`, strings.Join(learners, `","`)), Header: map[string]string{relay.HeaderSource: "shop", relay.HeaderTopic: "orders/create"},
	})
	if err == nil && state != "" {
		err = g.ledger.RecordWebhooks(g.t.Context(), []relay.Webhook{{ID: id, Source: "shop", Topic: "orders/create", ReceivedAt: time.Now(), State: state, Sequence: receipt.Sequence, Order: id}})
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *ground) forget(ask relay.ForgetLearner) relay.Erasure {
	g.t.Helper()
	ask.Address = ann
	done, err := g.office.Forget(g.t.Context(), ask, relay.Operator{Name: "ada", Role: relay.RoleAdmin}, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return done
}

func (g *ground) held() relay.LearnerCounts {
	g.t.Helper()
	held, err := g.office.Show(g.t.Context(), relay.ShowLearner{Address: strings.ToUpper(ann)}, func(string, int64, int64) {})
	if err != nil {
		g.t.Fatal(err)
	}
	return held.Counts
}

func TestWhatOthersStillNeedBlocksAnErasureAndIsNamed(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.webhook("worked", relay.WebhookDone, ann, bob)
	g.webhook("unread", "", ann)
	g.webhook("parked-alone", relay.WebhookParked, ann)
	g.webhook("parked-both", relay.WebhookParked, ann, bob)
	g.webhook("other", relay.WebhookDone, "joann@example.org", bob)
	plan := g.forget(relay.ForgetLearner{DryRun: true})
	if plan.State != relay.ErasurePlanned || plan.Counts.Webhooks != 4 || len(plan.Blocked) != 2 || g.held().Webhooks != 4 {
		t.Errorf("plan: %+v", plan)
	}
	first := g.forget(relay.ForgetLearner{})
	if first.State != relay.ErasureIncomplete || first.Counts.Webhooks != 2 || len(first.Blocked) != 2 {
		t.Fatalf("%+v", first)
	}
	blocked := fmt.Sprint(first.Blocked)
	for _, text := range []string{"webhook unread", "has not worked it yet", "webhook parked-both", "--include-parked"} {
		if !strings.Contains(blocked, text) {
			t.Errorf("no %q in %s", text, blocked)
		}
	}
	if w, err := g.ledger.Webhook(t.Context(), "parked-alone"); err != nil || w.State != relay.WebhookIgnored || w.Reason != relay.ForgottenReason {
		t.Errorf("%+v, %v", w, err)
	}
	if err := g.ledger.RecordWebhooks(t.Context(), []relay.Webhook{{ID: "unread", Source: "shop", ReceivedAt: time.Now(), State: relay.WebhookDone, Sequence: 2}}); err != nil {
		t.Fatal(err)
	}
	second := g.forget(relay.ForgetLearner{IncludeParked: true})
	if second.State != relay.ErasureDone || second.Counts.Webhooks != 2 || g.held().Total() != 0 {
		t.Errorf("%+v", second)
	}
	if m, err := g.log.Message(t.Context(), relay.StreamWebhooks, 5); err != nil || !strings.Contains(string(m.Body), "joann@example.org") {
		t.Errorf("another learner's webhook is gone: %v", err)
	}
	erased, err := g.ledger.ErasedMessage(t.Context(), relay.StreamWebhooks, 1)
	if err != nil || erased.Erasure != first.ID || !strings.Contains(erased.Error().Message, relay.ForgottenReason) {
		t.Errorf("%+v, %v", erased, err)
	}
	trail, err := g.ledger.AuditTrail(t.Context(), relay.AuditQuery{Action: "learner forget"})
	if err != nil || len(trail) != 2 || trail[0].Who != "ada" || trail[0].Detail["webhooks"] != "2" || trail[0].Detail["learner"] != second.Learner || trail[1].Status != 409 {
		t.Errorf("%+v, %v", trail, err)
	}
	if strings.Contains(fmt.Sprint(trail, first, second), "ann@") {
		t.Error("a record of the erasure has the address")
	}
}

func TestALearnerIsForgottenByOneAtATime(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.webhook("worked", relay.WebhookDone, ann)
	done := g.forget(relay.ForgetLearner{})
	running := done
	running.ID, running.State = "running", relay.ErasureRunning
	if err := g.ledger.BeginErasure(t.Context(), running, time.Minute); err != nil {
		t.Fatal(err)
	}
	_, err := g.office.Forget(t.Context(), relay.ForgetLearner{Address: ann}, relay.Operator{Name: "ada"}, nil)
	if relay.CodeOf(err) != relay.CodeConflict || !strings.Contains(relay.PublicMessage(err), "right now") {
		t.Errorf("a second one at the same time: %v", err)
	}
	if _, err := g.office.Forget(t.Context(), relay.ForgetLearner{Address: bob}, relay.Operator{Name: "ada"}, nil); err != nil {
		t.Errorf("another learner meanwhile: %v", err)
	}
	running.ID = "after"
	if err := g.ledger.BeginErasure(t.Context(), running, -time.Hour); err != nil { // the process of the first is taken for dead
		t.Errorf("after a death: %v", err)
	}
	if lost, err := g.ledger.Erasure(t.Context(), "running"); err != nil || lost.State != relay.ErasureFailed || lost.Error != relay.ErasureLost || lost.FinishedAt == nil {
		t.Errorf("%+v, %v", lost, err)
	}
}
