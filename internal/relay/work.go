package relay

import "time"

// OrderKey names an order of a source.
type OrderKey struct {
	Source string
	Order  string
}

// OrderState is what all updates of one order, seen so far in any order, add up to.
type OrderState struct {
	OrderKey
	Name    string
	Known   bool      // an update with lines was seen; false when only refunds came
	Version time.Time // of the newest update that asks for something
	Rank    string    // tells updates of one Version apart: the greater one counts
	Intent  Intent
	Reason  string
	Lines   []Line            // of the newest update
	Refunds []Refund          // union by ID
	Courses map[string]string // SKU → course, pinned when first resolved
	Webhook string            // id of the webhook that last changed it

	Forgotten []ForgottenLearner `json:",omitempty"`
}

// SKUState is what is known of a SKU that is no course key itself.
type SKUState string

// The states of a SKU.
const (
	SKUUnknown SKUState = ""       // not asked yet, or being asked
	SKUCourse  SKUState = "course" // it leads to Course
	SKUNone    SKUState = "none"   // the LMS has no redirect for it: not a course
	SKUBroken  SKUState = "broken" // it leads somewhere, but to no course; Reason says where it ends
)

// SKU is a stock-keeping unit and the course that it leads to.
type SKU struct {
	SKU       string
	State     SKUState
	Course    string
	Reason    string
	CheckedAt time.Time
	Attempts  int
}

// Work is an enrolment with all that the enroller keeps to work it off. A row with ID 0 is new.
type Work struct {
	Enrollment
	LearnerKey    string // the address in lower case: what "the same learner" means
	SKU           string // what Course was made from; Course is empty until it is known
	Direct        bool   // the sender waits for the outcome; goes first
	MailDue       bool   // the LMS should write to the learner with the first success
	Unsure        bool   // the LMS may have done it: ask before trying again
	Touched       bool   // something of this row may be in the LMS
	InFlight      bool   // a call is under way, or its process died
	Account       bool   // the LMS has an account for the address
	GroupLimit    int    // learners at most in the next call; 0 = as configured
	Fails         int    // failures in a row of this row alone
	FirstFailedAt *time.Time
	Generation    int             // grows when Action changes; an answer for an older one is not the outcome
	Told          EnrollmentState // last state published as an event
	ToldVersion   int             // how many were published
	Trace         string          // W3C traceparent of the webhook that made it due; "" when that had none
}

// Announce gives the type of the event that the row's state deserves and notes that it was told; "" when there is
// nothing new to tell. A state is told once, however often it is reached again without another in between.
func (w *Work) Announce() string {
	event := map[EnrollmentState]string{
		EnrollmentEnrolled: EventEnrollmentSucceeded, EnrollmentAllowed: EventEnrollmentAllowed,
		EnrollmentUnenrolled: EventEnrollmentRevoked, EnrollmentParked: EventEnrollmentFailed,
	}[w.State]
	neverIn := w.State == EnrollmentUnenrolled && w.Told == "" && !w.Touched
	if event == "" || w.State == w.Told || neverIn {
		return ""
	}
	w.Told = w.State
	w.ToldVersion++
	return event
}

// OrderRecord is an order with all of its enrolments, locked for a change. Rows may be changed and added (ID 0);
// ids in Dropped are deleted.
type OrderRecord struct {
	State   OrderState
	Rows    []*Work
	Dropped []int64
	Notes   []string // added to the webhook that last changed the order
	Ignored string   // why that webhook came to nothing after all; "" when it didn't
}

// Attempt is one answer of the LMS for one enrolment, for people.
type Attempt struct {
	At           time.Time `json:"at"`
	EnrollmentID int64     `json:"-"`
	Call         string    `json:"call"`   // enroll, unenroll or look
	Status       int       `json:"status"` // HTTP status; 0: no answer
	Outcome      string    `json:"outcome"`
}

// EnrollerStatus is how one enroller process fares with the LMS.
type EnrollerStatus struct {
	Instance string    `json:"instance"`
	State    string    `json:"state"` // ready, down (the circuit is open), paused (the LMS refuses edrelay), absent (no lms is configured)
	Reason   string    `json:"reason"`
	Hint     string    `json:"hint"`
	Since    time.Time `json:"since"`
	SeenAt   time.Time `json:"seen_at"`
}

// WorkGroup is what the rows of one bulk call have in common, with how many rows are due.
type WorkGroup struct {
	Course     string
	Action     EnrollmentAction
	MailDue    bool
	Unsure     bool
	Direct     bool
	Retry      bool // rows that failed before
	GroupLimit int
	Rows       int       // due now, counted up to the limit asked for
	Oldest     time.Time // when the first of them fell due
}

// Gate is what the shared call budget answers: go, or wait.
type Gate struct {
	Wait  time.Duration // 0: the call is counted, make it now
	Spent int           // calls of the last minute, this one included
}
