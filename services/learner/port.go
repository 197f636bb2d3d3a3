package learner

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// Log is the streams, or the mirror of one.
type Log interface {
	// Walk reads forwards until visit says false.
	Walk(ctx context.Context, walk relay.LogWalk, visit func(relay.Received) (more bool, err error)) error
	// LastSequence gives the sequence of the newest message that a stream has taken.
	LastSequence(ctx context.Context, stream string) (uint64, error)
	// Message gives one message; relay.ErrNotFound when it is gone.
	Message(ctx context.Context, stream string, sequence uint64) (relay.Received, error)
	// Delete takes one message and its bytes out of the stream's files; one that is gone already is no error.
	Delete(ctx context.Context, stream string, sequence uint64) error
	// ConsumerInfo gives how a durable consumer stands; relay.ErrNotFound when there is none.
	ConsumerInfo(ctx context.Context, stream, durable string) (relay.ConsumerInfo, error)
}

// Mirror is the copy of EVENTS that a NATS user reads from.
type Mirror struct {
	Reader string
	Feed   string // consumer of EVENTS that fills it
	Log    Log
	Close  func()
}

// Ledger is where a learner may stand in Postgres. Addresses and words are in lower case.
type Ledger interface {
	Reading
	Erasing
	Records
}

// Reading finds.
type Reading interface {
	OrdersOfLearner(ctx context.Context, learner string) ([]relay.OrderKey, error)
	// OrdersNaming gives all orders whose newest state holds says yes to; it is asked where word stands.
	OrdersNaming(ctx context.Context, word string, holds func(string) bool) ([]relay.OrderKey, error)
	// OrdersOfWebhooks gives the orders that webhooks were about.
	OrdersOfWebhooks(ctx context.Context, sequences []uint64, since time.Time) ([]relay.OrderKey, error)
	Enrollments(context.Context, relay.EnrollmentQuery) ([]relay.Enrollment, error)
	// Person gives one of the roster; relay.ErrNotFound when there is none.
	Person(ctx context.Context, email string) (relay.Person, error)
	Roster(context.Context, relay.RosterQuery) ([]relay.RosterEntry, error)
	PendingOf(ctx context.Context, email string) ([]relay.RosterPending, error)
	ReplaysNaming(ctx context.Context, learner string) ([]string, error)
	WebhookStates(ctx context.Context, sequences []uint64, since time.Time) (map[uint64]relay.WebhookState, error)
	// CountDeliveriesOf counts the deliveries of events by subscription and state.
	CountDeliveriesOf(ctx context.Context, events []relay.Due) (map[string]map[relay.DeliveryState]int, error)
	// SearchTexts counts the rows in whose free texts the address stands; word narrows down where holds is asked.
	SearchTexts(ctx context.Context, word string, holds func(string) bool) (int, error)
	// SearchOutbox counts the events not yet on the log that hold it.
	SearchOutbox(ctx context.Context, holds func([]byte) bool) (int, error)
}

// Erasing takes out.
type Erasing interface {
	// IgnoreErasedWebhooks ends the wait of parked webhooks.
	IgnoreErasedWebhooks(ctx context.Context, sequences []uint64, since time.Time, reason string) error
	// EndErasedDeliveries parks what waits to deliver the events and blanks what subscribers answered; it says how many
	// deliveries there were.
	EndErasedDeliveries(ctx context.Context, events []relay.Due, reason string) (int, error)
	// ParkUntried accounts for events that a subscription was still to be given.
	ParkUntried(ctx context.Context, subscription int64, events []relay.Due, reason string) error
	ForgetPerson(ctx context.Context, email string) (int, error)
	ForgetReplays(ctx context.Context, learner, as, reason string) (int, error)
	ForgetOutbox(ctx context.Context, holds func([]byte) bool) (int, error)
	// ForgetTexts rewrites the free texts in whose rows holds finds the address.
	ForgetTexts(ctx context.Context, word string, holds func(string) bool, scrub func(string) string) (int, error)
	// Vacuum has Postgres let go of the space of rows that were changed.
	Vacuum(context.Context) error
	// Rewrite writes the tables anew, each locked meanwhile, so that not even dead bytes are left in their files; left are
	// those that were busy all the time.
	Rewrite(context.Context) (left []string, err error)
}

// Records keeps what was erased.
type Records interface {
	// BeginErasure keeps a new one; relay.CodeConflict while one of the same learner runs whose process lives.
	BeginErasure(ctx context.Context, e relay.Erasure, stale time.Duration) error
	SaveErasure(context.Context, relay.Erasure) error
	Erasure(ctx context.Context, id string) (relay.Erasure, error)
	Erasures(ctx context.Context, page relay.Page, learner string) ([]relay.Erasure, error)
	// ErasureKey gives what addresses are hashed with in this ledger.
	ErasureKey(context.Context) ([]byte, error)
	MarkErased(ctx context.Context, erasure, stream string, messages []relay.Due) error
	RecordAudit(context.Context, relay.AuditEntry) error
}

// Orders takes a learner out of orders and enrolments.
type Orders interface {
	ForgetOrders(ctx context.Context, learner, as string, keys []relay.OrderKey) (orders, enrollments int, err error)
	// MarkOrders has later updates of orders leave the learner out, whether the orders name the learner now or not.
	MarkOrders(ctx context.Context, learner, as string, keys []relay.OrderKey) error
}
