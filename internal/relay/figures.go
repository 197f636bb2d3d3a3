package relay

import "time"

// Slot counts the rows of one stretch of time by their state.
type Slot struct {
	At     time.Time      `json:"at"` // when the stretch begins
	Counts map[string]int `json:"counts"`
}

// ReasonCount is how many enrolments stand where they are for one reason.
type ReasonCount struct {
	State  EnrollmentState `json:"state"`
	Reason string          `json:"reason"`
	Rows   int             `json:"rows"`
}

// LogStanding is how full the log is and who is behind.
type LogStanding struct {
	Streams   []StreamStanding
	Consumers []ConsumerInfo // durable ones
	Stored    int64          // bytes of the account's streams on disk, replicas included
	Limit     int64          // bytes that the account may store; 0: no limit of its own
}

// StreamStanding is one stream of the log.
type StreamStanding struct {
	Name     string
	Messages uint64
	MaxBytes int64     // 0: no limit of its own
	First    time.Time // when the oldest message was taken; zero when there is none
	Last     time.Time
}

// LedgerStanding is what waits in the ledger.
type LedgerStanding struct {
	OldestWaiting    time.Time // when the enrolment that waits longest was asked for; zero when none waits
	Outbox           int       // changes of state that are not on the log yet
	OldestOutbox     time.Time
	Retries          []RetryStanding
	ParkedDeliveries int
	ParkedWebhooks   int
	RunningReplays   int
	PausedReplays    int
}

// PoolStanding is how busy the connections of one process to the ledger are.
type PoolStanding struct {
	Open, InUse, Most int
	Waits             int64         // times that all connections were in use
	Waiting           time.Duration // spent in taking connections
}

// RetryStanding is what a subscription has waiting for its next attempt.
type RetryStanding struct {
	Subscription string
	Waiting      int
	Next         time.Time // when the first is due, in the past when it is late
}

// The kinds of what is counted over time, with their buckets.
const (
	FlowDeliveries = "deliveries"  // attempts of deliveries by the state that they led to
	FlowDeliveryMS = "delivery_ms" // deliveries that succeeded at once, by the milliseconds since the log took the event: upper bounds, powers of two
	FlowLMS        = "lms"         // answers of the LMS for single enrolments: ok, failed
	FlowBacklog    = "backlog"     // the most that waited: enrollments, deliveries, webhooks, events
)

// FlowStep is the stretch of time that is counted together.
const FlowStep = 5 * time.Minute
