package notifier

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/relay"
)

// Log is what the notifier needs of the event log.
type Log interface {
	// Reader makes the durable consumer, or changes it to the configuration, and reads from it.
	Reader(context.Context, relay.ConsumerConfig) (relay.Reader, error)
	// AckAll settles messages of one consumer.
	AckAll(context.Context, []relay.Acker) error
	// Message reads one message back; relay.ErrNotFound when it is gone.
	Message(ctx context.Context, stream string, sequence uint64) (relay.Received, error)
	Publish(context.Context, relay.Message) (relay.Receipt, error)
	// Reach fails while the log is away.
	Reach(context.Context) error
}

// Ledger is what the notifier keeps of its work.
type Ledger interface {
	Subscribers(context.Context) ([]relay.Subscriber, error)
	SubscriptionVersion(context.Context) (int64, error)
	SetBreaker(ctx context.Context, subscription int64, breaker relay.Breaker) error
	SetHealth(ctx context.Context, subscription int64, health relay.Health) error
	DisableSubscription(ctx context.Context, subscription int64, reason string) (changed bool, err error)

	BeatNotifier(ctx context.Context, process string, seen int64, grace time.Duration) (alive []string, err error)
	ForgetNotifier(ctx context.Context, process string) error

	// RecordOutcomes writes what attempts came to. Softly: it need not survive the loss of the ledger's machine.
	RecordOutcomes(ctx context.Context, outcomes []*relay.Outcome, softly bool) error
	Standing(context.Context, relay.DeliveryKey) (relay.DeliveryState, *relay.Due, error)
	ClaimRetries(ctx context.Context, subscription int64, most int, ahead, lease time.Duration) ([]relay.Due, error)
	NextRetries(context.Context) (map[int64]time.Time, error)
	ReleaseRetry(context.Context, relay.DeliveryKey) error
	// ErasedMessage tells of a message that was erased because its learner was forgotten; relay.ErrNotFound otherwise.
	ErasedMessage(ctx context.Context, stream string, sequence uint64) (relay.ErasedMessage, error)
}

// Client makes the outgoing calls; it is the guarded one.
type Client interface {
	Do(context.Context, egress.Request) (*egress.Answer, error)
}

// Encoder writes an event in the format of a subscription. An error means that this event can't be written so.
type Encoder interface {
	Encode(relay.Format, relay.Message) (contentType string, body []byte, err error)
}
