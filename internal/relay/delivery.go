package relay

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
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
	Sequence      uint64        `json:"sequence"`        // of the event in EVENTS
	StoredAt      time.Time     `json:"stored_at"`       // when the log took the event
	LastAttemptAt *time.Time    `json:"last_attempt_at"` // nil when it was not tried yet
}

// DeliveryDetail is a delivery with its attempts, oldest first.
type DeliveryDetail struct {
	Delivery
	History []DeliveryAttempt `json:"history"`
}

// DeliveryAttempt is one try of a delivery.
type DeliveryAttempt struct {
	Number     int       `json:"number"` // 1 is the first
	At         time.Time `json:"at"`
	DurationMS float64   `json:"duration_ms"`
	Status     int       `json:"status"` // 0: no answer came
	Error      string    `json:"error"`
	Answer     string    `json:"answer"` // at most 1 KiB, printable
	Replay     string    `json:"replay,omitempty"`
}

// DeliveryKey names a delivery: one event of the log for one subscription.
type DeliveryKey struct {
	Subscription int64
	Sequence     uint64
	StoredAt     time.Time // to the microsecond
}

// Outcome is what an attempt of a delivery came to, as the ledger keeps it.
type Outcome struct {
	DeliveryKey
	EventID       string
	EventType     string
	State         DeliveryState
	Attempt       DeliveryAttempt
	Counted       int        // attempts against the retry list; Attempt.Number counts all
	NextAttemptAt *time.Time // set while waiting
	Held          bool       // an ordered subscription keeps the event on the log and makes the next attempt itself
}

// Due is a delivery whose next attempt is to be made.
type Due struct {
	DeliveryKey
	EventID   string
	EventType string
	Attempts  int    // made so far
	Counted   int    // of them against the retry list
	Replay    string // id of the replay that asks for it; "" for none
	At        time.Time
	Held      bool // an ordered subscription works it off itself
}

// ID gives the text that names the delivery outside.
func (k DeliveryKey) ID() string {
	return strconv.FormatInt(k.Subscription, 36) + "-" + strconv.FormatUint(k.Sequence, 36) + "-" +
		strconv.FormatInt(k.StoredAt.UnixMicro(), 36)
}

// ParseDeliveryID reads an ID back; ErrNotFound, wrapped, for text that is none.
func ParseDeliveryID(id string) (DeliveryKey, error) {
	parts := strings.Split(id, "-")
	if len(parts) != 3 {
		return DeliveryKey{}, fmt.Errorf("delivery id: %w", ErrNotFound)
	}
	subscription, err1 := strconv.ParseInt(parts[0], 36, 64)
	sequence, err2 := strconv.ParseUint(parts[1], 36, 63)
	micros, err3 := strconv.ParseInt(parts[2], 36, 64)
	if err := errors.Join(err1, err2, err3); err != nil || subscription < 1 || micros < 0 || micros > 1<<53 {
		return DeliveryKey{}, fmt.Errorf("delivery id: %w", ErrNotFound)
	}
	return DeliveryKey{Subscription: subscription, Sequence: sequence, StoredAt: time.UnixMicro(micros).UTC()}, nil
}

// SubscriptionTest is what came of a sample event posted to a subscription's URL.
type SubscriptionTest struct {
	Subscription   string            `json:"subscription"`
	URL            string            `json:"url"`
	EventType      string            `json:"event_type"`
	EventID        string            `json:"event_id"`
	RequestHeaders map[string]string `json:"request_headers"` // names in lower case
	RequestBody    string            `json:"request_body"`
	Status         int               `json:"status"` // 0: no answer came
	Answer         string            `json:"answer"` // at most 1 KiB, printable
	Error          string            `json:"error"`
	DurationMS     float64           `json:"duration_ms"`
	OK             bool              `json:"ok"`
}
