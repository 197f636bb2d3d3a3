package bus

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

// Newest reads the newest messages of a stream that q chooses, newest first. JetStream reads forwards only, so the
// place to start is found first: the server counts what a passing consumer would see from there. Errors as Message.
func (b *Bus) Newest(ctx context.Context, q relay.LogQuery) ([]relay.Received, error) {
	handle, err := b.js.Stream(ctx, q.Stream)
	if err != nil {
		return nil, readError(err)
	}
	state := handle.CachedInfo().State
	if state.Msgs == 0 || q.Limit <= 0 || q.Before == 1 {
		return nil, nil
	}
	back := &backwards{stream: handle, query: q, first: state.FirstSeq, end: state.LastSeq + 1}
	found, err := back.read(ctx)
	if err != nil {
		return nil, readError(err)
	}
	return found, nil
}

// backwards finds the place from which a forward read gives the newest messages before the end.
type backwards struct {
	stream     jetstream.Stream
	query      relay.LogQuery
	first, end uint64 // sequences: the oldest there is, and the first that is too new
	after      uint64 // how many matching messages are at or behind end
}

func (r *backwards) read(ctx context.Context) ([]relay.Received, error) {
	if err := r.findEnd(ctx); err != nil {
		return nil, err
	}
	if r.end <= r.first {
		return nil, nil
	}
	consumer, count, err := r.findStart(ctx)
	if err != nil {
		return nil, err
	}
	defer r.drop(ctx, consumer)
	return r.fetch(ctx, consumer, count)
}

// findEnd settles where the read stops, and how much lies behind it.
func (r *backwards) findEnd(ctx context.Context) error {
	if r.query.Before > 0 {
		r.end = min(r.end, r.query.Before)
	}
	if !r.query.Until.IsZero() {
		until := r.query.Until
		at, err := r.look(ctx, jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &until})
		if err != nil {
			return err
		}
		r.end = min(r.end, at.CachedInfo().Delivered.Stream+1)
		r.drop(ctx, at)
	}
	at, err := r.from(ctx, r.end)
	if err != nil {
		return err
	}
	r.after = at.CachedInfo().NumPending
	r.drop(ctx, at)
	return nil
}

// findStart gives a consumer that starts with no fewer than Limit messages before the end, or with all, and how many
// they are. It steps back in doubling strides, then halves the last stride while it holds far too many.
func (r *backwards) findStart(ctx context.Context) (jetstream.Consumer, int, error) {
	limit := uint64(r.query.Limit)
	near := r.end // too few from here
	for stride := limit; ; stride *= 2 {
		start := r.first
		if r.end > r.first+stride {
			start = r.end - stride
		}
		consumer, count, err := r.count(ctx, start)
		if err != nil {
			return nil, 0, err
		}
		if count >= limit || start == r.first {
			return r.narrow(ctx, consumer, count, start, near)
		}
		near = start
		r.drop(ctx, consumer)
	}
}

func (r *backwards) narrow(ctx context.Context, best jetstream.Consumer, count, far, near uint64) (jetstream.Consumer, int, error) {
	limit := uint64(r.query.Limit)
	for count > 4*limit+64 && near-far > 1 {
		middle := far + (near-far)/2
		consumer, n, err := r.count(ctx, middle)
		if err != nil {
			return best, 0, err
		}
		if n < limit {
			near = middle
			r.drop(ctx, consumer)
			continue
		}
		r.drop(ctx, best)
		best, count, far = consumer, n, middle
	}
	return best, int(count), nil
}

func (r *backwards) count(ctx context.Context, start uint64) (jetstream.Consumer, uint64, error) {
	consumer, err := r.from(ctx, start)
	if err != nil {
		return nil, 0, err
	}
	return consumer, consumer.CachedInfo().NumPending - min(r.after, consumer.CachedInfo().NumPending), nil
}

func (r *backwards) from(ctx context.Context, sequence uint64) (jetstream.Consumer, error) {
	return r.look(ctx, jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: sequence})
}

// look makes a passing consumer in the server's memory; the server forgets it by itself should we die.
func (r *backwards) look(ctx context.Context, config jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	config.FilterSubjects = r.query.Subjects
	config.AckPolicy = jetstream.AckNonePolicy
	config.MemoryStorage = true
	config.Replicas = 1
	config.HeadersOnly = r.query.NoBody
	config.InactiveThreshold = 30 * time.Second
	return r.stream.CreateConsumer(ctx, config)
}

func (r *backwards) drop(ctx context.Context, consumer jetstream.Consumer) {
	if consumer != nil {
		_ = r.stream.DeleteConsumer(context.WithoutCancel(ctx), consumer.CachedInfo().Name)
	}
}

// fetch reads count messages and keeps the newest Limit, newest first. Messages that went meanwhile are missed.
func (r *backwards) fetch(ctx context.Context, consumer jetstream.Consumer, count int) ([]relay.Received, error) {
	var found []relay.Received
	var wait patience
	for left := count; left > 0; {
		batch, err := consumer.FetchNoWait(min(left, 1000))
		if err != nil {
			return nil, err
		}
		got := 0
		for m := range batch.Messages() {
			got++
			if one, ok := r.keep(m); ok {
				found = append(found, one)
			}
		}
		if wait.again(ctx, batch.Error(), got) {
			continue
		}
		if err := batch.Error(); err != nil && !errors.Is(err, jetstream.ErrNoMessages) {
			return nil, err
		}
		if left -= got; got == 0 || ctx.Err() != nil {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	slices.Reverse(found)
	return found[:min(len(found), r.query.Limit)], nil
}

func (r *backwards) keep(m jetstream.Msg) (relay.Received, bool) {
	about, err := m.Metadata()
	if err != nil || about.Sequence.Stream >= r.end || about.Timestamp.Before(r.query.Since) {
		return relay.Received{}, false
	}
	return relay.Received{
		Message: decode(m.Subject(), m.Headers(), m.Data()), Stream: r.query.Stream, Sequence: about.Sequence.Stream,
		Stored: about.Timestamp,
	}, true
}

// LastSequence gives the sequence of the newest message that a stream has taken; 0 for none. Errors as Message.
func (b *Bus) LastSequence(ctx context.Context, stream string) (uint64, error) {
	info, err := b.Stream(ctx, stream)
	return info.Last, err
}
