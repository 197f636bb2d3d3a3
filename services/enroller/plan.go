package enroller

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/lms"
)

// want is one enrolment that an order asks for now.
type want struct {
	learner string
	key     string // learner in lower case
	sku     string
	course  string // "" while it is looked up, or when Problem says why there is none
	problem string // why it can't be worked
}

// SKUs is what is known of SKUs that are no course keys.
type SKUs map[string]relay.SKU

// courseOf gives the course of a SKU as far as it is known, pinned for the order when it came from a look-up.
func courseOf(state *relay.OrderState, sku string, known SKUs) relay.SKU {
	if strings.HasPrefix(sku, "course-v1:") && sku != "course-v1:" {
		if lms.IsCourse(sku) {
			return relay.SKU{SKU: sku, State: relay.SKUCourse, Course: sku}
		}
		return relay.SKU{SKU: sku, State: relay.SKUBroken, Reason: "the SKU begins like a course key but is none"}
	}
	if course := state.Courses[sku]; course != "" {
		return relay.SKU{SKU: sku, State: relay.SKUCourse, Course: course}
	}
	found := known[sku]
	if found.State == relay.SKUCourse {
		if state.Courses == nil {
			state.Courses = map[string]string{}
		}
		state.Courses[sku] = found.Course
	}
	return found
}

// needsLookUp tells whether a SKU's course must be asked of the LMS.
func needsLookUp(state *relay.OrderState, sku string) bool {
	return sku != "" && courseOf(state, sku, nil).State == relay.SKUUnknown
}

// wants gives what an order asks for now, and notes for people on what was left out or joined.
func wants(state *relay.OrderState, known SKUs) (list []want, notes []string) {
	if !state.Known || state.Intent != relay.IntentEnroll {
		return nil, nil
	}
	taken := refundedLines(state)
	seen := map[spot]bool{}
	for _, line := range state.Lines {
		one, note := wantOf(state, line, taken[line.ID], known)
		if note != "" {
			notes = append(notes, "line "+line.ID+": "+note)
		}
		if one == nil {
			continue
		}
		if seen[one.spot()] {
			notes = append(notes, "line "+line.ID+": another line asks for the same learner and course; one enrolment")
			continue
		}
		seen[one.spot()] = true
		list = append(list, *one)
	}
	return list, notes
}

// longestSKU is more than any shop allows.
const longestSKU = 255

func wantOf(state *relay.OrderState, line relay.Line, refunded int, known SKUs) (one *want, note string) {
	sku := strings.TrimSpace(line.SKU)
	switch {
	case line.Quantity <= 0 || refunded >= line.Quantity:
		return nil, ""
	case sku == "":
		return nil, "no SKU, skipped"
	case len(sku) > longestSKU:
		return nil, "the SKU is too long to be one, skipped"
	case relay.IsForgotten(line.Learner):
		return nil, relay.ForgottenReason + ", skipped"
	}
	found := courseOf(state, sku, known)
	if found.State == relay.SKUNone {
		return nil, fmt.Sprintf("SKU %q is no course, skipped", sku)
	}
	one = &want{learner: line.Learner, key: strings.ToLower(line.Learner), sku: sku, course: found.Course}
	switch {
	case found.State == relay.SKUBroken:
		one.problem = found.Reason
	case found.State == relay.SKUUnknown: // a line without an address may still turn out to be no course
	case line.Problem != "":
		one.problem = line.Problem
	case line.Learner == "":
		one.problem = "no learner's address"
	case !lms.IsAddress(line.Learner):
		one.problem = "the learner's address is no e-mail address"
	}
	if line.Quantity > 1 {
		note = fmt.Sprintf("quantity %d for one learner; one enrolment", line.Quantity)
	}
	return one, note
}

// spot is where an enrolment stands within its order: one learner in one course, or behind one SKU until its course is
// known.
type spot struct{ learner, course, sku string }

func spotOf(learner, course, sku string) spot {
	if course != "" {
		sku = ""
	}
	return spot{learner, course, sku}
}

func (w want) spot() spot { return spotOf(w.key, w.course, w.sku) }

func spotOfRow(row *relay.Work) spot { return spotOf(row.LearnerKey, row.Course, row.SKU) }

// spots finds the rows of an order.
func spots(rows []*relay.Work) map[spot]*relay.Work {
	at := make(map[spot]*relay.Work, len(rows))
	for _, row := range rows {
		at[spotOfRow(row)] = row
	}
	return at
}

// apply brings the rows of an order to what it wants now. Only rows that may have left a trace in the LMS are undone
// there; others end at once.
func apply(record *relay.OrderRecord, list []want, mail bool, now time.Time) {
	at := spots(record.Rows)
	wanted := make(map[spot]bool, len(list))
	for _, one := range list {
		wanted[one.spot()] = true
		row := rowFor(at, one)
		if row == nil {
			row = newRow(record, one, mail)
			record.Rows = append(record.Rows, row)
			admit(row, one, now)
			at[one.spot()] = row
			continue
		}
		if row.Action == relay.ActionUnenroll {
			row.Action = relay.ActionEnroll
			row.Generation++
			admit(row, one, now)
		} else if row.Course != one.course || row.Course == "" && row.State == relay.EnrollmentWaiting && one.problem != "" {
			admit(row, one, now)
		}
		at[one.spot()] = row
	}
	record.Rows = slices.DeleteFunc(record.Rows, func(row *relay.Work) bool {
		if row.Action != relay.ActionEnroll || wanted[spotOfRow(row)] || row.Direct || relay.IsForgotten(row.Learner) {
			return false
		}
		if row.Course == "" && row.State == relay.EnrollmentWaiting { // it never became an enrolment
			if row.ID != 0 {
				record.Dropped = append(record.Dropped, row.ID)
			}
			return true
		}
		undo(row, undoReason(&record.State), now)
		return false
	})
}

// rowFor finds the row of a want: the one of its course, else the one that waits for the course of its SKU.
func rowFor(at map[spot]*relay.Work, one want) *relay.Work {
	if row := at[one.spot()]; row != nil {
		return row
	}
	if row := at[spotOf(one.key, "", one.sku)]; row != nil && row.Course == "" {
		return row
	}
	return nil
}

func newRow(record *relay.OrderRecord, one want, mail bool) *relay.Work {
	return &relay.Work{
		Enrollment: relay.Enrollment{
			WebhookID: record.State.Webhook, Source: record.State.Source, Order: record.State.Order, Learner: one.learner,
			Action: relay.ActionEnroll,
		},
		LearnerKey: one.key, SKU: one.sku, MailDue: mail,
	}
}

// admit makes a row due for what is wanted, or parks it with the reason why it can't be worked.
func admit(row *relay.Work, one want, now time.Time) {
	row.Course, row.SKU = one.course, one.sku
	fresh(row)
	row.Unsure = false
	if one.problem != "" {
		park(row, one.problem)
		return
	}
	wait(row, "", now)
	if one.course == "" {
		row.Reason = "the course of the SKU is being looked up"
	}
}

// undo takes an enrolment back. What was never asked of the LMS ends at once.
func undo(row *relay.Work, reason string, now time.Time) {
	row.Action = relay.ActionUnenroll
	row.Generation++
	fresh(row)
	row.Unsure = false
	if row.Touched || row.InFlight {
		wait(row, reason, now)
		return
	}
	finish(row, relay.EnrollmentUnenrolled, reason)
}

func undoReason(state *relay.OrderState) string {
	if state.Intent == relay.IntentUndo {
		if state.Reason != "" {
			return "the order is " + state.Reason
		}
		return "the order is undone"
	}
	return "the order's newest state does not ask for it any more"
}

// fresh forgets failures of what was wanted before.
func fresh(row *relay.Work) { row.Fails, row.FirstFailedAt, row.GroupLimit = 0, nil, 0 }

func park(row *relay.Work, reason string) {
	row.State, row.Reason, row.NextAttemptAt = relay.EnrollmentParked, reason, nil
}

func wait(row *relay.Work, reason string, until time.Time) {
	row.State, row.Reason, row.NextAttemptAt = relay.EnrollmentWaiting, reason, &until
}

func finish(row *relay.Work, state relay.EnrollmentState, reason string) {
	row.State, row.Reason, row.NextAttemptAt = state, reason, nil
	fresh(row)
}

// Unplanned counts the enrolments of an order that are not as its newest state asks: lacking, or still wanted though it
// asks for them no more. Those of forgotten learners are left as they are. Zero is what recording the order once more would change.
func Unplanned(state *relay.OrderState, rows []*relay.Work, known map[string]relay.SKU) int {
	list, _ := wants(state, known)
	at, wanted, count := spots(rows), map[spot]bool{}, 0
	for _, one := range list {
		wanted[one.spot()] = true
		if row := rowFor(at, one); row == nil || row.Action != relay.ActionEnroll {
			count++
		}
	}
	for _, row := range rows {
		if !row.Direct && row.Action == relay.ActionEnroll && row.Course != "" && !wanted[spotOfRow(row)] && !relay.IsForgotten(row.Learner) {
			count++
		}
	}
	return count
}
