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

// Subscription is a URL that wants some events, as operators see it. Names of fields are those of the declaration.
type Subscription struct {
	Name        string            `json:"name"`
	URL         string            `json:"url"`
	Events      []string          `json:"events"` // exact types, or prefixes ending in "*"
	Format      Format            `json:"format"`
	Secrets     []string          `json:"secrets"` // masked, but in the one answer that hands a new one out
	Headers     map[string]string `json:"headers"`
	Timeout     Duration          `json:"timeout"`
	MaxInFlight int               `json:"max_in_flight"`
	Rate        float64           `json:"rate"` // deliveries a second; 0 = no limit
	Ordered     bool              `json:"ordered"`
	Retry       []Duration        `json:"retry"` // n waits are n+1 attempts
	Enabled     bool              `json:"enabled"`
	Description string            `json:"description"`
	State       SubscriptionState `json:"state"`
	Backlog     uint64            `json:"backlog"`                 // events not tried yet
	Reason      string            `json:"reason"`                  // why it is failing or disabled; "" otherwise
	NextProbeAt *time.Time        `json:"next_probe_at,omitempty"` // most attempts fail, so one delivery at a time is tried, the next one then
	CreatedAt   time.Time         `json:"created_at"`
}

// Subscriber is a subscription with all that the notifier keeps of it. Secrets are plain text in memory only.
type Subscriber struct {
	Subscription
	ID            int64     // 0 for a new one
	Consumer      string    // name of its durable consumer; not to be guessed
	StartSequence uint64    // of EVENTS, the first that it may get
	EventsSince   uint64    // sequence from which Events have been as they are
	Paused        bool      // by an operator
	Disabled      bool      // by edrelay, until resumed
	Declared      []byte    // digest of the secrets as last declared; nil when they were left out
	Previous      []Retired // secrets that were rotated out and still sign
	Health        Health
	Breaker       Breaker
	Version       int64 // grows with every change of any subscription
}

// SubscriptionChange is what one order changes together: all of it or nothing.
type SubscriptionChange struct {
	Write  []*Subscriber // new ones have ID 0
	Remove []int64
}

// Applied is what applying a file of subscriptions did, or would do.
type Applied struct {
	Changes []Change          `json:"changes"`
	Secrets map[string]string `json:"secrets"` // made for new subscriptions, by name; readable this once
}

// Retired is a secret that signs beside the new one until its grace time ends.
type Retired struct {
	Secret string    `json:"secret"`
	Until  time.Time `json:"until"`
}

// Health is how a subscription's URL has answered lately.
type Health struct {
	Failures     int       // attempts that failed since the last one that succeeded
	FailingSince time.Time // the first of them; zero when Failures is 0
	Announced    int       // percent of the way to disabling that was last announced
	Reason       string    // of the last failure
}

// Breaker is the breaker of a subscription as other notifiers need to know it; the zero value is closed.
type Breaker struct {
	Until time.Time     // of the next probe
	Wait  time.Duration // between the last one and that
}

// Event types of the subscriptions' health.
const (
	EventSubscriptionFailing   = "io.edrelay.subscription.failing.v1"
	EventSubscriptionDisabled  = "io.edrelay.subscription.disabled.v1"
	EventSubscriptionRecovered = "io.edrelay.subscription.recovered.v1"
)
