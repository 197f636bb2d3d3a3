package enroller

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/lms"
)

// Webhooks reads the log of webhooks.
type Webhooks interface {
	// Fetch waits for at least one message and gives at most max.
	Fetch(ctx context.Context, max int) ([]relay.Received, error)
}

// Reader interprets a webhook of the log by its source's kind.
type Reader func(relay.Message) (relay.Order, error)

// Publisher makes messages durable on the log.
type Publisher interface {
	PublishBatch(ctx context.Context, messages []relay.Message) ([]relay.Receipt, error)
}

// Sender sends outside the log, to a sender of webhooks that waits.
type Sender interface {
	Send(ctx context.Context, subject string, m relay.Message) error
}

// Ledger holds orders and enrolments.
type Ledger interface {
	Orders
	Work
	Budget
	Courses
	RecordWebhooks(context.Context, []relay.Webhook) error
	DrainOutbox(ctx context.Context, limit int, publish func(context.Context, []relay.Message) (int, error)) (int, error)
	ReportStatus(context.Context, relay.EnrollerStatus) error
	ForgetStatus(ctx context.Context, instance string) error
	CountEnrollments(context.Context) (map[relay.EnrollmentState]int, error)
}

// Orders is what updates of orders are recorded in.
type Orders interface {
	ChangeOrders(ctx context.Context, keys []relay.OrderKey, change func(map[relay.OrderKey]*relay.OrderRecord) ([]relay.Webhook, error)) error
	WorkOfOrder(context.Context, relay.OrderKey) ([]*relay.Work, error)
}

// Work is what is worked off.
type Work interface {
	DueGroups(ctx context.Context, now time.Time, limit int) ([]relay.WorkGroup, error)
	Claim(ctx context.Context, owner string, group relay.WorkGroup, now, until time.Time, limit int) ([]*relay.Work, error)
	RenewLeases(ctx context.Context, owner string, ids []int64, until time.Time) error
	Leased(ctx context.Context, owner string, ids []int64, now time.Time) (map[int64]bool, error)
	Settle(ctx context.Context, owner string, ids []int64, settle func([]*relay.Work) []relay.Attempt) error
	HandOver(context.Context, []*relay.Work) (map[int64]bool, error)
}

// Budget is the call budget that all enroller processes share.
type Budget interface {
	Admit(ctx context.Context, perMinute, reserve int) (relay.Gate, error)
	Block(ctx context.Context, wait time.Duration) error
}

// Courses is what is known of SKUs.
type Courses interface {
	KnownSKUs(ctx context.Context, skus []string, fresh time.Time) (map[string]relay.SKU, error)
	WantSKUs(ctx context.Context, skus []string, now time.Time) error
	ClaimSKUs(ctx context.Context, now, again time.Time, limit int) ([]relay.SKU, error)
	AnswerSKU(context.Context, relay.SKU) error
	PostponeSKU(ctx context.Context, sku, reason string, again time.Time) error
	// OrdersToResolve gives orders with an enrolment whose SKU was answered meanwhile.
	OrdersToResolve(ctx context.Context, limit int) ([]relay.OrderKey, error)
}

// LMS is the Open edX site.
type LMS interface {
	Enroll(context.Context, lms.Bulk) lms.Verdict
	Probe(context.Context) lms.Verdict
	Account(ctx context.Context, email string) (lms.Account, lms.Verdict)
	Course(ctx context.Context, key string) (bool, lms.Verdict)
	Enrollments(ctx context.Context, course string, emails []string, cursor string) (lms.Listed, lms.Verdict)
	LookUp(ctx context.Context, sku string) (relay.SKU, lms.Verdict)
}
