package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/edrelay/edrelay/internal/relay"
)

// Request asks whoever serves the subject and waits for the answer. Errors: relay.CodeUnavailable when nobody
// serves it or none answers before ctx ends.
func (b *Bus) Request(ctx context.Context, subject string, m relay.Message) (relay.Message, error) {
	m.Subject = subject
	lost := b.epoch.now()
	q, err := b.replies.ask(encode(m))
	if err != nil {
		return relay.Message{}, unavailable("The request can't be sent.", err)
	}
	answer, err := q.answer(ctx, lost)
	if err != nil {
		return relay.Message{}, unavailable("The request was not answered.", err)
	}
	return decode(subject, answer.Header, answer.Data), nil
}

// flushTimeout bounds the wait for the server's word that it knows a subscription.
const flushTimeout = 5 * time.Second

// Serve answers requests on the subject, each in a goroutine of its own; servers of one queue share them. Requests
// made after it returned find it. stop ends the serving and waits for no answer under way.
func (b *Bus) Serve(subject, queue string, answer func(context.Context, relay.Message) relay.Message) (stop func(), err error) {
	ctx, cancel := context.WithCancel(context.Background())
	subscription, err := b.conn.QueueSubscribe(subject, queue, func(request *nats.Msg) {
		go func() {
			reply := encode(answer(ctx, decode(request.Subject, request.Header, request.Data)))
			reply.Subject = request.Reply
			if err := b.conn.PublishMsg(reply); err != nil {
				b.log.Warn("answer not sent", "subject", request.Subject, "error", err)
			}
		}()
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("serve %s: %w", subject, err)
	}
	stop = func() { _ = subscription.Unsubscribe(); cancel() }
	if err := b.conn.FlushTimeout(flushTimeout); err != nil {
		stop()
		return nil, unavailable("The subject can't be served.", err)
	}
	return stop, nil
}

// Send publishes m on a plain subject, outside the log: nobody may hear it. For reply subjects and hints.
func (b *Bus) Send(_ context.Context, subject string, m relay.Message) error {
	m.Subject = subject
	if err := b.conn.PublishMsg(encode(m)); err != nil {
		return unavailable("The message can't be sent.", err)
	}
	return nil
}

// Listener hears the messages of a plain subject, e.g. of a reply subject made with ReplySubject.
type Listener struct {
	subscription *nats.Subscription
}

// ReplySubject gives a subject that nobody else uses, below the inbox prefix.
func (b *Bus) ReplySubject() string { return b.conn.NewInbox() }

// Listen begins to hear a plain subject, so that nothing sent from now on is missed.
func (b *Bus) Listen(subject string) (*Listener, error) {
	subscription, err := b.conn.SubscribeSync(subject)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", subject, err)
	}
	return &Listener{subscription: subscription}, nil
}

// Next waits for a message until ctx ends.
func (l *Listener) Next(ctx context.Context) (relay.Message, error) {
	message, err := l.subscription.NextMsgWithContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return relay.Message{}, err
	}
	if err != nil {
		return relay.Message{}, unavailable("The subject can't be heard.", err)
	}
	return decode(message.Subject, message.Header, message.Data), nil
}

// Stop ends the listening.
func (l *Listener) Stop() { _ = l.subscription.Unsubscribe() }
