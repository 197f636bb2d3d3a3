package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

// acker settles one message of a consumer.
type acker struct {
	bus     *Bus
	message jetstream.Msg
}

// Ack tells the server that the message is done with and waits for its word.
func (a acker) Ack(ctx context.Context) error {
	return a.bus.ackReply(ctx, a.message.Reply())
}

// Again has the message handed out once more after the delay.
func (a acker) Again(_ context.Context, delay time.Duration) error {
	return again(a.message.NakWithDelay(delay))
}

// Working resets the time after which the message is handed out again.
func (a acker) Working(context.Context) error { return again(a.message.InProgress()) }

func again(err error) error {
	if errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		return nil
	}
	return err
}

var ackBody = []byte("+ACK")

func (b *Bus) ackReply(ctx context.Context, reply string) error {
	ctx, cancel := context.WithTimeout(ctx, b.config.PublishTimeout)
	defer cancel()
	lost := b.epoch.now()
	q, err := b.replies.ask(&nats.Msg{Subject: reply, Data: ackBody})
	if err == nil {
		_, err = q.answer(ctx, lost)
	}
	if err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}

// AckAll acknowledges many messages of one consumer with one wait: the server takes acknowledgements of a
// connection in order, so its word on the last one holds for all. On an error each of them may be handed out again.
func (b *Bus) AckAll(ctx context.Context, replies []relay.Acker) error {
	for i, reply := range replies {
		a, ok := reply.(acker)
		if !ok {
			return errors.New("acknowledge: the message is not from a consumer")
		}
		if i == len(replies)-1 {
			return a.Ack(ctx)
		}
		if err := b.conn.Publish(a.message.Reply(), ackBody); err != nil {
			return fmt.Errorf("acknowledge: %w", err)
		}
	}
	return nil
}
