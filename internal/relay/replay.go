package relay

import "time"

// ReplayState is where a replay stands.
type ReplayState string

// The states of a replay.
const (
	ReplayRunning   ReplayState = "running"
	ReplayPaused    ReplayState = "paused"
	ReplayDone      ReplayState = "done" // everything was handed out and tried
	ReplayCancelled ReplayState = "cancelled"
	ReplayFailed    ReplayState = "failed" // it can't go on; Reason says why
)

// The targets of replays that are not names of subscriptions.
const (
	ReplayEnroller    = "enroller"    // webhooks, verified or rejected
	ReplayEnrollments = "enrollments" // rows of the ledger that the LMS is asked again for
)

// ReplayRequest orders a range of the log, or enrolments of the ledger, to be processed again; empty fields choose all.
// One of Enroller, Enrollments and Subscriptions is set. Sequences are those of the stream; of enrolments, their ids.
type ReplayRequest struct {
	Enroller      bool      `json:"enroller,omitempty"`
	Enrollments   bool      `json:"enrollments,omitempty"`
	Subscriptions []string  `json:"subscriptions,omitempty"` // names; each gets what its own patterns want
	Since         time.Time `json:"since,omitzero"`          // stored, or asked for, at or after
	Until         time.Time `json:"until,omitzero"`          // stored before
	FromSequence  uint64    `json:"from_sequence,omitempty"`
	ToSequence    uint64    `json:"to_sequence,omitempty"` // the last one; 0: the newest when the replay starts
	Subject       string    `json:"subject,omitempty"`     // NATS pattern of the log ("webhooks.shopify.>"), or a CloudEvents subject exactly
	Source        string    `json:"source,omitempty"`      // of webhooks its name, of events the CloudEvents source
	Type          string    `json:"type,omitempty"`        // of events: exact, or a prefix ending in "*"
	State         string    `json:"state,omitempty"`       // of the webhook, delivery or enrolment; see the States of a request
	Reason        string    `json:"reason,omitempty"`      // of rejected webhooks and of enrolments, exactly
	Course        string    `json:"course,omitempty"`      // stands in the payload, or in the ledger for its order
	Learner       string    `json:"learner,omitempty"`     // stands in the payload, or in the ledger for its order
	Mail          bool      `json:"mail,omitempty"`        // the LMS may write to learners; only of webhooks and enrolments
	Rate          float64   `json:"rate,omitempty"`        // a second at most; 0: as fast as the target works
}

// States that choose what no row of the ledger is in.
const (
	ReplayRejected    = "rejected"    // to the enroller: webhooks that failed verification, verified again
	ReplayUndelivered = "undelivered" // to subscriptions: deliveries that wait or are parked
	ReplayMissing     = "missing"     // to subscriptions: events that they never got
)

// States gives what State may be for the request's target; the first is what an empty one means, when it means one.
func (r ReplayRequest) States() []string {
	switch {
	case r.Enroller:
		return []string{"", string(WebhookAccepted), string(WebhookDone), string(WebhookIgnored), string(WebhookParked), ReplayRejected}
	case r.Enrollments:
		return []string{
			string(EnrollmentParked), string(EnrollmentWaiting), string(EnrollmentEnrolled), string(EnrollmentAllowed), string(EnrollmentUnenrolled),
		}
	}
	return []string{"", string(DeliveryWaiting), string(DeliveryDelivered), string(DeliveryParked), ReplayUndelivered, ReplayMissing}
}

// Replay is an operator's order to process a range of the log again, as operators see it.
type Replay struct {
	ID         string        `json:"id"`
	Target     string        `json:"target"` // "enroller", or names of subscriptions joined by ","
	State      ReplayState   `json:"state"`
	Matched    int64         `json:"matched"`
	Done       int64         `json:"done"`   // handed to the target and tried
	Failed     int64         `json:"failed"` // of them tried and not yet well
	Rate       float64       `json:"rate"`
	Reason     string        `json:"reason"` // why it failed; "" otherwise
	Request    ReplayRequest `json:"request"`
	CreatedBy  string        `json:"created_by"`
	CreatedAt  time.Time     `json:"created_at"`
	FinishedAt *time.Time    `json:"finished_at"`
	Left       *float64      `json:"seconds_left"` // a guess while it runs; nil when there is none
}

// ReplayPlan is what a replay would do.
type ReplayPlan struct {
	Target  string  `json:"target"`
	Matched int64   `json:"matched"` // exactly how many
	Samples []Event `json:"samples"` // the first of them
}

// ReplayWork is a replay with all that its worker keeps.
type ReplayWork struct {
	Replay
	Stream  string
	Cursor  uint64        // of Stream, all up to it are handed out
	End     uint64        // the last sequence that belongs to it
	Handed  int64         // to the target so far
	Pending int64         // of them not tried yet
	Worked  time.Duration // without pauses
}

// Guess says how long a running replay takes yet, from how it went so far and never less than the rate allows; nil for
// no idea, or when it does not run.
func (w ReplayWork) Guess() *float64 {
	left := float64(w.Matched - w.Done)
	if w.State != ReplayRunning || left < 0 || w.Done == 0 && w.Rate <= 0 && left > 0 {
		return nil
	}
	guess := 0.0
	if w.Done > 0 {
		guess = w.Worked.Seconds() / float64(w.Done) * left
	}
	if w.Rate > 0 {
		guess = max(guess, left/w.Rate)
	}
	return &guess
}

// ReplayQuery chooses replays; empty fields choose all. Sorted by CreatedAt, ID.
type ReplayQuery struct {
	Page
	State ReplayState
}

// LogWalk chooses messages of one stream, oldest first.
type LogWalk struct {
	Stream   string
	Subjects []string // NATS patterns; none chooses all
	From, To uint64   // sequences, both included; To 0: the newest when the walk starts
	NoBody   bool     // leave the bodies away
}
