package enroller

import (
	"context"
	"strconv"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/lms"
)

// RetryLedger is the part of the ledger that retries need.
type RetryLedger interface {
	Enrollment(ctx context.Context, id int64) (relay.Enrollment, error)
	Enrollments(context.Context, relay.EnrollmentQuery) ([]relay.Enrollment, error)
	ChangeEnrollments(ctx context.Context, ids []int64, change func([]*relay.Work) error) error
	WantSKUs(ctx context.Context, skus []string, now time.Time) error
}

// Retrier makes enrolments due again by an operator's order. Running enrollers find them by themselves.
type Retrier struct {
	Ledger RetryLedger
	Now    func() time.Time // time.Now when nil
}

// Retry makes one enrolment due now, whatever state it is in; the LMS is asked again for what the row wants. The learner
// is not mailed unless mail says so. Errors: ErrNotFound; CodeConflict when the row is in a call; CodeInvalid when it has
// no learner, or one who was forgotten.
func (r Retrier) Retry(ctx context.Context, id int64, mail bool) (relay.Enrollment, error) {
	if _, err := r.Ledger.Enrollment(ctx, id); err != nil {
		return relay.Enrollment{}, err
	}
	if _, err := r.revive(ctx, []int64{id}, mail, true); err != nil {
		return relay.Enrollment{}, err
	}
	return r.Ledger.Enrollment(ctx, id)
}

// RetryAll makes all enrolments due that a query chooses, e.g. all parked for one reason, and says how many. A query
// without a state chooses the parked ones. Rows that can't be retried are left out.
func (r Retrier) RetryAll(ctx context.Context, query relay.EnrollmentQuery, mail bool) (int, error) {
	const most = 500
	if query.State == "" {
		query.State = relay.EnrollmentParked
	}
	query.Limit = most
	revived := 0
	for {
		list, err := r.Ledger.Enrollments(ctx, query)
		if err != nil || len(list) == 0 {
			return revived, err
		}
		ids := make([]int64, len(list))
		for i, one := range list {
			ids[i] = one.ID
		}
		n, err := r.revive(ctx, ids, mail, false)
		revived += n
		if err != nil || len(list) < most {
			return revived, err
		}
		query.Before = relay.Mark{ID: strconv.FormatInt(list[len(list)-1].ID, 10)}
	}
}

// RetryThese makes enrolments due, for replays, and says how many could not be.
func (r Retrier) RetryThese(ctx context.Context, ids []int64, mail bool) (left int, err error) {
	revived, err := r.revive(ctx, ids, mail, false)
	return len(ids) - revived, err
}

// revive makes rows due. With strict set, a row that can't be is an error.
func (r Retrier) revive(ctx context.Context, ids []int64, mail, strict bool) (revived int, err error) {
	now := time.Now()
	if r.Now != nil {
		now = r.Now()
	}
	var skus []string
	err = r.Ledger.ChangeEnrollments(ctx, ids, func(rows []*relay.Work) error {
		revived, skus = 0, nil
		for _, row := range rows {
			if err := revive(row, mail, now); err != nil {
				if strict {
					return err
				}
				continue
			}
			revived++
			if row.Course == "" {
				skus = append(skus, row.SKU)
			}
		}
		return nil
	})
	if err != nil || len(skus) == 0 {
		return revived, err
	}
	return revived, r.Ledger.WantSKUs(ctx, skus, now)
}

func revive(row *relay.Work, mail bool, now time.Time) error {
	if row.InFlight {
		return relay.Errorf(relay.CodeConflict, "enrollment %d is in a call to the LMS right now", row.ID)
	}
	if relay.IsForgotten(row.Learner) {
		return &relay.Error{
			Code: relay.CodeInvalid, Message: "enrollment " + strconv.FormatInt(row.ID, 10) + " can't be retried: " + relay.ForgottenReason,
			Hint: "Should the learner come back, the shop has to send a new order.",
		}
	}
	if !lms.IsAddress(row.Learner) && row.Course != "" {
		return &relay.Error{
			Code: relay.CodeInvalid, Message: "enrollment " + strconv.FormatInt(row.ID, 10) + " has no learner's e-mail address",
			Hint: "Mend the address in the order in the shop; its update is worked by itself.",
		}
	}
	fresh(row)
	row.MailDue = mail && row.Action == relay.ActionEnroll
	wait(row, "retried by an operator", now)
	if row.Course == "" {
		row.Reason = "the course of the SKU is being looked up"
	}
	return nil
}
