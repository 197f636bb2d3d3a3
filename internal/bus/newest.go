package bus

import (
	"context"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

// Newest reads the newest messages of a stream that q chooses, newest first. JetStream reads forwards only, so the
// place to start is found first: the server counts what a passing consumer would see from there. Errors as Message.
func (b *Bus) Newest(ctx context.Context, q relay.LogQuery) ([]relay.Received, error) {
	handle, err := patiently(ctx, b, b.streamNamed(q.Stream))
	if err != nil {
		return nil, readError(err)
	}
	state := handle.CachedInfo().State
	if state.Msgs == 0 || q.Limit <= 0 || q.Before == 1 {
		return nil, nil
	}
	back := &backwards{bus: b, stream: handle, query: q, first: state.FirstSeq, end: state.LastSeq + 1}
	return back.read(ctx)
}

// backwards finds the place from which a forward read gives the newest messages before the end.
type backwards struct {
	bus        *Bus
	stream     jetstream.Stream
	query      relay.LogQuery
	first, end uint64 // sequences: the oldest there is, and the first that is too new
	after      uint64 // how many matching messages are at or behind end
}

func (r *backwards) read(ctx context.Context) ([]relay.Received, error) {
	if err := r.findEnd(ctx); err != nil {
		return nil, readError(err)
	}
	if r.end <= r.first {
		return nil, nil
	}
	start, err := r.findStart(ctx)
	if err != nil {
		return nil, readError(err)
	}
	return r.walk(ctx, start)
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
		r.end = min(r.end, at.Delivered.Stream+1)
	}
	var err error
	r.after, err = r.pending(ctx, r.end)
	return err
}

// findStart gives a sequence from which there are no fewer than Limit messages before the end, or all. It steps back in
// doubling strides, then halves the last stride while it holds far too many.
func (r *backwards) findStart(ctx context.Context) (uint64, error) {
	limit := uint64(r.query.Limit)
	near := r.end // too few from here
	for stride := limit; ; stride *= 2 {
		start := r.first
		if r.end > r.first+stride {
			start = r.end - stride
		}
		count, err := r.count(ctx, start)
		if err != nil {
			return 0, err
		}
		if count >= limit || start == r.first {
			return r.narrow(ctx, count, start, near)
		}
		near = start
	}
}

func (r *backwards) narrow(ctx context.Context, count, far, near uint64) (uint64, error) {
	limit := uint64(r.query.Limit)
	for count > 4*limit+64 && near-far > 1 {
		middle := far + (near-far)/2
		n, err := r.count(ctx, middle)
		if err != nil {
			return 0, err
		}
		if n < limit {
			near = middle
			continue
		}
		count, far = n, middle
	}
	return far, nil
}

// count tells how many messages there are from start to the end.
func (r *backwards) count(ctx context.Context, start uint64) (uint64, error) {
	pending, err := r.pending(ctx, start)
	return pending - min(r.after, pending), err
}

// pending tells how many messages match at or behind a sequence.
func (r *backwards) pending(ctx context.Context, sequence uint64) (uint64, error) {
	at, err := r.look(ctx, jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: sequence})
	if err != nil {
		return 0, err
	}
	return at.NumPending, nil
}

// look says how a passing consumer would stand that starts as config says.
func (r *backwards) look(ctx context.Context, config jetstream.ConsumerConfig) (*jetstream.ConsumerInfo, error) {
	config.FilterSubjects = r.query.Subjects
	consumer, err := r.bus.pass(ctx, r.stream, config)
	if err != nil {
		return nil, err
	}
	drop(ctx, r.stream, consumer)
	return consumer.CachedInfo(), nil
}

// walk reads from start to the end and keeps the newest Limit, newest first. Messages that went meanwhile are missed.
func (r *backwards) walk(ctx context.Context, start uint64) ([]relay.Received, error) {
	var found []relay.Received
	way := relay.LogWalk{Stream: r.query.Stream, Subjects: r.query.Subjects, NoBody: r.query.NoBody}
	w := &walker{bus: r.bus, stream: r.stream, walk: way, next: start, last: r.end - 1, visit: func(m relay.Received) (bool, error) {
		if !m.Stored.Before(r.query.Since) {
			found = append(found, m)
		}
		return true, nil
	}}
	if err := w.run(ctx); err != nil {
		return nil, err
	}
	slices.Reverse(found)
	return found[:min(len(found), r.query.Limit)], nil
}

// LastSequence gives the sequence of the newest message that a stream has taken; 0 for none. Errors as Message.
func (b *Bus) LastSequence(ctx context.Context, stream string) (uint64, error) {
	info, err := b.Stream(ctx, stream)
	return info.Last, err
}
