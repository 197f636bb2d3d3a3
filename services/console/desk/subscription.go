package desk

import (
	"context"
	"encoding/json"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// Subscriptions are the URLs that want events. Declarations are JSON objects with the names of the declaration file;
// changes are in force when a method returns; secrets in rows are masked but for those just made.
type Subscriptions interface {
	Subscriptions(context.Context) ([]relay.Subscription, error) // newest first
	Subscription(ctx context.Context, name string) (relay.Subscription, error)
	AddSubscription(ctx context.Context, declaration json.RawMessage) (relay.Subscription, error)
	EditSubscription(ctx context.Context, name string, change json.RawMessage) (relay.Subscription, error)
	PauseSubscription(ctx context.Context, name string) (relay.Subscription, error)
	ResumeSubscription(ctx context.Context, name string) (relay.Subscription, error)
	RemoveSubscription(ctx context.Context, name string) error
	// RotateSecret makes a new secret; the old ones sign beside it for the grace time, 0 is the default one.
	RotateSecret(ctx context.Context, name string, grace time.Duration) (relay.Subscription, error)
	// ApplySubscriptions makes the declarations so, all or none, and says what changed, or would with dryRun.
	ApplySubscriptions(ctx context.Context, declarations []json.RawMessage, dryRun, prune bool) (relay.Applied, error)
	// TestSubscription posts a sample event of a type; "" chooses one that fits.
	TestSubscription(ctx context.Context, name, eventType string) (relay.SubscriptionTest, error)
}

// Deliveries are what became of events for subscriptions.
type Deliveries interface {
	Deliveries(context.Context, relay.DeliveryQuery) ([]relay.Delivery, error)
	Delivery(ctx context.Context, id string) (relay.DeliveryDetail, error)
	// RetryDelivery makes a delivery due now.
	RetryDelivery(ctx context.Context, id string) (relay.DeliveryDetail, error)
}
