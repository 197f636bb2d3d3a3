package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/lms"
)

// LMS is what the audit asks of the Open edX site.
type LMS interface {
	Account(ctx context.Context, email string) (lms.Account, lms.Verdict)
	Enrollments(ctx context.Context, course string, emails []string, cursor string) (lms.Listed, lms.Verdict)
}

// place is one learner in one course.
type place struct{ learner, course string }

// compareLMS asks the LMS who is in each course of the ledger and compares. Allowances can't be read, so of an allowed
// learner it is only checked that no active account is left outside.
func (a *Auditor) compareLMS(ctx context.Context, found *relay.Reconciliation) error {
	held := map[place]*relay.Work{} // wanted in
	gone := map[place]*relay.Work{} // wanted out
	err := a.eachRow(ctx, func(rows []*relay.Work) error {
		for _, row := range rows {
			if relay.IsForgotten(row.Learner) {
				continue // nobody knows whom to ask for
			}
			at := place{row.LearnerKey, row.Course}
			switch row.State {
			case relay.EnrollmentEnrolled, relay.EnrollmentAllowed:
				held[at] = row
			case relay.EnrollmentUnenrolled:
				if gone[at] == nil || wasIn(row) {
					gone[at] = row
				}
			case relay.EnrollmentWaiting, relay.EnrollmentParked:
				held[at] = nil // not settled: nothing to compare, and it may hold what another row let go
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	courses := map[string]bool{}
	for at, row := range held {
		if row != nil {
			courses[at.course] = true
		}
	}
	for at := range gone {
		courses[at.course] = true
	}
	accounts := map[string]lms.Account{}
	for _, course := range slices.Sorted(maps.Keys(courses)) {
		if err := a.compareCourse(ctx, course, held, gone, accounts, found); err != nil {
			return err
		}
	}
	return nil
}

func (a *Auditor) compareCourse(
	ctx context.Context, course string, held, gone map[place]*relay.Work, accounts map[string]lms.Account, found *relay.Reconciliation,
) error {
	in, err := a.active(ctx, course)
	if err != nil {
		return err
	}
	for at, row := range held {
		if at.course != course || row == nil {
			continue
		}
		account, err := a.account(ctx, at.learner, accounts)
		if err != nil {
			return err
		}
		found.Compared++
		if !in[account.Username] && (row.State == relay.EnrollmentEnrolled || account.Active) {
			a.differ(found, relay.Difference{
				Kind: "lms_missing", Subject: fmt.Sprint(row.ID),
				Detail: fmt.Sprintf("enrolment %d is %s in the ledger; the LMS does not have the learner in %s", row.ID, row.State, course),
				Mend:   fmt.Sprintf("edrelay enrollment retry %d", row.ID),
			})
		}
	}
	for at, row := range gone {
		if _, other := held[at]; at.course != course || other || !wasIn(row) {
			continue
		}
		account, err := a.account(ctx, at.learner, accounts)
		if err != nil {
			return err
		}
		found.Compared++
		if account.Exists && in[account.Username] {
			a.differ(found, relay.Difference{
				Kind: "lms_surplus", Subject: fmt.Sprint(row.ID),
				Detail: fmt.Sprintf("enrolment %d is unenrolled in the ledger; the LMS still has the learner in %s", row.ID, course),
				Mend:   fmt.Sprintf("edrelay enrollment retry %d", row.ID),
			})
		}
	}
	return nil
}

// wasIn tells whether edrelay took the learner out; one whom it never put in may be there by other ways.
func wasIn(row *relay.Work) bool { return row.Attempts > 0 }

func (a *Auditor) account(ctx context.Context, learner string, accounts map[string]lms.Account) (lms.Account, error) {
	if known, ok := accounts[learner]; ok {
		return known, nil
	}
	for {
		account, verdict := a.LMS.Account(ctx, learner)
		again, err := judge(ctx, verdict)
		if err != nil {
			return account, err
		}
		if !again {
			accounts[learner] = account
			return account, nil
		}
	}
}

// active gives the usernames that the LMS has in a course.
func (a *Auditor) active(ctx context.Context, course string) (map[string]bool, error) {
	in := map[string]bool{}
	cursor := ""
	for {
		listed, verdict := a.LMS.Enrollments(ctx, course, nil, cursor)
		again, err := judge(ctx, verdict)
		if err != nil {
			return nil, err
		}
		if again {
			continue
		}
		for _, username := range listed.Active {
			in[username] = true
		}
		if cursor = listed.Next; cursor == "" {
			return in, nil
		}
	}
}

// judge turns a verdict into an error, or waits where the LMS asks to and says that the call is to be made again.
func judge(ctx context.Context, verdict lms.Verdict) (again bool, err error) {
	switch verdict.Kind {
	case lms.Answered:
		return false, nil
	case lms.Throttled:
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(max(verdict.After, time.Second)):
			return true, nil
		}
	}
	return false, &relay.Error{Code: relay.CodeUnavailable, Message: "the LMS can't be compared: " + verdict.Reason, Hint: verdict.Hint}
}
