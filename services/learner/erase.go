package learner

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
)

// erase takes messages out of a stream for good and sees to it that they are gone. One after the other: the server writes
// the whole block of a message anew and lets nobody else write meanwhile.
func erase(ctx context.Context, log Log, stream string, hits []hit) error {
	for _, h := range hits {
		if err := eraseOne(ctx, log, stream, h.Sequence); err != nil {
			return err
		}
	}
	return nil
}

func eraseOne(ctx context.Context, log Log, stream string, sequence uint64) error {
	if err := log.Delete(ctx, stream, sequence); err != nil {
		return err
	}
	_, err := log.Message(ctx, stream, sequence)
	switch {
	case relay.CodeOf(err) == relay.CodeNotFound:
		return nil
	case err != nil:
		return err
	}
	return &relay.Error{Code: relay.CodeUnavailable, Message: "the log does not erase message " + strconv.FormatUint(sequence, 10) + " of " + stream,
		Hint: "Is the stream sealed, or does it deny deletes? nats stream info " + stream}
}

// eraseMarked erases messages of edrelay's own log, which whoever asks for them hears of.
func (j *job) eraseMarked(ctx context.Context, stream string, hits []hit) error {
	if len(hits) == 0 {
		return nil
	}
	if err := j.office.Ledger.MarkErased(ctx, j.erasure.ID, stream, dues(hits)); err != nil {
		return err
	}
	return erase(ctx, j.office.Log, stream, hits)
}

// webhooks erases those that nobody needs any more. Others are awaited, or block.
func (j *job) webhooks(ctx context.Context) error {
	return j.office.scan(ctx, j.office.Log, relay.StreamWebhooks, j.person, 0, "erasing webhooks", j.tell, func(chunk []hit) error {
		if err := j.awaitWorked(ctx, chunk); err != nil {
			return err
		}
		var free []hit
		for _, h := range chunk {
			if block := blocks(h, j.ask.IncludeParked); block != nil {
				j.block(block.What, block.Why, block.Do)
			} else {
				free = append(free, h)
			}
		}
		if err := j.letGo(ctx, free); err != nil {
			return err
		}
		err := j.eraseMarked(ctx, relay.StreamWebhooks, free)
		if err == nil {
			j.change(func(e *relay.Erasure) { e.Counts.Webhooks += len(free) })
			for _, h := range free {
				j.sources[h.Source]++
			}
		}
		return err
	})
}

// blocks tells why a webhook can't be erased; nil when it can. What a worked one asks for stands in the ledger, for all
// of its learners; what one that is not worked asks for stands nowhere else.
func blocks(h hit, includeParked bool) *relay.BlockedErasure {
	switch relay.WebhookState(h.State) {
	case relay.WebhookAccepted:
		return &relay.BlockedErasure{What: "webhook " + h.ID, Why: "the enroller has not worked it yet",
			Do: "See that the enroller runs (edrelay doctor), then forget the learner again."}
	case relay.WebhookParked:
		if h.others && !includeParked {
			return &relay.BlockedErasure{What: "webhook " + h.ID, Why: "it is parked and names others too, whose enrolments stand nowhere else",
				Do: "Mend it and replay it, or give it up with --include-parked; then forget the learner again."}
		}
	}
	return nil
}

// awaitWorked gives the enroller some time for webhooks that it has not worked yet.
func (j *job) awaitWorked(ctx context.Context, chunk []hit) error {
	const look = 200 * time.Millisecond
	for {
		if err := j.office.states(ctx, chunk); err != nil {
			return err
		}
		unread := slices.ContainsFunc(chunk, func(h hit) bool { return h.State == string(relay.WebhookAccepted) })
		if !unread || j.waited >= j.office.Patience {
			return nil
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
		j.waited += look
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// letGo has the ledger do without webhooks that are about to be erased: parked ones are waited for no more, and later
// updates of their orders leave the learner out.
func (j *job) letGo(ctx context.Context, chunk []hit) error {
	if len(chunk) == 0 {
		return nil
	}
	sequences, since := placesOf(chunk)
	if err := j.office.Ledger.IgnoreErasedWebhooks(ctx, sequences, since, relay.ForgottenReason); err != nil {
		return err
	}
	orders, err := j.office.Ledger.OrdersOfWebhooks(ctx, sequences, since)
	if err != nil {
		return err
	}
	return j.office.Orders.MarkOrders(ctx, j.person.text, j.erasure.As, orders)
}

// reader is a subscription and up to where everything is settled for it.
type reader struct {
	relay.Subscriber
	floor uint64
}

func (j *job) readersOfEvents(ctx context.Context) ([]reader, error) {
	if j.office.Subscribers == nil {
		return nil, nil
	}
	all, err := j.office.Subscribers(ctx)
	if err != nil {
		return nil, err
	}
	var list []reader
	for _, s := range all {
		info, err := j.office.Log.ConsumerInfo(ctx, relay.StreamEvents, s.Consumer)
		if relay.CodeOf(err) == relay.CodeNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, reader{s, max(info.AckFloor, s.StartSequence-min(s.StartSequence, 1))})
	}
	return list, nil
}

// events erases events, after what was to deliver them has ended.
func (j *job) events(ctx context.Context) error {
	readers, err := j.readersOfEvents(ctx)
	if err != nil {
		return err
	}
	return j.office.scan(ctx, j.office.Log, relay.StreamEvents, j.person, 0, "erasing events", j.tell, func(chunk []hit) error {
		if err := j.endDeliveries(ctx, chunk, readers); err != nil {
			return err
		}
		err := j.eraseMarked(ctx, relay.StreamEvents, chunk)
		if err == nil {
			j.change(func(e *relay.Erasure) { e.Counts.Events += len(chunk) })
		}
		return err
	})
}

func (j *job) endDeliveries(ctx context.Context, chunk []hit, readers []reader) error {
	events := dues(chunk)
	counts, err := j.office.Ledger.CountDeliveriesOf(ctx, events)
	if err != nil {
		return err
	}
	waiting := 0
	for name, states := range counts {
		j.received[name] += states[relay.DeliveryDelivered]
		waiting += states[relay.DeliveryWaiting]
	}
	ended, err := j.office.Ledger.EndErasedDeliveries(ctx, events, relay.ForgottenReason)
	if err != nil {
		return err
	}
	j.change(func(e *relay.Erasure) { e.Counts.Deliveries += ended })
	if waiting > 0 {
		j.open = append(j.open, events...)
	}
	for _, r := range readers {
		untried := slices.DeleteFunc(slices.Clone(events), func(d relay.Due) bool {
			return d.Sequence <= r.floor || !subscription.Matches(r.Events, d.EventType)
		})
		if len(untried) == 0 {
			continue
		}
		j.open = append(j.open, untried...)
		if err := j.office.Ledger.ParkUntried(ctx, r.ID, untried, relay.ForgottenReason); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) rejected(ctx context.Context) error {
	return j.office.scan(ctx, j.office.Log, relay.StreamRejected, j.person, 0, "erasing rejected webhooks", j.tell, func(chunk []hit) error {
		err := j.eraseMarked(ctx, relay.StreamRejected, chunk)
		if err == nil {
			j.change(func(e *relay.Erasure) { e.Counts.Rejected += len(chunk) })
		}
		return err
	})
}

// mirrors erases what NATS users could still read. What is on its way into a mirror gets there first.
func (j *job) mirrors(ctx context.Context) error {
	last, err := j.office.Log.LastSequence(ctx, relay.StreamEvents)
	if err != nil {
		return err
	}
	return j.office.eachMirror(ctx, func(mirror Mirror) error {
		if err := j.awaitFeed(ctx, mirror, last); err != nil {
			return err
		}
		step := "erasing in the mirror of " + mirror.Reader
		return j.office.scan(ctx, mirror.Log, relay.StreamEvents, j.person, 0, step, j.tell, func(chunk []hit) error {
			err := erase(ctx, mirror.Log, relay.StreamEvents, chunk)
			if err == nil {
				j.change(func(e *relay.Erasure) { e.Counts.Copies += len(chunk) })
				j.readers[mirror.Reader] += len(chunk)
			}
			return err
		})
	})
}

func (j *job) awaitFeed(ctx context.Context, mirror Mirror, last uint64) error {
	const look = 200 * time.Millisecond
	for waited := time.Duration(0); ; waited += look {
		info, err := j.office.Log.ConsumerInfo(ctx, relay.StreamEvents, mirror.Feed)
		if relay.CodeOf(err) == relay.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if info.Pending == 0 && info.InFlight == 0 || info.AckFloor >= last {
			return nil
		}
		if waited >= j.office.Patience {
			j.remark("The mirror of NATS user " + mirror.Reader + " is behind the log; forget the learner again when it has caught up.")
			return nil
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
}
