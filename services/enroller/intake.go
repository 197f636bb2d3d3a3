package enroller

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/telemetry"
)

// reading is one webhook of the log and what it says.
type reading struct {
	message relay.Received
	webhook relay.Webhook
	order   relay.Order
	key     relay.OrderKey
	span    *telemetry.Span // nil where no traces are wanted
	trace   string          // traceparent for what is done later; "" when there is none
	mail    bool            // the LMS may write to learners who are new
	again   bool            // replayed: what stands is left alone
}

// crowd is how many webhooks at once tell that more are coming: their enrolments can wait for company.
const crowd = 32

// intake reads webhooks in batches until ctx is done. What it took is recorded under finish.
func (s *Service) intake(ctx, finish context.Context) {
	const most = 256
	direct := newDirects(s)
	defer direct.wait()
	for ctx.Err() == nil {
		batch, err := s.Webhooks.Fetch(ctx, most)
		if err != nil {
			if ctx.Err() == nil {
				s.Log.Warn("webhooks can't be read", "error", err)
				sleep(ctx, time.Second, nil)
			}
			continue
		}
		readings := s.readAll(batch, s.Policy.EmailStudents)
		plain := readings[:0:0]
		for _, r := range readings {
			if r.order.Direct != nil && r.webhook.State == "" {
				direct.take(ctx, finish, r)
			} else {
				plain = append(plain, r)
			}
		}
		s.recordAll(ctx, finish, plain)
	}
}

// Process records webhooks of the log again, for replays. What stands already is left as it is; learners who were not
// enrolled before are mailed only when mail says so, and the configuration does. It acknowledges nothing.
func (s *Service) Process(ctx context.Context, batch []relay.Received, mail bool) error {
	list := s.readAll(batch, mail && s.Policy.EmailStudents)
	defer endSpans(list)
	for i := range list {
		list[i].again = true
	}
	return s.record(ctx, list)
}

func (s *Service) readAll(batch []relay.Received, mail bool) []reading {
	list := make([]reading, len(batch))
	for i, message := range batch {
		list[i] = s.read(message)
		s.beginSpan(&list[i])
		list[i].mail = mail
	}
	return list
}

// read interprets one webhook. What can't be interpreted is parked; that needs a person.
func (s *Service) read(m relay.Received) (r reading) {
	r = reading{message: m, webhook: relay.Webhook{
		ID: m.ID, Source: m.Header[relay.HeaderSource], Topic: m.Header[relay.HeaderTopic], ReceivedAt: m.Stored, Sequence: m.Sequence,
	}}
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("webhook broke its reader", "webhook", m.ID, "source", r.webhook.Source, "panic", fmt.Sprint(p))
			r.webhook.State, r.webhook.Reason = relay.WebhookParked, "edrelay failed on it; please report this"
		}
	}()
	order, err := s.Read(m.Message)
	if err != nil {
		s.Log.Warn("webhook parked", "webhook", m.ID, "source", r.webhook.Source, "topic", r.webhook.Topic, "error", err)
		r.webhook.State, r.webhook.Reason = relay.WebhookParked, "not understood: "+plainError(err)
		return r
	}
	clean(&order)
	if order.ID == "" && order.Direct != nil {
		order.ID = m.ID
	}
	r.order = order
	r.key = relay.OrderKey{Source: r.webhook.Source, Order: order.ID}
	r.webhook.Order, r.webhook.OrderName = order.ID, order.Name
	if order.ID == "" {
		r.webhook.State, r.webhook.Reason = relay.WebhookIgnored, order.Reason
		if order.Reason == "" {
			r.webhook.Reason = "it is about no order"
		}
	}
	return r
}

// clean makes a stranger's texts fit for the ledger, here, so that they compare equal to what comes back from it.
func clean(order *relay.Order) {
	order.ID, order.Name, order.Reason = text(order.ID), text(order.Name), text(order.Reason)
	for i := range order.Lines {
		line := &order.Lines[i]
		line.ID, line.SKU, line.Learner, line.Problem = text(line.ID), text(line.SKU), text(line.Learner), text(line.Problem)
	}
	for i := range order.Refunds {
		order.Refunds[i].ID = text(order.Refunds[i].ID)
		for j := range order.Refunds[i].Lines {
			order.Refunds[i].Lines[j].LineID = text(order.Refunds[i].Lines[j].LineID)
		}
	}
}

// text gives valid UTF-8 without NUL, at most 1 KiB of it.
func text(s string) string {
	const most = 1 << 10
	return strings.ToValidUTF8(strings.ReplaceAll(s[:min(len(s), most)], "\x00", ""), "\uFFFD")
}

// plainError gives an error's text; readers keep payloads out of theirs.
func plainError(err error) string {
	if code := relay.CodeOf(err); code != relay.CodeInternal {
		return relay.PublicMessage(err)
	}
	return err.Error()
}

// recordAll records a batch and acknowledges it; while the ledger is away it waits. A webhook that can't be recorded
// though the ledger answers is parked alone.
func (s *Service) recordAll(ctx, finish context.Context, batch []reading) {
	defer endSpans(batch)
	conflicts := 0
	for wait := 100 * time.Millisecond; len(batch) > 0; wait = min(2*wait, 5*time.Second) {
		err := s.record(finish, batch)
		if err == nil {
			s.acknowledge(finish, batch)
			return
		}
		code := relay.CodeOf(err)
		if code == relay.CodeConflict {
			conflicts++
		}
		if code != relay.CodeUnavailable && code != relay.CodeConflict || conflicts > 5 {
			s.recordSingly(finish, batch, err)
			return
		}
		s.Log.Warn("webhooks not recorded yet", "webhooks", len(batch), "error", err)
		s.working(finish, batch)
		if !sleep(ctx, wait, nil) {
			return // unacknowledged: they come again
		}
	}
}

func (s *Service) recordSingly(ctx context.Context, batch []reading, err error) {
	if len(batch) > 1 {
		for i := range batch {
			one := batch[i : i+1]
			if err := s.record(ctx, one); err != nil {
				s.recordSingly(ctx, one, err)
			} else {
				s.acknowledge(ctx, one)
			}
		}
		return
	}
	one := batch[0]
	s.Log.Error("webhook parked", "webhook", one.webhook.ID, "source", one.webhook.Source, "error", err)
	one.webhook.State, one.webhook.Reason = relay.WebhookParked, "edrelay could not record it; see its log"
	if err := s.Ledger.RecordWebhooks(ctx, []relay.Webhook{one.webhook}); err != nil {
		s.Log.Error("webhook not recorded", "webhook", one.webhook.ID, "error", err)
		return // unacknowledged: it comes again
	}
	s.acknowledge(ctx, batch)
}

// acknowledge is where webhooks leave the log's hands: their outcome is in the ledger.
func (s *Service) acknowledge(ctx context.Context, batch []reading) {
	var group sync.WaitGroup
	for _, r := range batch {
		if r.message.Reply == nil {
			continue
		}
		group.Go(func() {
			if err := r.message.Reply.Ack(ctx); err != nil {
				s.Log.Warn("webhook not acknowledged; it comes again", "webhook", r.webhook.ID, "error", err)
			}
		})
	}
	group.Wait()
}

func (s *Service) working(ctx context.Context, batch []reading) {
	for _, r := range batch {
		if r.message.Reply != nil {
			_ = r.message.Reply.Working(ctx) // else it comes again, which is safe
		}
	}
}

// record brings the orders of a batch up to date, in one transaction with what became of the webhooks.
func (s *Service) record(ctx context.Context, batch []reading) error {
	now := s.Now()
	skus := skusOf(batch)
	known, err := s.knownSKUs(ctx, skus, now)
	if err != nil {
		return err
	}
	var keys []relay.OrderKey
	seen := map[relay.OrderKey]bool{}
	for _, r := range batch {
		if r.webhook.State == "" && !seen[r.key] {
			seen[r.key] = true
			keys = append(keys, r.key)
		}
	}
	var outcomes map[relay.WebhookState]int
	var webhooks []relay.Webhook
	err = s.Ledger.ChangeOrders(ctx, keys, func(records map[relay.OrderKey]*relay.OrderRecord) ([]relay.Webhook, error) {
		outcomes = map[relay.WebhookState]int{}
		webhooks = make([]relay.Webhook, len(batch))
		for i := range batch {
			webhooks[i] = batch[i].webhook
			if webhooks[i].State == "" {
				s.update(records[batch[i].key], &batch[i], &webhooks[i], known, now)
			}
			outcomes[webhooks[i].State]++
		}
		return webhooks, nil
	})
	if err != nil {
		return err
	}
	s.metrics.webhooks(outcomes)
	noteStates(batch, webhooks)
	if len(batch) >= crowd {
		s.mu.Lock()
		s.crowded = s.Now()
		s.mu.Unlock()
	}
	s.Log.Info("webhooks recorded", "webhooks", len(batch), "orders", len(keys), "parked", outcomes[relay.WebhookParked], "ignored", outcomes[relay.WebhookIgnored])
	poke(s.kick)
	poke(s.told)
	if len(skus) > len(known) {
		poke(s.wanted)
	}
	return nil
}

// update merges one update into its order and says what became of its webhook.
func (s *Service) update(record *relay.OrderRecord, r *reading, webhook *relay.Webhook, known SKUs, now time.Time) {
	state := &record.State
	if r.order.Direct != nil {
		state.Webhook = webhook.ID
		s.applyDirect(record, r, now)
		follow(record, r.trace)
		webhook.State = relay.WebhookDone
		return
	}
	change := merge(state, withoutForgotten(state, r.order))
	switch change {
	case effectNone:
		webhook.State, webhook.Reason = relay.WebhookIgnored, r.order.Reason
	case effectStale:
		webhook.State, webhook.Reason = relay.WebhookIgnored, "a newer state of the order is known"
	case effectSame:
		webhook.State, webhook.Notes = relay.WebhookDone, []string{"worked again: nothing new"}
	}
	if change == effectNewer || state.Webhook == "" {
		state.Webhook = webhook.ID
	}
	// A stale or undecided update may still bring refunds, so the order is always planned anew.
	before := len(record.Rows)
	list, notes := wants(state, known)
	apply(record, list, r.mail, now)
	follow(record, r.trace)
	if webhook.State != "" {
		return
	}
	webhook.State, webhook.Notes = relay.WebhookDone, notes
	if len(record.Rows) == 0 && before == 0 {
		webhook.State, webhook.Reason = relay.WebhookIgnored, nothingToDo(state, change)
	}
	if change == effectRefund && !state.Known {
		webhook.State, webhook.Reason = relay.WebhookDone, ""
		webhook.Notes = []string{"kept until its order comes"}
	}
}

func nothingToDo(state *relay.OrderState, change effect) string {
	if state.Intent == relay.IntentUndo {
		return strings.TrimPrefix(undoReason(state), "the order is ") + "; nobody was enrolled"
	}
	if change == effectRefund {
		return "nobody was enrolled"
	}
	return "no line of the order is to be enrolled"
}

// skusOf gives the SKUs of a batch that only the LMS can turn into courses.
func skusOf(batch []reading) []string {
	var list []string
	seen := map[string]bool{}
	for _, r := range batch {
		for _, line := range r.order.Lines {
			sku := strings.TrimSpace(line.SKU)
			if !seen[sku] && r.order.Intent == relay.IntentEnroll && needsLookUp(&relay.OrderState{}, sku) {
				seen[sku] = true
				list = append(list, sku)
			}
		}
	}
	return list
}

// knownSKUs gives what is known and asks for the rest.
func (s *Service) knownSKUs(ctx context.Context, skus []string, now time.Time) (SKUs, error) {
	if len(skus) == 0 {
		return nil, nil
	}
	known, err := s.Ledger.KnownSKUs(ctx, skus, now.Add(-s.Policy.SKUFresh))
	if err != nil {
		return nil, err
	}
	var unknown []string
	for _, sku := range skus {
		if _, ok := known[sku]; !ok {
			unknown = append(unknown, sku)
		}
	}
	if len(unknown) == 0 {
		return known, nil
	}
	return known, s.Ledger.WantSKUs(ctx, unknown, now)
}
