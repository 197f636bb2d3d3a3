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
	for _, line := range state.Lines {
		one, note := wantOf(state, line, known)
		if note != "" {
			notes = append(notes, "line "+line.ID+": "+note)
		}
		if one == nil {
			continue
		}
		if slices.ContainsFunc(list, one.same) {
			notes = append(notes, "line "+line.ID+": another line asks for the same learner and course; one enrolment")
			continue
		}
		list = append(list, *one)
	}
	return list, notes
}

func wantOf(state *relay.OrderState, line relay.Line, known SKUs) (one *want, note string) {
	sku := strings.TrimSpace(line.SKU)
	if line.Quantity <= 0 || refunded(state, line.ID) >= line.Quantity {
		return nil, ""
	}
	if sku == "" {
		return nil, "no SKU, skipped"
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

func (w want) same(other want) bool {
	return w.key == other.key && w.course == other.course && (w.course != "" || w.sku == other.sku)
}

func (w want) matches(row *relay.Work) bool {
	if row.LearnerKey != w.key {
		return false
	}
	return row.Course == w.course && (w.course != "" || row.SKU == w.sku)
}

// apply brings the rows of an order to what it wants now. Only rows that may have left a trace in the LMS are undone
// there; others end at once.
func apply(record *relay.OrderRecord, list []want, known SKUs, mail bool, now time.Time) {
	for _, one := range list {
		row := rowFor(record, one)
		if row == nil {
			row = newRow(record, one, mail)
			record.Rows = append(record.Rows, row)
			admit(row, one, now)
			continue
		}
		if row.Action == relay.ActionUnenroll {
			row.Action = relay.ActionEnroll
			row.Generation++
			admit(row, one, now)
		} else if row.Course != one.course || row.Course == "" && row.State == relay.EnrollmentWaiting && one.problem != "" {
			admit(row, one, now)
		}
	}
	wanted := func(row *relay.Work) bool {
		return slices.ContainsFunc(list, func(one want) bool { return one.matches(row) })
	}
	record.Rows = slices.DeleteFunc(record.Rows, func(row *relay.Work) bool {
		if row.Action != relay.ActionEnroll || wanted(row) || row.Direct {
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

// rowFor finds the row of a want: the one of its course, else the one that waits for the course of its SKU, unless that
// has another home by now.
func rowFor(record *relay.OrderRecord, one want) *relay.Work {
	var waiting *relay.Work
	for _, row := range record.Rows {
		if one.matches(row) {
			return row
		}
		if row.LearnerKey == one.key && row.Course == "" && row.SKU == one.sku {
			waiting = row
		}
	}
	return waiting
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
// asks for them no more. Zero is what recording the order once more would change.
func Unplanned(state *relay.OrderState, rows []*relay.Work, known map[string]relay.SKU) int {
	list, _ := wants(state, known)
	count := 0
	for _, one := range list {
		if !slices.ContainsFunc(rows, func(row *relay.Work) bool {
			return row.Action == relay.ActionEnroll && (one.matches(row) || row.LearnerKey == one.key && row.Course == "" && row.SKU == one.sku)
		}) {
			count++
		}
	}
	for _, row := range rows {
		if row.Direct || row.Action != relay.ActionEnroll || row.Course == "" {
			continue
		}
		if !slices.ContainsFunc(list, func(one want) bool { return one.matches(row) }) {
			count++
		}
	}
	return count
}
