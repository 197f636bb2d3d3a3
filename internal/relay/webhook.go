package relay

import (
	"strconv"
	"time"
)

// WebhookState is what became of a webhook.
type WebhookState string

// The states of a webhook. Done means that its enrolment rows exist; what becomes of them is on the rows.
const (
	WebhookAccepted WebhookState = "accepted" // on the log, not yet read by the enroller
	WebhookDone     WebhookState = "done"
	WebhookIgnored  WebhookState = "ignored" // nothing to do; the reason says why
	WebhookParked   WebhookState = "parked"  // a person must see it; the reason says why
	WebhookRejected WebhookState = "rejected"
)

// Webhook is one request of a source, as operators see it.
type Webhook struct {
	ID         string       `json:"id"`
	Source     string       `json:"source"`
	Topic      string       `json:"topic"`
	ReceivedAt time.Time    `json:"received_at"`
	State      WebhookState `json:"state"`
	Reason     string       `json:"reason"`
	Sequence   uint64       `json:"sequence"` // in WEBHOOKS, or in REJECTED for a rejected one
	Order      string       `json:"order,omitempty"`
	OrderName  string       `json:"order_name,omitempty"` // what people call the order, e.g. "#1001"
	Notes      []string     `json:"notes,omitempty"`      // what was skipped or merged on the way, for people
}

// Headers that ride with a webhook on the log beside the sender's own.
const (
	HeaderSource  = "edrelay-source"   // name of the configured source
	HeaderKind    = "edrelay-kind"     // its kind
	HeaderTopic   = "edrelay-topic"    // topic as the source names it, e.g. "orders/create"
	HeaderReason  = "edrelay-reason"   // why a webhook was rejected
	HeaderPath    = "edrelay-path"     // the door's path that a rejected webhook came to
	HeaderReplyTo = "edrelay-reply-to" // subject on which the sender waits for the outcome
	HeaderReplay  = "edrelay-replay"   // id of the replay that put it there
)

// RejectedPrefix stands before the sequence in the id of a rejected webhook.
const RejectedPrefix = "rejected-"

// RejectedID is how operators name a rejected webhook, by its sequence in REJECTED.
func RejectedID(sequence uint64) string { return RejectedPrefix + strconv.FormatUint(sequence, 10) }
