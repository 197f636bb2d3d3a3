package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

const walkBatch = 500

// Walk reads messages of a stream forwards and hands each to visit, until visit says false, errs, or the walk is at its
// end. nil means that visit said so or saw everything chosen; what is lost on the way to us is asked for again. The error
// of visit is given back as it is; others as Message.
func (b *Bus) Walk(ctx context.Context, walk relay.LogWalk, visit func(relay.Received) (more bool, err error)) error {
	handle, err := patiently(ctx, b, b.streamNamed(walk.Stream))
	if err != nil {
		return readError(err)
	}
	state := handle.CachedInfo().State
	last := state.LastSeq
	if walk.To > 0 {
		last = min(last, walk.To)
	}
	if state.Msgs == 0 {
		return nil
	}
	w := &walker{bus: b, stream: handle, walk: walk, next: max(walk.From, state.FirstSeq, 1), last: last, visit: visit}
	return w.run(ctx)
}

// walker goes from one message to the next, on as many passing consumers as it takes.
type walker struct {
	bus        *Bus
	stream     jetstream.Stream
	walk       relay.LogWalk
	next, last uint64 // sequences: the first not seen, and the last wanted
	visit      func(relay.Received) (bool, error)
}

// errLost is what a consumer sent and we never saw: it won't send it again.
var errLost = errors.New("messages were lost on the way")

// run takes legs until one is the last, or none gets further for a while.
func (w *walker) run(ctx context.Context) error {
	var stuck trouble // from when the first of the legs began that got nowhere; zero: the last one did
	for w.next <= w.last {
		before, begun := w.next, time.Now()
		over, err := w.leg(ctx)
		switch {
		case over:
			return err
		case w.next > before:
			stuck = trouble{}
		case stuck.begun.IsZero():
			stuck.begun = begun
		case stuck.tooLong(w.bus):
			return readError(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// leg reads from one consumer until the walk is over or the consumer fails us; err is then why.
func (w *walker) leg(ctx context.Context) (over bool, err error) {
	consumer, err := w.bus.pass(ctx, w.stream, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: w.next, FilterSubjects: w.walk.Subjects, HeadersOnly: w.walk.NoBody,
	})
	if err != nil {
		return false, err
	}
	defer drop(ctx, w.stream, consumer)
	if consumer.CachedInfo().NumPending == 0 {
		return true, nil
	}
	var wait patience
	for seen := uint64(0); ; {
		batch, err := consumer.FetchNoWait(walkBatch)
		if err != nil {
			return false, err
		}
		got, over, err := w.take(batch, seen)
		if over || err != nil {
			return over, err
		}
		seen += got
		if err := ctx.Err(); err != nil {
			return true, err
		}
		if got > 0 || seen == 0 && wait.again(ctx, batch.Error()) {
			continue
		}
		if err := batch.Error(); err != nil {
			return false, err
		}
		return w.ended(ctx, consumer, seen)
	}
}

// take visits a batch of a consumer that has sent seen messages before it.
func (w *walker) take(batch jetstream.MessageBatch, seen uint64) (got uint64, over bool, err error) {
	for m := range batch.Messages() {
		about, err := m.Metadata()
		if err != nil {
			return got, false, err
		}
		if got++; about.Sequence.Consumer != seen+got {
			return got, false, errLost
		}
		if about.Sequence.Stream > w.last {
			return got, true, nil
		}
		more, err := w.visit(relay.Received{
			Message: decode(m.Subject(), m.Headers(), m.Data()), Stream: w.walk.Stream, Sequence: about.Sequence.Stream, Stored: about.Timestamp,
		})
		w.next = about.Sequence.Stream + 1
		if err != nil || !more || w.next > w.last {
			return got, true, err
		}
	}
	return got, false, nil
}

// ended asks whether a consumer that sends nothing more has nothing more: what it sent may have been lost, or come too late.
func (w *walker) ended(ctx context.Context, consumer jetstream.Consumer, seen uint64) (over bool, err error) {
	info, err := patiently(ctx, w.bus, consumer.Info)
	if err != nil {
		return false, err
	}
	if info.NumPending > 0 || info.Delivered.Consumer != seen {
		return false, errLost
	}
	return true, nil
}

// pass makes a passing consumer in the server's memory; the server forgets it by itself should we die.
func (b *Bus) pass(ctx context.Context, stream jetstream.Stream, config jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	config.AckPolicy = jetstream.AckNonePolicy
	config.MemoryStorage = true
	config.Replicas = 1
	config.InactiveThreshold = time.Minute
	return patiently(ctx, b, func(ctx context.Context) (jetstream.Consumer, error) { return stream.CreateConsumer(ctx, config) })
}

// dropWait bounds the wait for the server's word that a passing consumer is gone.
const dropWait = time.Second

func drop(ctx context.Context, stream jetstream.Stream, consumer jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropWait)
	defer cancel()
	_ = stream.DeleteConsumer(ctx, consumer.CachedInfo().Name)
}
