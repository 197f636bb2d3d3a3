package enroller

import (
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/lms"
)

// outcome is what one call meant for one row.
type outcome struct {
	call       string // enroll, unenroll, look, or held: another order keeps the learner in
	verdict    lms.Verdict
	result     lms.Result // of an Answered verdict
	account    bool
	mailed     bool // the call asked the LMS to write to the learner
	group      int  // learners in the call
	generation int  // of the row when it was claimed
}

// settle gives a row that was in a call its next state. Rows whose action changed during the call keep what the call
// left in the LMS in mind and stay due for the new action.
func (p Policy) settle(row *relay.Work, o outcome, now time.Time) {
	row.InFlight = false
	p.remember(row, o)
	if row.Generation != o.generation {
		if row.Action == relay.ActionUnenroll && !row.Touched {
			finish(row, relay.EnrollmentUnenrolled, row.Reason)
		}
		return
	}
	switch o.verdict.Kind {
	case lms.Answered:
		row.Attempts++
		p.settleResult(row, o, now)
	case lms.Malformed, lms.TooLarge:
		p.settleSplit(row, o, now)
	case lms.BadCourse:
		row.Attempts++
		park(row, o.verdict.Reason)
	case lms.UnknownCourse:
		row.Attempts++
		p.later(row, o.verdict.Reason, p.CourseWait, "no longer waited for: ", now)
	case lms.Throttled:
		wait(row, o.verdict.Reason, now.Add(o.verdict.After))
	case lms.Refused:
		wait(row, o.verdict.Reason, now.Add(p.Probe))
	case lms.Unknown:
		row.Attempts++
		p.settleUnknown(row, o, now)
	default:
		row.Attempts++
		p.later(row, o.verdict.Reason, p.GiveUpAfter, "given up: ", now)
	}
}

// remember keeps what may stand in the LMS now, and whether the learner may have been written to.
func (p Policy) remember(row *relay.Work, o outcome) {
	happened := o.verdict.Kind == lms.Unknown || o.verdict.Kind == lms.Answered && o.result != lms.NoEffect && o.result != lms.Invalid
	if !happened || o.call == "held" || o.call == "look" && o.result != lms.Enrolled {
		return
	}
	if o.verdict.Kind == lms.Answered {
		row.Account = o.account
	}
	if o.call == "unenroll" {
		row.Touched = row.Touched && o.result != lms.Unenrolled
		return
	}
	row.Touched = true
	row.Unsure = o.verdict.Kind == lms.Unknown || o.result == lms.Failed
	if o.mailed {
		row.Mailed, row.MailDue = true, false
	} else if row.Unsure {
		row.MailDue = false
	}
}

func (p Policy) settleResult(row *relay.Work, o outcome, now time.Time) {
	if o.call == "held" {
		finish(row, relay.EnrollmentUnenrolled, "another order keeps the learner in the course")
		return
	}
	switch o.result {
	case lms.Enrolled:
		finish(row, relay.EnrollmentEnrolled, "")
	case lms.Allowed:
		finish(row, relay.EnrollmentAllowed, "no active account yet; enrolled when there is one")
		if !p.AutoEnroll && !row.Direct {
			row.Reason = "no active account yet; may enrol when there is one"
		}
	case lms.Unenrolled:
		finish(row, relay.EnrollmentUnenrolled, row.Reason)
	case lms.NoEffect:
		park(row, "the LMS did nothing for this address; it may be retired")
	case lms.Invalid:
		park(row, "the LMS says that this is no e-mail address")
	default:
		row.GroupLimit = 1
		p.later(row, "the LMS failed on this learner", p.GiveUpAfter, "given up: ", now)
	}
}

// settleSplit halves a group of which something is wrong for good, until the bad one stands alone.
func (p Policy) settleSplit(row *relay.Work, o outcome, now time.Time) {
	row.Attempts++
	if o.group > 1 {
		row.GroupLimit = o.group / 2
		wait(row, o.verdict.Reason, now)
		return
	}
	park(row, o.verdict.Reason)
}

// settleUnknown waits before the LMS is asked what is true. A group that fails twice in a row is halved: one of its
// learners may be what the LMS fails on.
func (p Policy) settleUnknown(row *relay.Work, o outcome, now time.Time) {
	if o.group == 1 {
		p.later(row, o.verdict.Reason, p.GiveUpAfter, "given up: ", now)
		return
	}
	row.Fails++
	if row.FirstFailedAt == nil {
		row.FirstFailedAt = &now
	}
	if row.Fails > 1 {
		row.GroupLimit = max(1, o.group/2)
	}
	wait(row, o.verdict.Reason, now.Add(p.delay(min(row.Fails, 2))))
}

// later waits by the schedule, or parks what has failed for longer than patience.
func (p Policy) later(row *relay.Work, reason string, patience time.Duration, parked string, now time.Time) {
	row.Fails++
	if row.FirstFailedAt == nil {
		row.FirstFailedAt = &now
	}
	until := now.Add(p.delay(row.Fails))
	end := row.FirstFailedAt.Add(patience)
	switch {
	case !now.Before(end):
		park(row, parked+reason)
	case until.After(end):
		wait(row, reason, end)
	default:
		wait(row, reason, until)
	}
}
