package lms

import "time"

// Kind is what a call came to.
type Kind string

// The kinds of verdicts. Only Answered and Unknown may have changed anything at the LMS.
const (
	Answered      Kind = "answered"       // each learner has a Result
	Malformed     Kind = "malformed"      // something in the call is wrong for good; it may be one learner's identifier
	BadCourse     Kind = "bad_course"     // the course key is none
	UnknownCourse Kind = "unknown_course" // the LMS has no such course, yet
	TooLarge      Kind = "too_large"      // fewer learners in one call may pass
	Throttled     Kind = "throttled"      // come again After that time
	Refused       Kind = "refused"        // the LMS or edrelay is configured wrongly; every call would end so
	Unreachable   Kind = "unreachable"    // nothing was asked: no connection, no token
	Unknown       Kind = "unknown"        // the LMS may have done it: 5xx, reset, time-out, unreadable 200
)

// Verdict is what a call came to. Reason is a short sentence for people without personal data; Hint says what a person
// can do and may be empty.
type Verdict struct {
	Kind    Kind
	Status  int // HTTP status; 0 when there was none
	Reason  string
	Hint    string
	After   time.Duration     // of Throttled
	Results map[string]Result // of Answered, by the identifier as it was sent
	Account map[string]bool   // of Answered: the LMS knows an account of the address
}

// Result is what became of one learner.
type Result string

// The results of a learner.
const (
	Enrolled   Result = "enrolled"
	Allowed    Result = "allowed"    // no active account: an allowance stands
	Unenrolled Result = "unenrolled" // neither enrolled nor allowed
	NoEffect   Result = "no_effect"  // the LMS silently did nothing, as for a retired address
	Invalid    Result = "invalid"    // the LMS says that the address is none
	Failed     Result = "failed"     // an exception at the LMS; it may have happened after the enrolment
)
