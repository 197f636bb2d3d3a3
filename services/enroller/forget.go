package enroller

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
)

// leftInLMS is the reason of a row that ended though the LMS may hold something of it.
const leftInLMS = relay.ForgottenReason + "; the LMS may still hold this enrolment"

// ForgetLedger is the part of the ledger that forgetting needs.
type ForgetLedger interface {
	ChangeOrders(ctx context.Context, keys []relay.OrderKey, change func(map[relay.OrderKey]*relay.OrderRecord) ([]relay.Webhook, error)) error
}

// Forgetter takes a learner out of orders and enrolments.
type Forgetter struct {
	Ledger ForgetLedger
}

// ForgetOrders puts as in the place of the learner's address, in lower case, in the orders given, and says how many
// orders and enrolments that changed. What waited for the LMS ends: unenrolled when the LMS was never asked, parked when
// it may hold something. Later updates of the orders know the learner again and ask nothing for them. Doing it again
// changes nothing.
func (f Forgetter) ForgetOrders(ctx context.Context, learner, as string, keys []relay.OrderKey) (orders, enrollments int, err error) {
	err = f.each(ctx, keys, func(records map[relay.OrderKey]*relay.OrderRecord) {
		for _, record := range records {
			lines, rows := forget(record, learner, as)
			if lines || rows > 0 {
				orders++
			}
			enrollments += rows
		}
	})
	return orders, enrollments, err
}

// MarkOrders has later updates of the orders leave the learner out, though the orders may not name the learner now.
func (f Forgetter) MarkOrders(ctx context.Context, learner, as string, keys []relay.OrderKey) error {
	return f.each(ctx, keys, func(records map[relay.OrderKey]*relay.OrderRecord) {
		for _, record := range records {
			mark(&record.State, learner, as)
		}
	})
}

// each changes orders, some at a time; change runs once for each of them.
func (f Forgetter) each(ctx context.Context, keys []relay.OrderKey, change func(map[relay.OrderKey]*relay.OrderRecord)) error {
	const atOnce = 100
	for some := range slices.Chunk(keys, atOnce) {
		err := f.Ledger.ChangeOrders(ctx, some, func(records map[relay.OrderKey]*relay.OrderRecord) ([]relay.Webhook, error) {
			change(records)
			return nil, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forget takes a learner out of one order.
func forget(record *relay.OrderRecord, learner, as string) (lines bool, rows int) {
	state := &record.State
	inLines := as
	if known := knownAgain(state.Forgotten, learner); known != "" {
		inLines = known
	}
	for i := range state.Lines {
		if strings.ToLower(state.Lines[i].Learner) == learner {
			state.Lines[i].Learner, lines = inLines, true
		}
	}
	if lines {
		state.Rank = rankOf(relay.Order{Intent: state.Intent, Lines: state.Lines})
	}
	for _, row := range record.Rows {
		if row.LearnerKey == learner {
			forgetRow(row, as)
			rows++
		}
	}
	if lines || rows > 0 {
		mark(state, learner, as)
	}
	return lines, rows
}

// forgetRow takes the learner out of a row and ends what it waited for. Its state is told to nobody.
func forgetRow(row *relay.Work, as string) {
	row.Learner, row.LearnerKey = as, as
	row.MailDue = false
	if row.InFlight {
		row.Generation++ // the answer to the call under way is not the outcome
	}
	if row.State == relay.EnrollmentWaiting {
		if row.Touched || row.InFlight || row.Unsure {
			park(row, leftInLMS)
		} else {
			finish(row, relay.EnrollmentUnenrolled, relay.ForgottenReason)
		}
	}
	row.Told = row.State
}

// mark has the order know the learner again.
func mark(state *relay.OrderState, learner, as string) {
	if knownAgain(state.Forgotten, learner) != "" {
		return
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	state.Forgotten = append(state.Forgotten, relay.ForgottenLearner{Salt: salt, Hash: hashUnder(salt, learner), As: as})
}

func hashUnder(salt []byte, learner string) []byte {
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte(learner))
	return mac.Sum(nil)
}

// knownAgain gives what stands in the place of a learner who was forgotten; "" for everybody else.
func knownAgain(forgotten []relay.ForgottenLearner, learner string) string {
	for _, one := range forgotten {
		if hmac.Equal(one.Hash, hashUnder(one.Salt, learner)) {
			return one.As
		}
	}
	return ""
}

// withoutForgotten keeps learners out of an order's update who were forgotten in an earlier one.
func withoutForgotten(state *relay.OrderState, update relay.Order) relay.Order {
	if len(state.Forgotten) == 0 {
		return update
	}
	update.Lines = slices.Clone(update.Lines)
	for i := range update.Lines {
		line := &update.Lines[i]
		if as := knownAgain(state.Forgotten, strings.ToLower(line.Learner)); as != "" {
			line.Learner, line.Problem = as, ""
		}
	}
	return update
}
