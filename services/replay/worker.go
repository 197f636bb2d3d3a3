package replay

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/telemetry"
	"github.com/edrelay/edrelay/internal/traffic"
)

// Options is what a worker is made of. Enroller and Subscribers may be nil: then it works the other kind only.
type Options struct {
	Ledger      WorkLedger
	Log         Log
	Subscribers Subscribers // for replays to subscriptions
	Enroller    Enroller    // for replays to the enroller and of enrolments
	Logger      *slog.Logger
	Pause       time.Duration         // between looks for work; 1 s when 0
	Lease       time.Duration         // 15 s when 0
	Tracer      *telemetry.Tracer     // nil: no spans
	Metrics     prometheus.Registerer // nil: none
	Live        *traffic.Live         // whose lulls it hands out in; nil: at any time
}

// Enroller takes what is replayed to it. All of it is safe to do twice.
type Enroller interface {
	// Process works verified webhooks again; learners are mailed only when mail says so.
	Process(ctx context.Context, batch []relay.Received, mail bool) error
	// Reverify verifies rejected webhooks again; those that pass are taken as if new. It says how many are still refused.
	Reverify(ctx context.Context, batch []relay.Received) (refused int, err error)
	// Retry makes enrolments due now and says how many could not be.
	Retry(ctx context.Context, ids []int64, mail bool) (left int, err error)
}

// Worker works replays, one at a time. Any number may run; the ledger's lease keeps one replay with one of them.
type Worker struct {
	opts    Options
	owner   string
	metrics *metrics
}

// NewWorker makes a worker.
func NewWorker(opts Options) (*Worker, error) {
	if opts.Ledger == nil || opts.Log == nil || opts.Logger == nil {
		return nil, errors.New("replay: Ledger, Log and Logger are needed")
	}
	if opts.Pause == 0 {
		opts.Pause = time.Second
	}
	if opts.Lease == 0 {
		opts.Lease = 15 * time.Second
	}
	return &Worker{opts: opts, owner: rand.Text(), metrics: newMetrics(opts.Metrics)}, nil
}

// Run works until ctx is done.
func (w *Worker) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		work, err := w.opts.Ledger.ClaimReplay(ctx, w.owner, w.opts.Enroller != nil, w.opts.Subscribers != nil, w.opts.Lease)
		switch {
		case relay.CodeOf(err) == relay.CodeNotFound:
		case err != nil:
			if ctx.Err() == nil {
				w.opts.Logger.Warn("no replay claimed", "error", err)
			}
		default:
			w.work(ctx, work)
			continue
		}
		w.wait(ctx, w.opts.Pause)
	}
	return nil
}

func (w *Worker) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// work hands a replay out until it is done, stopped or taken away; what fails for a reason that passes is taken up
// again by whoever claims it next.
func (w *Worker) work(ctx context.Context, work relay.ReplayWork) {
	log := w.opts.Logger.With("replay", work.ID, "target", work.Target)
	log.Info("replay goes on", "cursor", work.Cursor, "handed", work.Handed, "matched", work.Matched)
	err := w.handOut(ctx, work)
	quick := context.WithoutCancel(ctx)
	switch {
	case err == nil:
	case errors.Is(err, errStopped):
		log.Info("replay stopped")
	case ctx.Err() != nil:
		_ = w.opts.Ledger.LeaveReplay(quick, w.owner, work.ID) // else the lease runs out
	case relay.CodeOf(err) == relay.CodeUnavailable:
		log.Warn("replay waits", "error", err)
		w.wait(ctx, w.opts.Pause)
		_ = w.opts.Ledger.LeaveReplay(quick, w.owner, work.ID)
	default:
		log.Error("replay failed", "error", err)
		w.metrics.ended.WithLabelValues(string(relay.ReplayFailed)).Inc()
		if err := w.opts.Ledger.FinishReplay(quick, w.owner, work.ID, relay.ReplayFailed, relay.PublicMessage(err)); err != nil {
			log.Error("replay not marked as failed", "error", err)
		}
	}
}

// errStopped says that the replay is not this worker's any more: paused, cancelled or claimed by another.
var errStopped = errors.New("replay stopped")

func (w *Worker) handOut(ctx context.Context, work relay.ReplayWork) error {
	c, err := w.understand(ctx, work)
	if err != nil {
		return err
	}
	size := chunkSize
	if work.Rate > 0 {
		size = max(1, min(chunkSize, int(work.Rate/chunksPerSecond)))
	}
	began, room := time.Now(), int64(0)
	err = c.eachChunk(ctx, w.opts.Log, w.opts.Ledger, work.Cursor, size, func(ch chunk) (bool, error) {
		failed, err := w.hand(ctx, work, ch)
		if err != nil {
			return false, err
		}
		if err := w.advance(ctx, work.ID, ch.end, ch.effects(), int64(failed)); err != nil {
			return false, err
		}
		w.metrics.handed.Add(float64(ch.effects()))
		began = w.pace(ctx, work, began, ch.effects())
		room, err = w.holdBack(ctx, work, ch, room)
		return true, err
	})
	if err != nil {
		return err
	}
	return w.await(ctx, work.ID)
}

// holdBack lets the target catch up before more is handed out than there is room for, and says how much room is left. The
// ledger counts what is untried only when the room that it last said is used up.
func (w *Worker) holdBack(ctx context.Context, work relay.ReplayWork, handed chunk, room int64) (int64, error) {
	if ctx.Err() != nil || len(work.Request.Subscriptions) == 0 || handed.end >= work.End {
		return 0, ctx.Err()
	}
	if room -= handed.effects(); room > 0 {
		return room, nil
	}
	most := ahead(work.Rate)
	untried, err := w.settle(ctx, work.ID, most)
	return most - untried, err
}

func (w *Worker) understand(ctx context.Context, work relay.ReplayWork) (*choice, error) {
	c := &choice{ask: work.Request}
	c.aim()
	c.walk.To = work.End
	// The enroller reads the payloads; deliveries read theirs when they are made.
	c.walk.NoBody = c.walk.NoBody && !work.Request.Enroller
	var err error
	c.subscribers, err = subscribers(ctx, w.opts.Subscribers, work.Request.Subscriptions)
	return c, err
}

// hand gives a chunk to its target and says how much of it failed at once. It may do so again after a death; all targets
// are made for that.
func (w *Worker) hand(ctx context.Context, work relay.ReplayWork, ch chunk) (failed int, err error) {
	size := len(ch.messages) + len(ch.rows)
	if size == 0 {
		return 0, nil
	}
	ctx, span := w.opts.Tracer.Start(ctx, telemetry.Beginning{Name: "hand out replay", Root: true})
	defer span.End()
	span.Text(telemetry.Replay, work.ID)
	span.Number(telemetry.BatchCount, size)
	w.opts.Live.Lull(ctx)
	if failed, err = w.handTo(ctx, work, ch); err != nil {
		span.Fail(string(relay.CodeOf(err)))
	}
	return failed, err
}

func (w *Worker) handTo(ctx context.Context, work relay.ReplayWork, ch chunk) (failed int, err error) {
	switch ask := work.Request; {
	case ask.Enrollments:
		return w.opts.Enroller.Retry(ctx, idsOf(ch.rows), ask.Mail)
	case ask.Enroller && ask.State == relay.ReplayRejected:
		return w.opts.Enroller.Reverify(ctx, ch.messages)
	case ask.Enroller:
		return 0, w.opts.Enroller.Process(ctx, ch.messages, ask.Mail)
	}
	return 0, w.opts.Ledger.StageDeliveries(ctx, work.ID, dueOf(ch), takes(work.Rate, ch.effects()))
}

// takes is how long the handing out of so much takes at the rate; 0 without a limit.
func takes(rate float64, effects int64) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(effects) / rate * float64(time.Second))
}

func idsOf(rows []relay.Enrollment) []int64 {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return ids
}

// dueOf gives the deliveries of a chunk.
func dueOf(ch chunk) []relay.Due {
	var due []relay.Due
	for _, m := range ch.messages {
		for subscription, chosen := range ch.forWhom {
			if chosen[m.Sequence] {
				due = append(due, relay.Due{
					DeliveryKey: relay.DeliveryKey{Subscription: subscription, Sequence: m.Sequence, StoredAt: m.Stored.Truncate(time.Microsecond)},
					EventID:     m.ID, EventType: m.Type,
				})
			}
		}
	}
	return due
}

// advance records how far the replay came. That is done also when ctx has ended: else it would be handed out again.
func (w *Worker) advance(ctx context.Context, id string, cursor uint64, handed, failed int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	mine, err := w.opts.Ledger.AdvanceReplay(ctx, w.owner, id, cursor, handed, failed, w.opts.Lease)
	if err == nil && !mine {
		return errStopped
	}
	return err
}

// pace waits so that the rate is kept, in steps shorter than the lease.
func (w *Worker) pace(ctx context.Context, work relay.ReplayWork, began time.Time, handed int64) time.Time {
	if work.Rate <= 0 || handed == 0 {
		return began
	}
	due := began.Add(takes(work.Rate, handed))
	if late := time.Now(); due.Before(late.Add(-time.Second)) {
		return late // it was held up; what was missed is not made up for in a rush
	}
	for left := time.Until(due); left > 0 && ctx.Err() == nil; left = time.Until(due) {
		w.wait(ctx, min(left, w.opts.Lease/3))
	}
	return due
}

// mostPending is how much may be handed out and not yet tried.
const mostPending = 5000

// ahead is how much of a replay may be handed out and not yet tried: a few seconds of its rate, so that a subscriber that
// was slow is not sent more at once, and a replay that is paused stops soon.
func ahead(rate float64) int64 {
	if rate <= 0 {
		return mostPending
	}
	return int64(min(max(2*rate, 1), mostPending))
}

// await keeps the replay running until all that it handed out was tried.
func (w *Worker) await(ctx context.Context, id string) error {
	if _, err := w.settle(ctx, id, 0); err != nil {
		return err
	}
	w.opts.Logger.Info("replay done", "replay", id)
	w.metrics.ended.WithLabelValues(string(relay.ReplayDone)).Inc()
	return w.opts.Ledger.FinishReplay(ctx, w.owner, id, relay.ReplayDone, "")
}

// settle waits until no more than most of what was handed out is untried, says how much is, and keeps the lease meanwhile.
func (w *Worker) settle(ctx context.Context, id string, most int64) (untried int64, err error) {
	for {
		now, err := w.opts.Ledger.Replay(ctx, id)
		if err != nil || now.Pending <= most {
			return now.Pending, err
		}
		if err := w.advance(ctx, id, now.Cursor, 0, 0); err != nil {
			return now.Pending, err
		}
		if w.wait(ctx, w.opts.Pause/2); ctx.Err() != nil {
			return now.Pending, ctx.Err()
		}
	}
}
