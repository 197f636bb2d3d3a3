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
