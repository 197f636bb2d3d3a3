package replay_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/store/storetest"
	"github.com/edrelay/edrelay/services/replay"
)

// ground is a ledger and a log with an office for replays.
type ground struct {
	*replay.Office
	t     *testing.T
	store *store.Store
	bus   *bus.Bus
}

// crm is the only subscription.
type crm struct{}

func (crm) Subscriber(_ context.Context, name string) (relay.Subscriber, error) {
	if name != "crm" {
		return relay.Subscriber{}, relay.ErrNotFound
	}
	return relay.Subscriber{ID: 7, Subscription: relay.Subscription{Name: "crm", Events: []string{"shop.*"}}}, nil
}

func newGround(t *testing.T) *ground {
	t.Helper()
	g := &ground{t: t, store: storetest.Open(t)}
	var err error
	if g.bus, err = bus.Connect(t.Context(), bus.Config{URL: embeddedtest.NATS(t)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.bus.Close)
	if err := g.bus.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.Office = &replay.Office{Ledger: g.store, Log: g.bus, Subscribers: crm{}, Logger: slog.New(slog.DiscardHandler)}
	return g
}

func (g *ground) publish(messages ...relay.Message) {
	g.t.Helper()
	for i := range messages {
		messages[i].Time, messages[i].DedupID = time.Now(), messages[i].ID
	}
	if _, err := g.bus.PublishBatch(g.t.Context(), messages); err != nil {
		g.t.Fatal(err)
	}
}

func webhook(i int, source string) relay.Message {
	return relay.Message{
		Subject: relay.WebhookSubject(source, "orders/create"), ID: fmt.Sprintf("%s-%d", source, i), Type: "t", Source: "/" + source,
		Header: map[string]string{relay.HeaderSource: source}, Body: []byte(fmt.Sprintf(`{"email":"Ada%d@x.example"}`, i)),
	}
}

func event(i int, eventType string) relay.Message {
	return relay.Message{Subject: relay.EventSubject(eventType), ID: fmt.Sprintf("e%d", i), Type: eventType, Source: "/lms", Body: []byte("{}")}
}

// work runs a worker until the replay is in a state.
func (g *ground) work(options replay.Options, id string, until relay.ReplayState) relay.Replay {
	g.t.Helper()
	options.Ledger, options.Log, options.Logger = g.store, g.bus, slog.New(slog.DiscardHandler)
	options.Pause, options.Lease = 20*time.Millisecond, 300*time.Millisecond
	worker, err := replay.NewWorker(options)
	if err != nil {
		g.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(g.t.Context(), 60*time.Second)
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			g.t.Error(err)
		}
	}()
	return g.wait(ctx, id, until)
}

func (g *ground) wait(ctx context.Context, id string, until relay.ReplayState) relay.Replay {
	g.t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		r, err := g.Replay(ctx, id)
		if err == nil && r.State == until {
			return r
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			g.t.Fatalf("never %s: %+v %v", until, r, err)
		}
	}
}

// seen collects what the enroller is given.
type seen struct {
	mu       sync.Mutex
	count    map[uint64]int
	fail     func(total int) error
	rejected []uint64
	retried  []int64
	mailed   bool
}

// Reverify refuses every other webhook.
func (s *seen) Reverify(_ context.Context, batch []relay.Received) (refused int, err error) {
	for _, m := range batch {
		s.rejected = append(s.rejected, m.Sequence)
	}
	return len(batch) / 2, nil
}

// Retry can't make the first row due.
func (s *seen) Retry(_ context.Context, ids []int64, mail bool) (left int, err error) {
	s.retried, s.mailed = append(s.retried, ids...), s.mailed || mail
	return 1, nil
}

func (s *seen) Process(_ context.Context, batch []relay.Received, mail bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mailed = s.mailed || mail
	for _, m := range batch {
		if len(m.Body) == 0 {
			return fmt.Errorf("message %d came without its body", m.Sequence)
		}
		s.count[m.Sequence]++
	}
	if s.fail != nil {
		return s.fail(len(s.count))
	}
	return nil
}

func TestWebhooksGoThroughTheEnrollerAgain(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for i := range 700 {
		g.publish(webhook(i, []string{"shopify", "woo"}[i%2]))
	}
	plan, err := g.PlanReplay(t.Context(), relay.ReplayRequest{Enroller: true, Source: "shopify"})
	if err != nil || plan.Matched != 350 || len(plan.Samples) != 5 || plan.Samples[0].ID != "shopify-0" {
		t.Fatalf("%+v %v", plan, err)
	}
	started, err := g.StartReplay(t.Context(), relay.ReplayRequest{Enroller: true, Source: "shopify"}, "ada")
	if err != nil || started.State != relay.ReplayRunning || started.Matched != 350 || started.Target != "enroller" || started.CreatedBy != "ada" {
		t.Fatalf("%+v %v", started, err)
	}
	g.publish(webhook(9999, "shopify")) // came after the order: not part of it
	s := &seen{count: map[uint64]int{}}
	done := g.work(replay.Options{Enroller: s}, started.ID, relay.ReplayDone)
	if len(s.count) != 350 || done.Done != 350 || done.FinishedAt == nil {
		t.Errorf("%d processed, %+v", len(s.count), done)
	}
}

func TestAReplayGoesOnAfterItsWorkerDied(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for i := range 1400 {
		g.publish(webhook(i, "shopify"))
	}
	started, err := g.StartReplay(t.Context(), relay.ReplayRequest{Enroller: true}, "ada")
	if err != nil {
		t.Fatal(err)
	}
	// A worker that dies takes the job and leaves neither word nor lease.
	if _, err := g.store.ClaimReplay(t.Context(), "dead", true, true, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if ok, err := g.store.AdvanceReplay(t.Context(), "dead", started.ID, 500, 500, 0, 200*time.Millisecond); !ok || err != nil {
		t.Fatal(ok, err)
	}
	s := &seen{count: map[uint64]int{}}
	done := g.work(replay.Options{Enroller: s}, started.ID, relay.ReplayDone)
	if len(s.count) != 900 || done.Done != 1400 {
		t.Errorf("%d processed after the death, %+v", len(s.count), done)
	}
}

func TestALedgerThatIsAwayIsWaitedForAndADefectStopsTheReplay(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.publish(webhook(1, "shopify"))
	for _, c := range []struct {
		err  error
		want relay.ReplayState
	}{
		{relay.Errorf(relay.CodeUnavailable, "away"), relay.ReplayDone}, {relay.Errorf(relay.CodeInternal, "broken"), relay.ReplayFailed},
	} {
		started, err := g.StartReplay(t.Context(), relay.ReplayRequest{Enroller: true}, "ada")
		if err != nil {
			t.Fatal(err)
		}
		failures := 0
		s := &seen{count: map[uint64]int{}, fail: func(int) error {
			if failures++; failures == 1 {
				return c.err
			}
			return nil
		}}
		if got := g.work(replay.Options{Enroller: s}, started.ID, c.want); c.want == relay.ReplayFailed && got.Reason != "broken" {
			t.Errorf("reason %q", got.Reason)
		}
	}
}

func TestEventsAreMadeDueForTheSubscriptionsThatWantThem(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for i := range 40 {
		g.publish(event(i, []string{"shop.sold.v1", "other.v1"}[i%2]))
	}
	started, err := g.StartReplay(t.Context(), relay.ReplayRequest{Subscriptions: []string{"crm"}}, "ada")
	if err != nil || started.Matched != 20 {
		t.Fatalf("%+v %v", started, err)
	}
	tried := make(chan []relay.Due, 1)
	go func() { tried <- g.deliver(started.ID, 20) }()
	done := g.work(replay.Options{Subscribers: crm{}}, started.ID, relay.ReplayDone)
	if n := len(<-tried); n != 20 || done.Done != 20 {
		t.Errorf("%d tried, %+v", n, done)
	}
	for state, want := range map[string]int64{"delivered": 20, "parked": 0, "undelivered": 0, "": 20} {
		plan, err := g.PlanReplay(t.Context(), relay.ReplayRequest{Subscriptions: []string{"crm"}, State: state})
		if err != nil || plan.Matched != want {
			t.Errorf("state %q: %+v %v", state, plan, err)
		}
	}
}

func TestACappedReplayIsDueEvenly(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for i := range 30 {
		g.publish(event(i, "shop.sold.v1"))
	}
	started, err := g.StartReplay(t.Context(), relay.ReplayRequest{Subscriptions: []string{"crm"}, Rate: 100}, "ada")
	if err != nil || started.Matched != 30 {
		t.Fatalf("%+v %v", started, err)
	}
	tried := make(chan []relay.Due, 1)
	go func() { tried <- g.deliver(started.ID, 30) }()
	g.work(replay.Options{Subscribers: crm{}}, started.ID, relay.ReplayDone)
	due := <-tried
	slices.SortFunc(due, func(a, b relay.Due) int { return cmp.Compare(a.Sequence, b.Sequence) })
	for i := range due[1:] {
		if gap := due[i+1].At.Sub(due[i].At); gap != 10*time.Millisecond && (i+1)%25 != 0 { // it is handed out in pieces of 25
			t.Errorf("delivery %d is due %v after the one before", i+2, gap)
		}
	}
}

// deliver stands for the notifier: it tries what is due or will be, well, until it has tried so many.
func (g *ground) deliver(id string, most int) (tried []relay.Due) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for len(tried) < most && ctx.Err() == nil {
		due, err := g.store.ClaimRetries(ctx, 7, 100, time.Hour, time.Minute)
		if err != nil {
			g.t.Error(err)
			return tried
		}
		var outcomes []*relay.Outcome
		for _, d := range due {
			if d.Replay != id {
				g.t.Errorf("the delivery says replay %q", d.Replay)
			}
			outcomes = append(outcomes, &relay.Outcome{
				DeliveryKey: d.DeliveryKey, EventID: d.EventID, EventType: d.EventType, State: relay.DeliveryDelivered,
				Attempt: relay.DeliveryAttempt{Number: d.Attempts + 1, At: time.Now(), Status: 200, Replay: d.Replay},
			})
		}
		if err := g.store.RecordOutcomes(ctx, outcomes, true); err != nil {
			g.t.Error(err)
		}
		tried = append(tried, due...)
	}
	return tried
}

func TestARateIsKeptAndAReplayIsPausedResumedAndCancelled(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for i := range 60 {
		g.publish(webhook(i, "shopify"))
	}
	started, err := g.StartReplay(t.Context(), relay.ReplayRequest{Enroller: true, Rate: 40}, "ada")
	if err != nil {
		t.Fatal(err)
	}
	if paused, err := g.PauseReplay(t.Context(), started.ID); err != nil || paused.State != relay.ReplayPaused {
		t.Fatalf("%+v %v", paused, err)
	}
	if _, err := g.PauseReplay(t.Context(), started.ID); err != nil {
		t.Errorf("pausing again: %v", err)
	}
	if _, err := g.store.ClaimReplay(t.Context(), "w", true, true, time.Minute); relay.CodeOf(err) != relay.CodeNotFound {
		t.Errorf("a paused replay is claimed: %v", err)
	}
	if _, err := g.ResumeReplay(t.Context(), started.ID); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s := &seen{count: map[uint64]int{}}
	g.work(replay.Options{Enroller: s}, started.ID, relay.ReplayDone)
	if took := time.Since(began); took < time.Second || len(s.count) != 60 {
		t.Errorf("%d in %v at 40 a second", len(s.count), took)
	}
	if _, err := g.CancelReplay(t.Context(), started.ID); relay.CodeOf(err) != relay.CodeConflict {
		t.Errorf("cancelling what is done: %v", err)
	}
	if _, err := g.PauseReplay(t.Context(), "none"); relay.CodeOf(err) != relay.CodeNotFound {
		t.Errorf("unknown: %v", err)
	}
}

// A worker that is between two pieces hears of the pause with the next one.
func TestWhatIsHandedOutWhileAReplayIsPausedIsNotHandedOutAgain(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const events = 80
	for i := range events {
		g.publish(webhook(i, "shopify"))
	}
	started, err := g.StartReplay(t.Context(), relay.ReplayRequest{Enroller: true, Rate: 40}, "ada")
	if err != nil {
		t.Fatal(err)
	}
	s := &seen{count: map[uint64]int{}}
	s.fail = func(total int) error {
		if total != 20 { // two pieces of ten
			return nil
		}
		_, err := g.PauseReplay(t.Context(), started.ID)
		return err
	}
	g.work(replay.Options{Enroller: s}, started.ID, relay.ReplayPaused)
	if row, err := g.Replay(t.Context(), started.ID); err != nil || row.Done != 20 {
		t.Errorf("paused with 20 handed out: %+v %v", row, err)
	}
	if _, err := g.ResumeReplay(t.Context(), started.ID); err != nil {
		t.Fatal(err)
	}
	if done := g.work(replay.Options{Enroller: s}, started.ID, relay.ReplayDone); done.Done != events {
		t.Errorf("%+v", done)
	}
	for sequence, times := range s.count {
		if times != 1 {
			t.Errorf("%d was handed out %d times", sequence, times)
		}
	}
}

func TestOrdersThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	now := time.Now()
	for _, ask := range []relay.ReplayRequest{
		{}, {Enroller: true, Subscriptions: []string{"crm"}}, {Enroller: true, Rate: -1}, {Enroller: true, Since: now, Until: now},
		{Enroller: true, FromSequence: 5, ToSequence: 4}, {Enroller: true, State: "delivered"}, {Subscriptions: []string{"crm"}, State: "done"},
		{Enroller: true, Enrollments: true}, {Enrollments: true, State: "done"}, {Enrollments: true, Type: "t"}, {Enroller: true, Rate: .01}, {Enroller: true, Reason: "x"},
		{Subscriptions: []string{"crm"}, Mail: true}, {Enroller: true, State: "missing"},
	} {
		if _, err := g.StartReplay(t.Context(), ask, "ada"); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%+v: %v", ask, err)
		}
	}
	if _, err := g.PlanReplay(t.Context(), relay.ReplayRequest{Subscriptions: []string{"nobody"}}); relay.CodeOf(err) != relay.CodeNotFound {
		t.Errorf("unknown subscription: %v", err)
	}
	for i := range 3 {
		g.publish(webhook(i, "shopify"))
	}
	for ask, want := range map[string]int64{"ADA1@x.example": 1, "nobody@x.example": 0} {
		plan, err := g.PlanReplay(t.Context(), relay.ReplayRequest{Enroller: true, Learner: ask})
		if err != nil || plan.Matched != want {
			t.Errorf("%s: %+v %v", ask, plan, err)
		}
	}
}

func TestRejectedWebhooksAreVerifiedAgain(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for i := range 12 {
		m := webhook(i, "shopify")
		m.Subject = relay.RejectedSubject("shopify", []string{"signature", "shape"}[i%2])
		m.Header[relay.HeaderReason] = []string{"signature", "shape"}[i%2]
		g.publish(m)
	}
	g.publish(webhook(1, "shopify"))
	ask := relay.ReplayRequest{Enroller: true, State: relay.ReplayRejected, Reason: "signature", Source: "shopify", Learner: "ada4@x.example"}
	if plan, err := g.PlanReplay(t.Context(), ask); err != nil || plan.Matched != 1 || plan.Samples[0].ID != "rejected-5" {
		t.Errorf("%+v %v", plan, err)
	}
	ask.Learner = ""
	started, err := g.StartReplay(t.Context(), ask, "ada")
	if err != nil || started.Matched != 6 {
		t.Fatalf("%+v %v", started, err)
	}
	s := &seen{count: map[uint64]int{}}
	done := g.work(replay.Options{Enroller: s}, started.ID, relay.ReplayDone)
	if len(s.rejected) != 6 || len(s.count) != 0 || done.Failed != 3 || done.Done != 6 {
		t.Errorf("%v, %+v", s.rejected, done)
	}
}

func TestWebhooksAreChosenByWhatTheLedgerKnowsOfTheirOrder(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for i := range 6 {
		g.publish(webhook(i, "shopify")) // names its learner, but neither its course nor the enrolment's address
	}
	g.enroll(6, func(int) relay.EnrollmentState { return relay.EnrollmentEnrolled })
	for _, c := range []struct {
		ask  relay.ReplayRequest
		want int64
	}{
		{relay.ReplayRequest{Course: "course-v1:o+c0+r"}, 3}, {relay.ReplayRequest{Learner: "l3@x.example"}, 1}, {relay.ReplayRequest{Learner: "ada3@x.example"}, 1},
		{relay.ReplayRequest{Course: "course-v1:o+c0+r", Learner: "ada2@x.example"}, 1}, {relay.ReplayRequest{Course: "course-v1:o+c0+r", Learner: "ada3@x.example"}, 0},
		{relay.ReplayRequest{Course: "course-v1:o+c0+r", State: "done"}, 3}, {relay.ReplayRequest{Course: "course-v1:o+c0+r", State: "parked"}, 0},
	} {
		c.ask.Enroller = true
		if plan, err := g.PlanReplay(t.Context(), c.ask); err != nil || plan.Matched != c.want {
			t.Errorf("%+v: %+v %v", c.ask, plan, err)
		}
	}
}

func TestANewSubscriptionGetsWhatItMissed(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for i := range 6 {
		g.publish(event(i, "shop.sold.v1"))
	}
	missing := relay.ReplayRequest{Subscriptions: []string{"crm"}, State: relay.ReplayMissing}
	part := missing
	part.ToSequence = 2
	started, err := g.StartReplay(t.Context(), part, "ada")
	if err != nil || started.Matched != 2 {
		t.Fatalf("%+v %v", started, err)
	}
	tried := make(chan []relay.Due, 1)
	go func() { tried <- g.deliver(started.ID, 2) }()
	g.work(replay.Options{Subscribers: crm{}}, started.ID, relay.ReplayDone)
	<-tried
	if plan, err := g.PlanReplay(t.Context(), missing); err != nil || plan.Matched != 4 || plan.Samples[0].Sequence != 3 {
		t.Errorf("%+v %v", plan, err)
	}
}
