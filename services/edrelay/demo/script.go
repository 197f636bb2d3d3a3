package demo

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/client"
)

const (
	patience  = 20 * time.Second
	lookEvery = 20 * time.Millisecond
)

// step is one thing that the demo shows; do prints what happens and gives an error when it can't be verified.
type step struct {
	title string
	do    func(context.Context, *stage, *screen) error
}

func script() []step {
	return []step{
		{"A Shopify order: somebody buys Ada a course", shopifyStep},
		{"A WooCommerce order for Grace, who has no account yet", wooStep},
		{"A forged order is refused and changes nothing", forgedStep},
		{"The same order again changes nothing either", repeatStep},
		{"A partner, Lernito, asks for an enrolment and waits for the outcome", partnerStep},
		{"Open edX says that somebody registered; a service reads it from NATS", eventStep},
		{"Another one registered; a URL that subscribed is told, signed, and again when it fails", subscriberStep},
		{"Open edX asks before it enrols somebody, and a filter decides", filterStep},
		{"Open edX says who became course staff, and asks for an enrolment here", rosterStep},
		{"Is everything that was accepted accounted for?", auditStep},
	}
}

func shopifyStep(ctx context.Context, st *stage, s *screen) error {
	began := time.Now()
	a, err := st.sendShopify(ctx, st.first, shopifyOrder(st.first, ada, goSKU), shopifySecret)
	if err != nil {
		return err
	}
	s.sent(fmt.Sprintf("order #%d, one line %q for %s, signed with the shop's secret", st.first, goSKU, ada), st.doorURL+shopifyPath, a)
	if err := a.expect(200); err != nil {
		return err
	}
	row, err := st.enrollment(ctx, st.first, relay.EnrollmentEnrolled)
	if err != nil {
		return err
	}
	if row.Learner != ada || row.Course != goCourse || !st.enrolled("ada", goCourse) {
		return fmt.Errorf("the ledger says %s in %s, Open edX disagrees", row.Learner, row.Course)
	}
	s.good("the SKU led to %s, and Open edX says that Ada is in (%s after the order)", goCourse, round(time.Since(began)))
	return st.webhookDone(ctx, st.first, s)
}

func wooStep(ctx context.Context, st *stage, s *screen) error {
	id := st.first + 1
	a, err := st.sendWoo(ctx, wooOrder(id, grace, sqlCourse))
	if err != nil {
		return err
	}
	s.sent(fmt.Sprintf("order %d, one line %s for %s", id, sqlCourse, grace), st.doorURL+wooPath, a)
	if err := a.expect(200); err != nil {
		return err
	}
	if _, err := st.enrollment(ctx, id, relay.EnrollmentAllowed); err != nil {
		return err
	}
	if !st.allowed(grace, sqlCourse) {
		return fmt.Errorf("open edX knows no allowance for %s", grace)
	}
	s.good("Open edX will enrol Grace as soon as she registers (state: allowed)")
	if err := st.register("grace", grace); err != nil {
		return err
	}
	if !st.enrolled("grace", sqlCourse) {
		return fmt.Errorf("grace registered and is not in the course")
	}
	s.good("she registers, and is in")
	return nil
}

func forgedStep(ctx context.Context, st *stage, s *screen) error {
	id := st.first + 2
	a, err := st.sendShopify(ctx, id, shopifyOrder(id, "mallory@evil.example", goCourse), "a guessed secret")
	if err != nil {
		return err
	}
	s.sent("an order signed with a guessed secret", st.doorURL+shopifyPath, a)
	if err := a.expect(403); err != nil {
		return err
	}
	rows, err := client.List[relay.Enrollment](ctx, st.admin, "/enrollments", url.Values{"order": {strconv.FormatInt(id, 10)}}, 0)
	if err != nil {
		return err
	}
	if len(rows) != 0 {
		return fmt.Errorf("the forged order made %d enrolments", len(rows))
	}
	s.good("refused; no enrolment was made")
	return await(ctx, "the forged order among the rejected webhooks", func() (bool, error) {
		rejected, err := client.List[relay.Webhook](ctx, st.admin, "/webhooks", url.Values{"state": {"rejected"}}, 0)
		if err != nil || len(rejected) == 0 {
			return false, err
		}
		s.good("kept aside for a while as %s (reason: %s), in case a secret was set wrongly", rejected[0].State, rejected[0].Reason)
		return true, nil
	})
}

func repeatStep(ctx context.Context, st *stage, s *screen) error {
	mails, calls := len(st.lms.Mails()), st.bulkCalls()
	a, err := st.sendShopify(ctx, st.first, shopifyOrder(st.first, ada, goSKU), shopifySecret)
	if err != nil {
		return err
	}
	s.sent(fmt.Sprintf("order #%d once more, as Shopify does when an answer gets lost", st.first), st.doorURL+shopifyPath, a)
	if err := a.expect(200); err != nil {
		return err
	}
	// A later order has to pass before it is certain that nothing came of the repeated one.
	id := st.first + 3
	if a, err = st.sendShopify(ctx, id, shopifyOrder(id, ada, sqlCourse), shopifySecret); err != nil {
		return err
	}
	if err := a.expect(200); err != nil {
		return err
	}
	if _, err := st.enrollment(ctx, id, relay.EnrollmentEnrolled); err != nil {
		return err
	}
	if got := len(st.lms.Mails()) - mails; got != 1 {
		return fmt.Errorf("%d mails went out, not 1", got)
	}
	if got := st.bulkCalls() - calls; got != 1 {
		return fmt.Errorf("open edX was called %d times, not once", got)
	}
	s.good("answered 200, and neither enrolled nor mailed again")
	return nil
}

// enrollment waits until the order's one row is in a state.
func (st *stage) enrollment(ctx context.Context, order int64, state relay.EnrollmentState) (relay.Enrollment, error) {
	var row relay.Enrollment
	what := fmt.Sprintf("an enrolment of order %d in state %s", order, state)
	err := await(ctx, what, func() (bool, error) {
		rows, err := client.List[relay.Enrollment](ctx, st.admin, "/enrollments", url.Values{"order": {strconv.FormatInt(order, 10)}}, 0)
		if err != nil || len(rows) == 0 {
			return false, err
		}
		row = rows[0]
		if row.State == relay.EnrollmentParked {
			return false, fmt.Errorf("the enrolment is parked: %s", row.Reason)
		}
		return row.State == state, nil
	})
	return row, err
}

func (st *stage) webhookDone(ctx context.Context, order int64, s *screen) error {
	return await(ctx, "the webhook in state done", func() (bool, error) {
		rows, err := client.List[relay.Webhook](ctx, st.admin, "/webhooks", url.Values{"order": {strconv.FormatInt(order, 10)}}, 0)
		if err != nil || len(rows) == 0 || rows[0].State != relay.WebhookDone {
			return false, err
		}
		s.good("webhook %s is %s; its bytes are message %d of the stream WEBHOOKS", rows[0].ID, rows[0].State, rows[0].Sequence)
		return true, nil
	})
}

// await asks until the answer is yes, an error, or patience ends.
func await(ctx context.Context, what string, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("waited %s for %s", patience, what))
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		yes, err := ask()
		if yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
