package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/edrelay/edrelay/internal/relay"
)

// acker settles one message of a consumer. It keeps no more of the message than where to send the word.
type acker struct {
	bus   *Bus
	reply string
}

// Ack tells the server that the message is done with and waits for its word.
func (a acker) Ack(ctx context.Context) error {
	return a.bus.ackReply(ctx, a.reply)
}

// Again has the message handed out once more after the delay.
func (a acker) Again(_ context.Context, delay time.Duration) error {
	word := wordAgain
	if delay > 0 {
		word = fmt.Appendf(nil, `%s {"delay": %d}`, wordAgain, delay.Nanoseconds())
	}
	return a.bus.conn.Publish(a.reply, word)
}

// Working resets the time after which the message is handed out again.
func (a acker) Working(context.Context) error { return a.bus.conn.Publish(a.reply, wordWorking) }

// The words that settle a message. The server ignores those about one that is settled already.
var (
	wordDone    = []byte("+ACK")
	wordAgain   = []byte("-NAK")
	wordWorking = []byte("+WPI")
)

func (b *Bus) ackReply(ctx context.Context, reply string) error {
	ctx, cancel := context.WithTimeout(ctx, b.config.PublishTimeout)
	defer cancel()
	lost := b.epoch.now()
	q, err := b.replies.ask(&nats.Msg{Subject: reply, Data: wordDone})
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
		if err := b.conn.Publish(a.reply, wordDone); err != nil {
			return fmt.Errorf("acknowledge: %w", err)
		}
	}
	return nil
}
