package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strconv"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// writeWork writes rows that were changed under lock, and with them, in the same transaction, the event of each change
// of state.
func writeWork(ctx context.Context, q *pgdb.Queries, rows []*relay.Work) error {
	var added, changed []*relay.Work
	var events []string
	for _, w := range rows {
		events = append(events, w.Announce())
		if w.ID == 0 {
			added = append(added, w)
		} else {
			changed = append(changed, w)
		}
	}
	if err := insertWork(ctx, q, added); err != nil {
		return err
	}
	if len(changed) > 0 {
		params := make([]pgdb.UpdateEnrollmentParams, len(changed))
		for i, w := range changed {
			params[i] = updateParams(w)
		}
		if err := firstError(q.UpdateEnrollment(ctx, params)); err != nil {
			return err
		}
	}
	return announce(ctx, q, rows, events)
}

func insertWork(ctx context.Context, q *pgdb.Queries, added []*relay.Work) error {
	if len(added) == 0 {
		return nil
	}
	params := make([]pgdb.InsertEnrollmentParams, len(added))
	for i, w := range added {
		params[i] = insertParams(w)
	}
	var first error
	q.InsertEnrollment(ctx, params).QueryRow(func(i int, id int64, err error) {
		if err != nil && first == nil {
			first = err
		}
		added[i].ID = id
	})
	return first
}

// announce puts the events of changed rows into the outbox. The id is made once, of row, version and chance, so an event
// that is published twice is one message on the log, and a ledger that was made anew repeats no id.
func announce(ctx context.Context, q *pgdb.Queries, rows []*relay.Work, events []string) error {
	var params []pgdb.AddToOutboxParams
	for i, w := range rows {
		if events[i] == "" {
			continue
		}
		body, err := json.Marshal(map[string]relay.Enrollment{"enrollment": w.Enrollment})
		if err != nil {
			return err
		}
		id := strconv.FormatInt(w.ID, 10)
		params = append(params, pgdb.AddToOutboxParams{
			DedupID: "enrollment-" + id + "-" + strconv.Itoa(w.ToldVersion) + "-" + rand.Text()[:8], EventType: events[i], About: id, At: time.Now(), Body: body, Trace: w.Trace,
		})
	}
	if len(params) == 0 {
		return nil
	}
	return firstError(q.AddToOutbox(ctx, params))
}

func insertParams(w *relay.Work) pgdb.InsertEnrollmentParams {
	return pgdb.InsertEnrollmentParams{
		WebhookID: clean(w.WebhookID), Source: clean(w.Source), OrderID: clean(w.Order), Learner: clean(w.Learner),
		LearnerKey: clean(w.LearnerKey), Sku: clean(w.SKU), Course: clean(w.Course), Action: string(w.Action), State: string(w.State),
		Reason: clean(w.Reason), Attempts: int32(w.Attempts), NextAttemptAt: w.NextAttemptAt, Direct: w.Direct,
		MailDue: w.MailDue, Mailed: w.Mailed, Unsure: w.Unsure, Touched: w.Touched, InFlight: w.InFlight, Account: w.Account,
		GroupLimit: int32(w.GroupLimit), Fails: int32(w.Fails), FirstFailedAt: w.FirstFailedAt, Generation: int32(w.Generation),
		Told: string(w.Told), ToldVersion: int32(w.ToldVersion), Notes: notes(w.Notes), Trace: w.Trace,
	}
}

func updateParams(w *relay.Work) pgdb.UpdateEnrollmentParams {
	return pgdb.UpdateEnrollmentParams{
		ID: w.ID, WebhookID: clean(w.WebhookID), Learner: clean(w.Learner), LearnerKey: clean(w.LearnerKey), Sku: clean(w.SKU), Course: clean(w.Course),
		Action: string(w.Action), State: string(w.State), Reason: clean(w.Reason), Attempts: int32(w.Attempts),
		NextAttemptAt: w.NextAttemptAt, Direct: w.Direct, MailDue: w.MailDue, Mailed: w.Mailed, Unsure: w.Unsure,
		Touched: w.Touched, InFlight: w.InFlight, Account: w.Account, GroupLimit: int32(w.GroupLimit), Fails: int32(w.Fails),
		FirstFailedAt: w.FirstFailedAt, Generation: int32(w.Generation), Told: string(w.Told), ToldVersion: int32(w.ToldVersion),
		Notes: notes(w.Notes), Trace: w.Trace,
	}
}

func toWork(row pgdb.Enrollment) *relay.Work {
	w := &relay.Work{
		Enrollment: relay.Enrollment{
			ID: row.ID, WebhookID: row.WebhookID, Source: row.Source, Order: row.OrderID, Learner: row.Learner, Course: row.Course,
			Action: relay.EnrollmentAction(row.Action), State: relay.EnrollmentState(row.State), Reason: row.Reason,
			Attempts: int(row.Attempts), NextAttemptAt: row.NextAttemptAt, Mailed: row.Mailed,
			CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
		},
		LearnerKey: row.LearnerKey, SKU: row.Sku, Direct: row.Direct, MailDue: row.MailDue, Unsure: row.Unsure, Touched: row.Touched,
		InFlight: row.InFlight, Account: row.Account, GroupLimit: int(row.GroupLimit), Fails: int(row.Fails),
		FirstFailedAt: row.FirstFailedAt, Generation: int(row.Generation), Told: relay.EnrollmentState(row.Told),
		ToldVersion: int(row.ToldVersion), Trace: row.Trace,
	}
	_ = json.Unmarshal(row.Notes, &w.Notes) // written by notes; absent at worst
	return w
}

func toWorks(rows []pgdb.Enrollment) []*relay.Work {
	list := make([]*relay.Work, len(rows))
	for i, row := range rows {
		list[i] = toWork(row)
	}
	return list
}
