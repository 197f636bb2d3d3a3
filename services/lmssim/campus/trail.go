package campus

import "time"

// The kinds of mail that the platform sends to learners.
const (
	MailEnrolled   = "enrolled"
	MailAllowed    = "allowed"
	MailUnenrolled = "unenrolled"
	MailDisallowed = "disallowed" // an allowance was taken back
)

// Mail is one message that a learner would have got.
type Mail struct {
	To     string    `json:"to"`
	Course string    `json:"course"`
	Kind   string    `json:"kind"` // enrolled, allowed, unenrolled, disallowed
	At     time.Time `json:"at"`
}

// Audit is the row that the platform writes for each learner of a bulk call.
type Audit struct {
	Email      string    `json:"email"`
	Course     string    `json:"course"`
	Actor      string    `json:"actor"`
	Reason     string    `json:"reason"`
	Transition string    `json:"state_transition"`
	At         time.Time `json:"at"`
}

// MailCount is how many mails one learner got about one course.
type MailCount struct {
	To     string `json:"to"`
	Course string `json:"course"`
	Mails  int    `json:"mails"`
}

func (t *Tx) send(m Mail) {
	m.At = t.Now()
	t.mails = appendBounded(t.mails, m, t.KeepMails)
	t.mailCount[seat{t.fold(m.To), m.Course}]++
}

func (t *Tx) record(a Audit) {
	a.At = t.Now()
	t.audit = appendBounded(t.audit, a, t.KeepAudit)
}

// Mails lists the newest mails, oldest first.
func (t *Tx) Mails() []Mail { return tail(t.mails, t.KeepMails) }

// AuditTrail lists the newest audit rows, oldest first.
func (t *Tx) AuditTrail() []Audit { return tail(t.audit, t.KeepAudit) }

// MailCounts tells for every learner and course how many mails were sent, in no order.
func (t *Tx) MailCounts() []MailCount {
	counts := make([]MailCount, 0, len(t.mailCount))
	for s, n := range t.mailCount {
		counts = append(counts, MailCount{To: s.who, Course: s.course, Mails: n})
	}
	return counts
}

// ForgetMails empties the list of mails and their counts.
func (t *Tx) ForgetMails() { t.mails, t.mailCount = nil, map[seat]int{} }

// ForgetAudit empties the audit trail.
func (t *Tx) ForgetAudit() { t.audit = nil }

// appendBounded appends and, when the list has grown to twice its bound, forgets the older half.
func appendBounded[T any](list []T, item T, bound int) []T {
	list = append(list, item)
	if bound > 0 && len(list) >= 2*bound {
		list = append(list[:0], list[len(list)-bound:]...)
	}
	return list
}

func tail[T any](list []T, bound int) []T {
	if bound > 0 && len(list) > bound {
		list = list[len(list)-bound:]
	}
	return append(make([]T, 0, len(list)), list...)
}
