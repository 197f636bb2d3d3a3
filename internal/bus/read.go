package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

// Message reads one message back by its sequence. Errors: relay.ErrNotFound when it is gone (retention, deletion)
// or never was; relay.CodeUnavailable when the log does not answer.
func (b *Bus) Message(ctx context.Context, stream string, sequence uint64) (relay.Received, error) {
	handle, err := b.stream(ctx, stream)
	if err != nil {
		return relay.Received{}, err
	}
	return b.read(ctx, stream, ask{Sequence: sequence}, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return handle.GetMsg(ctx, sequence)
	})
}

// LastMessage reads the newest message of a subject, wildcards allowed. Errors as Message.
func (b *Bus) LastMessage(ctx context.Context, stream, subject string) (relay.Received, error) {
	handle, err := b.stream(ctx, stream)
	if err != nil {
		return relay.Received{}, err
	}
	return b.read(ctx, stream, ask{Last: subject}, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return handle.GetLastMsgForSubject(ctx, subject)
	})
}

// NextMessage reads the first message at or after the sequence whose subject matches. Errors as Message.
func (b *Bus) NextMessage(ctx context.Context, stream string, sequence uint64, subject string) (relay.Received, error) {
	handle, err := b.stream(ctx, stream)
	if err != nil {
		return relay.Received{}, err
	}
	return b.read(ctx, stream, ask{Sequence: sequence, Next: subject}, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return handle.GetMsg(ctx, sequence, jetstream.WithGetMsgSubject(subject))
	})
}

func (b *Bus) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	if known, ok := b.streamHandles.Load(name); ok {
		return known.(jetstream.Stream), nil
	}
	handle, err := patiently(ctx, b, b.streamNamed(name))
	if err != nil {
		return nil, readError(err)
	}
	b.streamHandles.Store(name, handle)
	return handle, nil
}

func (b *Bus) streamNamed(name string) func(context.Context) (jetstream.Stream, error) {
	return func(ctx context.Context) (jetstream.Stream, error) { return b.js.Stream(ctx, name) }
}

func received(raw *jetstream.RawStreamMsg, err error) (relay.Received, error) {
	if err != nil {
		return relay.Received{}, readError(err)
	}
	return relay.Received{Message: decode(raw.Subject, raw.Header, raw.Data), Stream: StreamOf(raw.Subject),
		Sequence: raw.Sequence, Stored: raw.Time}, nil
}

func readError(err error) error {
	if errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) ||
		errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("%w: %w", relay.ErrNotFound, err)
	}
	return unavailable("The log can't be read.", err)
}

// Delete removes one message and writes its block anew, so that its bytes are in no file of the stream. A message that is
// gone already is no error.
func (b *Bus) Delete(ctx context.Context, stream string, sequence uint64) error {
	handle, err := b.stream(ctx, stream)
	if err != nil {
		return err
	}
	if err := handle.SecureDeleteMsg(ctx, sequence); err != nil && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) &&
		!errors.Is(err, jetstream.ErrMsgNotFound) {
		return readError(err)
	}
	return nil
}

// StreamInfo is how a stream stands.
type StreamInfo struct {
	Name          string
	Messages      uint64
	Bytes         uint64
	First, Last   uint64 // sequences; First is Last+1 when it is empty
	Created       time.Time
	FirstAt       time.Time
	LastAt        time.Time
	Consumers     int
	Replicas      int
	MaxAge        time.Duration
	MaxBytes      uint64        // 0: no limit
	Ahead         time.Duration // how far this machine's clock is ahead of the server's, negative when it is behind
	AtomicPublish bool
}

// Stream gives how a stream stands.
func (b *Bus) Stream(ctx context.Context, name string) (StreamInfo, error) {
	var asked time.Time
	handle, err := patiently(ctx, b, func(ctx context.Context) (jetstream.Stream, error) {
		asked = time.Now()
		return b.js.Stream(ctx, name)
	})
	if err != nil {
		return StreamInfo{}, readError(err)
	}
	info := handle.CachedInfo()
	heard := asked.Add(time.Since(asked) / 2)
	return StreamInfo{Name: name, Created: info.Created, Messages: info.State.Msgs, Bytes: info.State.Bytes, First: info.State.FirstSeq,
		Last: info.State.LastSeq, FirstAt: info.State.FirstTime, LastAt: info.State.LastTime,
		Consumers: info.State.Consumers, Replicas: info.Config.Replicas, MaxAge: info.Config.MaxAge,
		MaxBytes: uint64(max(0, info.Config.MaxBytes)), Ahead: heard.Round(0).Sub(info.TimeStamp),
		AtomicPublish: info.Config.AllowAtomicPublish}, nil
}

// Subjects counts the messages of each subject that matches the filter (">" for all).
func (b *Bus) Subjects(ctx context.Context, stream, filter string) (map[string]uint64, error) {
	handle, err := patiently(ctx, b, b.streamNamed(stream))
	if err != nil {
		return nil, readError(err)
	}
	info, err := patiently(ctx, b, func(ctx context.Context) (*jetstream.StreamInfo, error) {
		return handle.Info(ctx, jetstream.WithSubjectFilter(filter))
	})
	if err != nil {
		return nil, readError(err)
	}
	return info.State.Subjects, nil
}

// ConsumerInfo gives how a durable consumer stands; relay.ErrNotFound when there is none.
func (b *Bus) ConsumerInfo(ctx context.Context, stream, durable string) (ConsumerInfo, error) {
	consumer, err := patiently(ctx, b, func(ctx context.Context) (jetstream.Consumer, error) { return b.js.Consumer(ctx, stream, durable) })
	if errors.Is(err, jetstream.ErrNotPullConsumer) { // the feed of a mirror
		pushed, err := patiently(ctx, b, func(ctx context.Context) (jetstream.PushConsumer, error) {
			return b.js.PushConsumer(ctx, stream, durable)
		})
		if err != nil {
			return ConsumerInfo{}, readError(err)
		}
		return consumerInfo(pushed.CachedInfo()), nil
	}
	if err != nil {
		return ConsumerInfo{}, readError(err)
	}
	return consumerInfo(consumer.CachedInfo()), nil
}

// Consumers lists the consumers of a stream.
func (b *Bus) Consumers(ctx context.Context, stream string) ([]ConsumerInfo, error) {
	handle, err := b.stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	found, err := patiently(ctx, b, listConsumers(handle))
	if err != nil {
		return nil, readError(err)
	}
	infos := make([]ConsumerInfo, 0, len(found))
	for _, info := range found {
		infos = append(infos, consumerInfo(info))
	}
	return infos, nil
}

func listConsumers(stream jetstream.Stream) func(context.Context) ([]*jetstream.ConsumerInfo, error) {
	return func(ctx context.Context) (all []*jetstream.ConsumerInfo, err error) {
		list := stream.ListConsumers(ctx)
		for info := range list.Info() {
			all = append(all, info)
		}
		return all, list.Err()
	}
}

func consumerInfo(info *jetstream.ConsumerInfo) ConsumerInfo {
	return ConsumerInfo{Stream: info.Stream, Name: info.Name, Description: info.Config.Description, Pending: info.NumPending, InFlight: info.NumAckPending,
		Delivered: info.Delivered.Stream, AckFloor: info.AckFloor.Stream, Subjects: info.Config.FilterSubjects,
		Metadata: info.Config.Metadata, Created: info.Created}
}

// DeleteConsumer removes a durable consumer and its position. One that is gone already is no error.
func (b *Bus) DeleteConsumer(ctx context.Context, stream, durable string) error {
	_, err := patiently(ctx, b, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, b.js.DeleteConsumer(ctx, stream, durable)
	})
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return readError(err)
	}
	return nil
}
