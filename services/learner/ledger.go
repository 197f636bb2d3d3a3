package learner

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
)

// ledger takes the learner out of the ledger.
func (j *job) ledger(ctx context.Context) error {
	j.tell("erasing in the ledger", 0, 0)
	keys, err := j.office.orders(ctx, j.person)
	if err != nil {
		return err
	}
	orders, rows, err := j.office.Orders.ForgetOrders(ctx, j.person.text, j.erasure.As, keys)
	if err != nil {
		return err
	}
	roster, pending, err := j.forgetRoster(ctx)
	if err != nil {
		return err
	}
	outbox, err1 := j.office.Ledger.ForgetOutbox(ctx, j.person.in)
	replays, err2 := j.office.Ledger.ForgetReplays(ctx, j.person.text, j.erasure.As, relay.ForgottenReason)
	j.change(func(e *relay.Erasure) {
		e.Counts.Orders += orders
		e.Counts.Enrollments += rows
		e.Counts.Roster += roster
		e.Counts.Pending += pending
		e.Counts.Outbox += outbox
		e.Counts.Replays += replays
	})
	return errors.Join(err1, err2)
}

func (j *job) forgetRoster(ctx context.Context) (roster, pending int, err error) {
	entries, err := j.office.Ledger.Roster(ctx, relay.RosterQuery{Email: j.person.text})
	if err != nil {
		return 0, 0, err
	}
	gone, err := j.office.Ledger.ForgetPerson(ctx, j.person.text)
	if err != nil || gone == 0 {
		return 0, 0, err
	}
	// The person takes the entries along; what is counted beside the person are requests.
	if len(entries) > 0 {
		return 1 + len(entries), gone - 1, nil
	}
	return gone, 0, nil
}

// afterwards takes out what came meanwhile from attempts and events that were under way, and the free texts.
func (j *job) afterwards(ctx context.Context) error {
	j.tell("looking once more", 0, 0)
	if err := j.ledger(ctx); err != nil {
		return err
	}
	for some := range slices.Chunk(j.open, chunkSize) {
		if _, err := j.office.Ledger.EndErasedDeliveries(ctx, some, relay.ForgottenReason); err != nil {
			return err
		}
	}
	scrub := func(text string) string { return j.person.scrub(text, j.erasure.As) }
	texts, err := j.office.Ledger.ForgetTexts(ctx, j.person.word(), j.person.holds, scrub)
	if err != nil {
		return err
	}
	j.change(func(e *relay.Erasure) { e.Counts.Texts += texts })
	if j.now().Counts.Total() == 0 && j.blocked == 0 {
		j.remark("Nothing was held of this learner.")
		if !j.ask.Rewrite {
			return nil
		}
	}
	j.vacuum(ctx)
	return nil
}

// vacuum has Postgres let go of what was erased. That it can't is no failure of the erasure.
func (j *job) vacuum(ctx context.Context) {
	j.tell("vacuuming the ledger", 0, 0)
	if err := j.office.Ledger.Vacuum(ctx); err != nil {
		j.remark("Postgres could not be vacuumed by edrelay; its autovacuum will do it.")
		j.office.Logger.Warn("ledger not vacuumed", "erasure", j.erasure.ID, "error", err)
	}
	if !j.ask.Rewrite {
		return
	}
	j.tell("writing the ledger's tables anew", 0, 0)
	left, err := j.office.Ledger.Rewrite(ctx)
	if err != nil {
		j.remark("The ledger's tables could not be written anew: " + relay.PublicMessage(err))
		j.office.Logger.Warn("ledger not rewritten", "erasure", j.erasure.ID, "error", err)
	}
	if len(left) > 0 {
		j.remark("Busy all the time, so not written anew: " + strings.Join(left, ", ") + ". Forget the learner again at a quiet time.")
	}
}
