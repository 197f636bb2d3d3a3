// Package audit compares what was accepted with what became of it: the log with the ledger, the ledger with itself, and
// on demand the ledger with the LMS. It changes nothing.
package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller"
)

// Log is the stream of verified webhooks.
type Log interface {
	// Range gives the first and last sequence of WEBHOOKS and when the stream was made; last < first when it is empty.
	Range(context.Context) (first, last uint64, created time.Time, err error)
	// Message gives one message, or ErrNotFound when it is gone.
	Message(ctx context.Context, stream string, sequence uint64) (relay.Received, error)
}

// Ledger is what became of them.
type Ledger interface {
	Sequences(ctx context.Context, first, last uint64, since time.Time) ([]uint64, error)
	Orders(ctx context.Context, after relay.OrderKey, limit int) ([]relay.OrderState, error)
	WorkOfOrder(context.Context, relay.OrderKey) ([]*relay.Work, error)
	WorkAfter(ctx context.Context, id int64, limit int) ([]*relay.Work, error)
	KnownSKUs(ctx context.Context, skus []string, fresh time.Time) (map[string]relay.SKU, error)
	EnrollerStatus(context.Context) ([]relay.EnrollerStatus, error)
	// ErasedMessage tells when and why a message was erased; ErrNotFound for one that was not.
	ErasedMessage(ctx context.Context, stream string, sequence uint64) (relay.ErasedMessage, error)
}

// Auditor compares.
type Auditor struct {
	Log    Log
	Ledger Ledger
	LMS    LMS           // nil: the LMS is not asked
	Grace  time.Duration // a webhook younger than that may still be on its way into the ledger: 30 s when 0
	Now    func() time.Time
	Most   int // differences named; 1000 when 0

	running, ready bool // whether an enroller runs, and whether the LMS is there for it
}

// Run compares everything. It holds a page of rows at a time.
func (a *Auditor) Run(ctx context.Context) (relay.Reconciliation, error) {
	found := relay.Reconciliation{Differences: []relay.Difference{}}
	enrollers, err := a.Ledger.EnrollerStatus(ctx)
	if err != nil {
		return found, err
	}
	a.running = len(enrollers) > 0
	a.ready = slices.ContainsFunc(enrollers, func(one relay.EnrollerStatus) bool { return one.State == "ready" })
	for _, step := range []func(context.Context, *relay.Reconciliation) error{a.log, a.orders, a.rows} {
		if err := step(ctx, &found); err != nil {
			return found, err
		}
	}
	if a.LMS == nil {
		return found, nil
	}
	return found, a.compareLMS(ctx, &found)
}

func (a *Auditor) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

func (a *Auditor) differ(found *relay.Reconciliation, one relay.Difference) {
	most := a.Most
	if most == 0 {
		most = 1000
	}
	if len(found.Differences) < most {
		found.Differences = append(found.Differences, one)
	}
}

// log looks for webhooks that the log has and the ledger doesn't.
func (a *Auditor) log(ctx context.Context, found *relay.Reconciliation) error {
	const window = 5000
	first, last, created, err := a.Log.Range(ctx)
	if err != nil {
		return fmt.Errorf("read the log's range: %w", err)
	}
	for from := max(first, 1); from <= last; from += window {
		to := min(from+window-1, last)
		known, err := a.Ledger.Sequences(ctx, from, to, created)
		if err != nil {
			return err
		}
		found.Webhooks += len(known)
		next := 0
		for sequence := from; sequence <= to; sequence++ {
			if next < len(known) && known[next] == sequence {
				next++
				continue
			}
			if err := a.missing(ctx, sequence, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// gone judges a sequence that neither the log nor the ledger has. Retention lets only the oldest go; a hole behind them
// that nobody erased is a message that the disk corrupted.
func (a *Auditor) gone(ctx context.Context, sequence uint64, found *relay.Reconciliation) error {
	if _, err := a.Ledger.ErasedMessage(ctx, relay.StreamWebhooks, sequence); !errors.Is(err, relay.ErrNotFound) {
		return err
	}
	first, _, _, err := a.Log.Range(ctx)
	if err != nil {
		return fmt.Errorf("read the log's range: %w", err)
	}
	if sequence >= first {
		a.differ(found, relay.Difference{
			Kind: "webhook_unreadable", Subject: fmt.Sprint(sequence),
			Detail: fmt.Sprintf("webhook %d was accepted, and the log can't read it any more: its block on the disk is damaged", sequence),
			Mend:   "restore the newest backup, or have senders repeat what they sent at that time",
		})
	}
	return nil
}

// missing judges a sequence that the ledger doesn't know; the log may not have it any more either.
func (a *Auditor) missing(ctx context.Context, sequence uint64, found *relay.Reconciliation) error {
	m, err := a.Log.Message(ctx, relay.StreamWebhooks, sequence)
	if errors.Is(err, relay.ErrNotFound) || relay.CodeOf(err) == relay.CodeNotFound {
		return a.gone(ctx, sequence, found)
	}
	if err != nil {
		return fmt.Errorf("read webhook %d of the log: %w", sequence, err)
	}
	found.Webhooks++
	grace := a.Grace
	if grace == 0 {
		grace = 30 * time.Second
	}
	if a.now().Sub(m.Stored) < grace {
		found.Underway++
		return nil
	}
	mend := "edrelay replay start --enroller --since " + m.Stored.UTC().Format(time.RFC3339)
	if !a.running {
		mend = "edrelay enroller"
	}
	a.differ(found, relay.Difference{
		Kind: "webhook_missing", Subject: fmt.Sprint(sequence),
		Detail: fmt.Sprintf("webhook %s of source %s, accepted %s, is on the log and not in the ledger", m.ID, m.Header[relay.HeaderSource], m.Stored.UTC().Format(time.RFC3339)),
		Mend:   mend,
	})
	return nil
}

// orders looks for orders whose rows are not what their newest state asks for.
func (a *Auditor) orders(ctx context.Context, found *relay.Reconciliation) error {
	const page = 500
	var after relay.OrderKey
	for {
		list, err := a.Ledger.Orders(ctx, after, page)
		if err != nil {
			return err
		}
		for i := range list {
			if err := a.order(ctx, &list[i], found); err != nil {
				return err
			}
		}
		found.Orders += len(list)
		if len(list) < page {
			return nil
		}
		after = list[len(list)-1].OrderKey
	}
}

func (a *Auditor) order(ctx context.Context, state *relay.OrderState, found *relay.Reconciliation) error {
	var skus []string
	for _, line := range state.Lines {
		skus = append(skus, line.SKU)
	}
	known, err := a.Ledger.KnownSKUs(ctx, skus, time.Time{})
	if err != nil {
		return err
	}
	rows, err := a.Ledger.WorkOfOrder(ctx, state.OrderKey)
	if err != nil {
		return err
	}
	if lacking := enroller.Unplanned(state, rows, known); lacking > 0 {
		a.differ(found, relay.Difference{
			Kind: "order_unplanned", Subject: state.Source + "/" + state.Order,
			Detail: fmt.Sprintf("%d enrolments of the order are not as its newest state asks", lacking),
			Mend:   "edrelay replay start --enroller --source " + state.Source,
		})
	}
	return nil
}

// rows looks for enrolments that nobody works though the LMS is there. During an outage they wait, which is no difference.
func (a *Auditor) rows(ctx context.Context, found *relay.Reconciliation) error {
	const overdue = time.Hour
	now := a.now()
	return a.eachRow(ctx, func(rows []*relay.Work) error {
		for _, row := range rows {
			found.Enrollments++
			switch row.State {
			case relay.EnrollmentWaiting:
				found.Waiting++
				if a.ready && row.Course != "" && now.Sub(*row.NextAttemptAt) > overdue {
					a.differ(found, relay.Difference{
						Kind: "enrollment_stuck", Subject: fmt.Sprint(row.ID),
						Detail: fmt.Sprintf("enrolment %d has been due since %s", row.ID, row.NextAttemptAt.UTC().Format(time.RFC3339)),
						Mend:   "edrelay doctor",
					})
				}
			case relay.EnrollmentParked:
				found.Parked++
			}
		}
		return nil
	})
}

func (a *Auditor) eachRow(ctx context.Context, do func([]*relay.Work) error) error {
	const page = 1000
	var after int64
	for {
		rows, err := a.Ledger.WorkAfter(ctx, after, page)
		if err != nil {
			return err
		}
		if err := do(rows); err != nil || len(rows) < page {
			return err
		}
		after = rows[len(rows)-1].ID
	}
}
