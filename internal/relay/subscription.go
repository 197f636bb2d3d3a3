package relay

import "time"

// Format is how an event's body looks when it is delivered.
type Format string

// The formats of deliveries and filter calls.
const (
	FormatPluginJSON  Format = "plugin-json" // byte for byte what the openedx-webhooks plugin sends
	FormatPluginForm  Format = "plugin-form"
	FormatCloudEvents Format = "cloudevents" // structured mode
)

// SubscriptionState is how a subscription fares.
type SubscriptionState string

// The states of a subscription.
const (
	SubscriptionActive   SubscriptionState = "active"
	SubscriptionPaused   SubscriptionState = "paused"
	SubscriptionFailing  SubscriptionState = "failing"
	SubscriptionDisabled SubscriptionState = "disabled"
)

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryWaiting   DeliveryState = "waiting"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryParked    DeliveryState = "parked"
)

// Delivery is one event for one subscription, as operators see it.
type Delivery struct {
	ID            string        `json:"id"`
	EventID       string        `json:"event_id"`
	EventType     string        `json:"event_type"`
	Subscription  string        `json:"subscription"`
	State         DeliveryState `json:"state"`
	Attempts      int           `json:"attempts"`
	LastStatus    int           `json:"last_status"`
	LastError     string        `json:"last_error"`
	NextAttemptAt *time.Time    `json:"next_attempt_at"`
}

// Event types of the subscriptions' health.
const (
	EventSubscriptionFailing   = "io.edrelay.subscription.failing.v1"
	EventSubscriptionDisabled  = "io.edrelay.subscription.disabled.v1"
	EventSubscriptionRecovered = "io.edrelay.subscription.recovered.v1"
)
