package relay

import "time"

// EnrollmentState is where an enrolment stands.
type EnrollmentState string

// The states of an enrolment.
const (
	EnrollmentWaiting    EnrollmentState = "waiting"    // until NextAttemptAt
	EnrollmentEnrolled   EnrollmentState = "enrolled"   // the LMS says the learner is in
	EnrollmentAllowed    EnrollmentState = "allowed"    // no active account yet; becomes an enrolment on registration
	EnrollmentUnenrolled EnrollmentState = "unenrolled" // undone, nothing left in the LMS from this row
	EnrollmentParked     EnrollmentState = "parked"     // a person must see it; the reason says why
)

// EnrollmentAction is what an enrolment asks of the LMS.
type EnrollmentAction string

// The actions of an enrolment.
const (
	ActionEnroll   EnrollmentAction = "enroll"
	ActionUnenroll EnrollmentAction = "unenroll"
)

// Enrollment is one learner, one course, one action that an order asks for; unique per source, order, learner, course.
type Enrollment struct {
	ID            int64            `json:"id"`
	WebhookID     string           `json:"webhook_id"`
	Source        string           `json:"source"`
	Order         string           `json:"order"`
	Learner       string           `json:"learner"`
	Course        string           `json:"course"`
	Action        EnrollmentAction `json:"action"`
	State         EnrollmentState  `json:"state"`
	Reason        string           `json:"reason"`
	Attempts      int              `json:"attempts"`
	NextAttemptAt *time.Time       `json:"next_attempt_at"`
	Mailed        bool             `json:"mailed"` // the LMS may have written to the learner for this line
	Notes         []string         `json:"notes,omitempty"`
	CreatedAt     time.Time        `json:"created_at"`
	UpdatedAt     time.Time        `json:"updated_at"`
}

// Event types of the enrolments' outcomes.
const (
	EventEnrollmentSucceeded = "io.edrelay.enrollment.succeeded.v1"
	EventEnrollmentAllowed   = "io.edrelay.enrollment.allowed.v1"
	EventEnrollmentRevoked   = "io.edrelay.enrollment.revoked.v1"
	EventEnrollmentFailed    = "io.edrelay.enrollment.failed.v1"
	EventRosterCreated       = "io.edrelay.roster.enrollment.created.v1"
)
