package relay

import "time"

// Page says which part of a list is wanted. Every list is newest first.
type Page struct {
	Limit  int  // rows at most; 0 = all
	Before Mark // only rows older than this one; the zero Mark starts at the newest
}

// Mark is the place of a row in a list: the time that the list is sorted by, and the row's id for rows of one time.
// Lists that are sorted by id alone leave Time zero.
type Mark struct {
	Time time.Time
	ID   string
}

// IsZero tells whether the mark is no row's place.
func (m Mark) IsZero() bool { return m.ID == "" && m.Time.IsZero() }

// WebhookQuery chooses webhooks; empty fields choose all. Sorted by ReceivedAt, ID.
type WebhookQuery struct {
	Page
	State  WebhookState
	Source string
	Topic  string
	Order  string    // id or name of the order, e.g. "1001" or "#1001"
	Since  time.Time // received at or after
	Until  time.Time // received before
}

// EnrollmentQuery chooses enrolments; empty fields choose all. Sorted by ID.
type EnrollmentQuery struct {
	Page
	State     EnrollmentState
	Source    string
	Order     string
	Learner   string // address, compared without case
	Course    string
	WebhookID string
	Reason    string // exactly
}

// EventQuery chooses events of the log; empty fields choose all. Sorted by Sequence.
type EventQuery struct {
	Page
	Type   string // exact, or a prefix ending in "*"
	Source string
	ID     string
	Since  time.Time // stored at or after
	Until  time.Time // stored before
}

// DeliveryQuery chooses deliveries; empty fields choose all. Sorted by Mark(StoredAt, ID).
type DeliveryQuery struct {
	Page
	State        DeliveryState
	Undelivered  bool // waiting and parked
	Subscription string
	EventID      string
	EventType    string
	Since        time.Time
	Until        time.Time
}

// LogQuery chooses messages of one stream, newest first.
type LogQuery struct {
	Stream   string
	Subjects []string // NATS patterns; none chooses all
	Limit    int      // messages at most
	Before   uint64   // only sequences below it; 0 starts at the newest
	Since    time.Time
	Until    time.Time // stored before; zero: no bound
	NoBody   bool      // leave the bodies away
}
