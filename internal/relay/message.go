package relay

import (
	"context"
	"time"
)

// Message is one CloudEvent 1.0 in binary mode, as it stands on the log: attributes become ce-* headers, Body is
// the data.
type Message struct {
	Subject     string            // where on the log, e.g. "webhooks.shopify.orders.create"
	ID          string            // ce-id; unique within Source
	Type        string            // ce-type
	Source      string            // ce-source, a URI reference
	Time        time.Time         // ce-time
	About       string            // ce-subject; may be empty
	ContentType string            // content-type of Body
	DedupID     string            // Nats-Msg-Id: the sender's own identity of the thing, never made from time; "" for none
	Header      map[string]string // further headers, names in lower case: the sender's own that matter, ce-* extensions, traceparent
	Body        []byte
}

// Receipt is the log's word that a message is durable.
type Receipt struct {
	Stream    string
	Sequence  uint64
	Duplicate bool // the log had a message with this DedupID already; nothing was written
}

// Received is a message read from the log.
type Received struct {
	Message
	Stream   string
	Sequence uint64
	Stored   time.Time // when the log took it
	Fetched  time.Time // when this process got it from a consumer
	Attempt  uint64    // 1 for the first time it is handed out
	Reply    Acker     // nil when it was read by sequence instead of from a consumer
}

// Acker settles a received message. Each method may be called again without harm.
type Acker interface {
	// Ack says that the outcome is recorded; returns when the server has confirmed it.
	Ack(ctx context.Context) error
	// Again asks for the message once more after the delay.
	Again(ctx context.Context, delay time.Duration) error
	// Working asks for more time before the message is handed out again.
	Working(ctx context.Context) error
}
