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

// ReplayEnroller is the target of a replay of webhooks; other targets are names of subscriptions.
const ReplayEnroller = "enroller"

// ReplayRequest orders a range of the log to be processed again; empty fields choose all. Either Enroller or
// Subscriptions is set.
type ReplayRequest struct {
	Enroller      bool      `json:"enroller,omitempty"`
	Subscriptions []string  `json:"subscriptions,omitempty"` // names; each gets what its own patterns want
	Since         time.Time `json:"since,omitzero"`          // stored at or after
	Until         time.Time `json:"until,omitzero"`          // stored before
	FromSequence  uint64    `json:"from_sequence,omitempty"`
	ToSequence    uint64    `json:"to_sequence,omitempty"` // the last one; 0: the newest when the replay starts
	Subject       string    `json:"subject,omitempty"`     // NATS pattern of the log ("webhooks.shopify.>"), or a CloudEvents subject exactly
	Source        string    `json:"source,omitempty"`      // of webhooks its name, of events the CloudEvents source
	Type          string    `json:"type,omitempty"`        // of events: exact, or a prefix ending in "*"
	State         string    `json:"state,omitempty"`       // of the webhook, or of the delivery ("undelivered" for waiting and parked)
	Course        string    `json:"course,omitempty"`      // stands in the payload
	Learner       string    `json:"learner,omitempty"`     // stands in the payload
	Rate          float64   `json:"rate,omitempty"`        // a second at most; 0: as fast as the target works
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
	Cursor  uint64 // of Stream, all up to it are handed out
	End     uint64 // the last sequence that belongs to it
	Handed  int64  // to the target so far
	Pending int64  // of them not tried yet
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
