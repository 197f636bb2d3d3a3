package relay

// Verdict is what a sender that waits is told of its enrolments.
type Verdict string

// The verdicts of a direct request.
const (
	VerdictEnrolled      Verdict = "enrolled"       // an account has the address: every course is enrolled, or allowed when the account is inactive
	VerdictAllowed       Verdict = "allowed"        // no account yet: every course has an allowance
	VerdictInvalidCourse Verdict = "invalid_course" // Course is no course key; nothing was written
	VerdictUnknownCourse Verdict = "unknown_course" // Course does not exist; nothing was written
	VerdictFailed        Verdict = "failed"         // the LMS refused or silently did nothing; a row is parked
)

// DirectOutcome answers a sender that waits, as JSON on the subject in HeaderReplyTo. No answer within the sender's
// wait means that the rows are still being worked.
type DirectOutcome struct {
	Verdict Verdict `json:"verdict"`
	Course  string  `json:"course,omitempty"`
	Courses int     `json:"courses"` // how many were asked for, repeats counted
}
