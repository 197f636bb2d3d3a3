// Package source says what every sender of webhooks is to the door: how it is told apart, how its requests are
// verified and shaped, what becomes of them on the log, and how its bytes are read as an order later. One folder
// of the same shape beside this file stands for each kind.
package source

import (
	"context"
	"log/slog"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// Kind is one kind of sender. Adding one is a folder and one line in ingress.Kinds.
type Kind struct {
	Name   string
	Routes []Route // fixed paths that all sources of the kind share; any source is also at /webhooks/in/<name>

	// Key gives what a request on a shared path tells its source by (a shop's domain), normalised like Source.Key.
	// nil: each source of the kind is asked in turn, and the first that verifies has it.
	Key func(*Request) (string, error)

	// Settings gives a new pointer to the kind's settings with their defaults, to be shown and decoded into.
	Settings func() any

	// New makes a source of its configuration. Its error names the key that is wrong and never a secret.
	New func(Config) (Source, error)

	// Greet answers a request that carries no proof and changes nothing (WooCommerce's ping); nil: there is none.
	Greet func(*Request) (Answer, bool)

	// Headers are the sender's own that ride along with what is rejected, so that it can be verified again. No
	// header that is itself a secret.
	Headers []string

	// Refuse writes a refusal as this kind's senders know it; nil: the door's own short JSON.
	Refuse func(*Refusal) Answer
}

// Route is a fixed path of a kind, without a trailing slash.
type Route struct {
	Path  string
	Topic string // topic of what comes in here, e.g. "orders/create"; the kind gives it its meaning

	// AnyMethod hands every method to the source instead of answering 405 to all but POST.
	AnyMethod bool

	// Secret takes one more segment behind the path, which stands in Request.Secret and in no log.
	Secret bool
}

// Config is what a source is made of.
type Config struct {
	Name   string
	Decode func(into any) error // decodes the source's own keys, strictly, into a struct with yaml tags
	Ports  Ports                // may be empty where a source only reads orders
}

// Ports are what some kinds need of the rest of edrelay to answer by themselves.
type Ports struct {
	Publish Publisher
	Ask     Asker
	Tokens  Tokens
	Roster  Roster
	Now     func() time.Time
	Log     *slog.Logger
}

// Publisher makes a message durable.
type Publisher interface {
	Publish(ctx context.Context, m relay.Message) (relay.Receipt, error)
}

// Asker asks another service over the log's request-reply and waits for its answer until ctx is done.
type Asker interface {
	Request(ctx context.Context, subject string, m relay.Message) (relay.Message, error)
}

// Source is one configured sender.
type Source interface {
	Name() string
	Kind() string
	Key() string // what Kind.Key gives for its requests; "" when the kind has none

	// Verify proves on the exact bytes that the request is this source's. Its error is a *Refusal.
	Verify(ctx context.Context, r *Request) error

	// Accept judges the shape of a verified request and says what to make durable and what to answer then. Its
	// error is a *Refusal.
	Accept(ctx context.Context, r *Request) (Accepted, error)

	// Read interprets a webhook of the log, pure and without time. An error means that a person must see it.
	Read(topic string, header map[string]string, body []byte) (relay.Order, error)

	// Describe says how it is configured, without secrets. Paths and State are the door's to fill in.
	Describe() relay.Source

	// Sample gives a signed request of this source with a made-up payload, for `source test`.
	Sample(now time.Time) (Sample, error)
}

// Accepted is what a source makes of a request. Without Message and Respond the Answer is given at once.
type Accepted struct {
	Message relay.Message // made durable before anything is answered; no Subject: nothing to keep
	Answer  Answer
	Unknown bool // an event of a type that edrelay does not know: it passes, and is counted

	// Outcome turns what the enroller did into the answer. When set, the door waits for it as long as Wait and
	// gives Answer when that is over.
	Outcome func(relay.DirectOutcome) Answer
	Wait    time.Duration

	// Respond makes the answer from what edrelay knows, instead of the log, within Wait when that is set.
	Respond func(ctx context.Context) (Answer, error)
}

// Answer is what a sender hears.
type Answer struct {
	Status      int
	ContentType string // "" for an empty body
	Body        []byte
	Header      map[string]string
}

// Sample is a request that a source would send.
type Sample struct {
	Path   string
	Header map[string]string
	Body   []byte
	Works  int // the status that shows that the source works, where that is not 2xx
}
