package campus

import "fmt"

// Action is what a bulk call does with each learner.
type Action string

// The actions.
const (
	Enroll   Action = "enroll"
	Unenroll Action = "unenroll"
)

// Trouble is what goes wrong with one learner on purpose.
type Trouble int

// The troubles of a learner.
const (
	NoTrouble   Trouble = iota
	WorkRefused         // an exception before anything is changed, as from a filter's veto
	MailFails           // an exception when the mail is sent: the enrolment is made already
)

// Change is what one bulk call asks for one identifier in one course.
type Change struct {
	Course     string
	Identifier string // e-mail address or username
	Action     Action
	AutoEnroll bool
	Mail       bool
	Cohort     string // "" for none; must exist in the course
	Reason     string
	Actor      string                     // username of who asks
	Trouble    func(email string) Trouble // nil for none
}

// Flags are what the platform tells of a learner in a course.
type Flags struct {
	User       bool // an account has the address
	Enrollment bool // an active enrolment
	Allowed    bool // an allowance exists
	AutoEnroll bool // its flag
	Cohort     string
}

// Outcome is what became of one identifier.
type Outcome struct {
	Invalid    bool   // neither an address nor a username
	Failed     string // what went wrong; "" for nothing
	Before     Flags
	After      Flags
	Transition string // of the audit row
}

// Apply does one change as the platform's bulk enrolment does it.
func (t *Tx) Apply(ch Change) Outcome {
	email, user, ok := t.resolve(ch.Identifier)
	if !ok {
		return Outcome{Invalid: true}
	}
	trouble := NoTrouble
	if ch.Trouble != nil {
		trouble = ch.Trouble(email)
	}
	if trouble == WorkRefused {
		return Outcome{Failed: "the platform refused this learner"}
	}
	before := t.flags(email, ch.Course)
	kind := t.work(ch, email, user, before)
	if ch.Mail && kind != "" {
		if trouble == MailFails {
			return Outcome{Failed: "the mail could not be sent"}
		}
		t.send(Mail{To: email, Course: ch.Course, Kind: kind})
	}
	if ch.Cohort != "" && !t.retired(email) {
		t.moveCohort(email, ch.Course, ch.Cohort)
	}
	after := t.flags(email, ch.Course)
	out := Outcome{Before: before, After: after, Transition: transition(before, after, ch.Action)}
	t.record(Audit{Email: email, Course: ch.Course, Actor: ch.Actor, Reason: ch.Reason, Transition: out.Transition})
	return out
}

// resolve finds whom an identifier means: a username first, then an address.
func (t *Tx) resolve(identifier string) (email string, user *User, ok bool) {
	if u := t.users[identifier]; u != nil && !u.Retired {
		return u.Email, u, true
	}
	if u := t.userByEmail(identifier); u != nil {
		return u.Email, u, true
	}
	return identifier, nil, ValidEmail(identifier)
}

// work changes the rows and gives the kind of mail that tells the learner, "" for none.
func (t *Tx) work(ch Change, email string, user *User, before Flags) string {
	switch {
	case user != nil && user.Retired:
		return ""
	case ch.Action == Unenroll:
		return t.leave(ch, email, user, before)
	case user != nil && user.Active:
		t.enroll(user, ch.Course)
		return MailEnrolled
	default:
		t.SetAllowance(email, ch.Course, ch.AutoEnroll)
		return MailAllowed
	}
}

func (t *Tx) leave(ch Change, email string, user *User, before Flags) string {
	kind := ""
	if before.Allowed {
		t.DropAllowance(email, ch.Course)
		kind = MailDisallowed
	}
	if before.Enrollment {
		t.unenroll(user, ch.Course)
		kind = MailUnenrolled
	}
	return kind
}

func (t *Tx) flags(email, course string) Flags {
	f := Flags{Cohort: t.cohorts[seat{t.fold(email), course}]}
	if u := t.userByEmail(email); u != nil && !u.Retired {
		f.User = true
		row := t.enrollments[seat{u.Username, course}]
		f.Enrollment = row != nil && row.Active
	}
	if a := t.allowances[seat{t.fold(email), course}]; a != nil && !t.retired(email) {
		f.Allowed, f.AutoEnroll = true, a.AutoEnroll
	}
	return f
}

func (t *Tx) retired(email string) bool {
	u := t.userByEmail(email)
	return u != nil && u.Retired
}

// JoinCohort puts an address into a cohort of a course, out of the one it was in.
func (t *Tx) JoinCohort(email, course, name string) error {
	if !t.HasCohort(course, name) {
		return fmt.Errorf("cohort %q: %w", name, ErrUnknown)
	}
	t.moveCohort(email, course, name)
	return nil
}

func (t *Tx) moveCohort(email, course, cohort string) {
	put(t, t.cohorts, seat{t.fold(email), course}, cohort)
}

// standing names where a learner stands, in the words of the platform's audit rows.
func (f Flags) standing() string {
	switch {
	case f.Enrollment:
		return "enrolled"
	case f.Allowed:
		return "allowed to enroll"
	default:
		return "unenrolled"
	}
}

func transition(before, after Flags, action Action) string {
	if action == Unenroll && before.Enrollment {
		return "from enrolled to unenrolled"
	}
	return "from " + before.standing() + " to " + after.standing()
}
