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
// end. The error of visit is given back as it is; others as Message.
func (b *Bus) Walk(ctx context.Context, walk relay.LogWalk, visit func(relay.Received) (more bool, err error)) error {
	handle, err := b.js.Stream(ctx, walk.Stream)
	if err != nil {
		return readError(err)
	}
	state := handle.CachedInfo().State
	last := state.LastSeq
	if walk.To > 0 {
		last = min(last, walk.To)
	}
	from := max(walk.From, state.FirstSeq, 1)
	if state.Msgs == 0 || from > last {
		return nil
	}
	consumer, err := handle.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, FilterSubjects: walk.Subjects,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, HeadersOnly: walk.NoBody, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return readError(err)
	}
	defer func() { _ = handle.DeleteConsumer(context.WithoutCancel(ctx), consumer.CachedInfo().Name) }()
	return walkConsumer(ctx, consumer, walk.Stream, last, visit)
}

func walkConsumer(
	ctx context.Context, consumer jetstream.Consumer, stream string, last uint64, visit func(relay.Received) (bool, error),
) error {
	var wait patience
	for left := consumer.CachedInfo().NumPending; left > 0; {
		batch, err := consumer.FetchNoWait(walkBatch)
		if err != nil {
			return readError(err)
		}
		got := uint64(0)
		for m := range batch.Messages() {
			got++
			about, err := m.Metadata()
			if err != nil {
				return readError(err)
			}
			if about.Sequence.Stream > last {
				return nil
			}
			more, err := visit(relay.Received{
				Message: decode(m.Subject(), m.Headers(), m.Data()), Stream: stream, Sequence: about.Sequence.Stream, Stored: about.Timestamp,
			})
			if err != nil || !more {
				return err
			}
		}
		if wait.again(ctx, batch.Error(), int(got)) {
			continue
		}
		if err := batch.Error(); err != nil && !errors.Is(err, jetstream.ErrNoMessages) {
			return readError(err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if got == 0 {
			return nil
		}
		left -= min(left, got)
	}
	return nil
}
