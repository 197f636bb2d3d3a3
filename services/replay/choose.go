package replay

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
)

// choice is a request, understood.
type choice struct {
	ask         relay.ReplayRequest
	target      string
	walk        relay.LogWalk
	subscribers []relay.Subscriber // none: the enroller
}

const maxRate = 1_000_000

func (o *Office) choose(ctx context.Context, ask relay.ReplayRequest) (*choice, error) {
	c := &choice{ask: ask}
	if err := c.check(); err != nil {
		return nil, err
	}
	c.walk = relay.LogWalk{Stream: relay.StreamEvents, From: max(ask.FromSequence, 1), To: ask.ToSequence, NoBody: ask.Course == "" && ask.Learner == ""}
	c.target = strings.Join(ask.Subscriptions, ",")
	if ask.Enroller {
		c.walk.Stream, c.target = relay.StreamWebhooks, relay.ReplayEnroller
	}
	if subject := c.subject(); subject != "" {
		c.walk.Subjects = []string{subject}
	}
	last, err := o.Log.LastSequence(ctx, c.walk.Stream)
	if err != nil {
		return nil, err
	}
	if c.walk.To == 0 || c.walk.To > last {
		c.walk.To = last
	}
	c.subscribers, err = subscribers(ctx, o.Subscribers, ask.Subscriptions)
	return c, err
}

func subscribers(ctx context.Context, from Subscribers, names []string) ([]relay.Subscriber, error) {
	var found []relay.Subscriber
	for _, name := range names {
		one, err := from.Subscriber(ctx, name)
		if relay.CodeOf(err) == relay.CodeNotFound {
			return nil, &relay.Error{Code: relay.CodeNotFound, Message: "there is no subscription " + name, Hint: "edrelay subscription ls lists them"}
		}
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

func (c *choice) check() error {
	ask := c.ask
	switch {
	case ask.Enroller == (len(ask.Subscriptions) > 0):
		return relay.Errorf(relay.CodeInvalid, "a replay goes either to the enroller or to subscriptions")
	case ask.Rate < 0 || ask.Rate > maxRate:
		return relay.Errorf(relay.CodeInvalid, "rate must be between 0 and %d", maxRate)
	case !ask.Since.IsZero() && !ask.Until.IsZero() && !ask.Since.Before(ask.Until):
		return relay.Errorf(relay.CodeInvalid, "since must be before until")
	case ask.ToSequence > 0 && ask.FromSequence > ask.ToSequence:
		return relay.Errorf(relay.CodeInvalid, "from_sequence must not be behind to_sequence")
	}
	switch state := ask.State; {
	case state == "":
	case ask.Enroller && (state == string(relay.WebhookAccepted) || state == string(relay.WebhookDone) || state == string(relay.WebhookIgnored) ||
		state == string(relay.WebhookParked)):
	case !ask.Enroller && (state == string(relay.DeliveryWaiting) || state == string(relay.DeliveryDelivered) ||
		state == string(relay.DeliveryParked) || state == undelivered):
	default:
		return relay.Errorf(relay.CodeInvalid, "state must be accepted, done, ignored or parked for the enroller; waiting, delivered, parked or undelivered for a subscription")
	}
	return nil
}

// undelivered chooses the deliveries that wait or are parked.
const undelivered = "undelivered"

// subject gives the narrowest NATS pattern that holds all that is asked for; "" for everything.
func (c *choice) subject() string {
	if isPattern(c.ask.Subject) {
		return c.ask.Subject
	}
	if c.ask.Enroller && c.ask.Source != "" {
		return strings.TrimSuffix(relay.WebhookSubject(c.ask.Source, "x"), "x") + ">"
	}
	if t := c.ask.Type; !c.ask.Enroller && relay.ValidEventType(t) {
		return relay.EventSubject(t)
	}
	return ""
}

// isPattern tells a NATS subject of the log from a CloudEvents subject.
func isPattern(subject string) bool {
	return strings.HasPrefix(subject, "events.") || strings.HasPrefix(subject, "webhooks.")
}

// wants tells whether a message is chosen by what stands in it.
func (c *choice) wants(m relay.Received) bool {
	ask := c.ask
	switch {
	case m.Stored.Before(ask.Since), !ask.Until.IsZero() && !m.Stored.Before(ask.Until):
		return false
	case ask.Subject != "" && !isPattern(ask.Subject) && m.About != ask.Subject:
		return false
	case ask.Enroller && ask.Source != "" && m.Header[relay.HeaderSource] != ask.Source, !ask.Enroller && ask.Source != "" && m.Source != ask.Source:
		return false
	case ask.Type != "" && !subscription.Matches([]string{ask.Type}, m.Type):
		return false
	case ask.Course != "" && !bytes.Contains(m.Body, []byte(ask.Course)):
		return false
	case ask.Learner != "" && !bytes.Contains(bytes.ToLower(m.Body), []byte(strings.ToLower(ask.Learner))):
		return false
	}
	return true
}

// chunk is a run of the log: what of it is chosen, for whom, and how far it goes.
type chunk struct {
	messages []relay.Received
	forWhom  map[int64]map[uint64]bool // by subscription; nil for the enroller
	end      uint64
}

// effects counts what handing the chunk out causes.
func (ch chunk) effects() int64 {
	if ch.forWhom == nil {
		return int64(len(ch.messages))
	}
	n := 0
	for _, sequences := range ch.forWhom {
		n += len(sequences)
	}
	return int64(n)
}

const chunkSize = 500

// eachChunk walks over all that is chosen behind the cursor, size messages at a time.
func (c *choice) eachChunk(
	ctx context.Context, log Log, ledger Ledger, cursor uint64, size int, visit func(chunk) (bool, error),
) error {
	walk := c.walk
	walk.From = cursor + 1
	if walk.From > walk.To {
		return nil
	}
	var run []relay.Received
	settle := func(end uint64) (bool, error) {
		ch, err := c.narrow(ctx, ledger, run, end)
		if err != nil {
			return false, err
		}
		run = nil
		return visit(ch)
	}
	more := true
	err := log.Walk(ctx, walk, func(m relay.Received) (_ bool, err error) {
		if c.wants(m) {
			run = append(run, m)
		}
		if len(run) < size {
			return true, nil
		}
		more, err = settle(m.Sequence)
		return more, err
	})
	if err == nil && more {
		_, err = settle(walk.To)
	}
	return err
}

// narrow keeps what the ledger's states and the subscriptions' patterns choose.
func (c *choice) narrow(ctx context.Context, ledger Ledger, run []relay.Received, end uint64) (chunk, error) {
	ch := chunk{end: end}
	if len(run) == 0 {
		if !c.ask.Enroller {
			ch.forWhom = map[int64]map[uint64]bool{}
		}
		return ch, nil
	}
	if c.ask.Enroller {
		return c.narrowWebhooks(ctx, ledger, run, ch)
	}
	ch.forWhom = map[int64]map[uint64]bool{}
	for _, s := range c.subscribers {
		chosen, err := c.narrowEvents(ctx, ledger, s, run)
		if err != nil {
			return chunk{}, err
		}
		ch.forWhom[s.ID] = chosen
	}
	for _, m := range run {
		for _, chosen := range ch.forWhom {
			if chosen[m.Sequence] {
				ch.messages = append(ch.messages, m)
				break
			}
		}
	}
	return ch, nil
}

func (c *choice) narrowWebhooks(ctx context.Context, ledger Ledger, run []relay.Received, ch chunk) (chunk, error) {
	if c.ask.State == "" {
		ch.messages = run
		return ch, nil
	}
	states, err := ledger.WebhookStates(ctx, sequences(run), run[0].Stored.Add(-time.Second))
	for _, m := range run {
		state, known := states[m.Sequence]
		if !known {
			state = relay.WebhookAccepted
		}
		if string(state) == c.ask.State {
			ch.messages = append(ch.messages, m)
		}
	}
	return ch, err
}

func (c *choice) narrowEvents(ctx context.Context, ledger Ledger, s relay.Subscriber, run []relay.Received) (map[uint64]bool, error) {
	var states map[uint64]relay.DeliveryState
	if c.ask.State != "" {
		var err error
		states, err = ledger.DeliveryStates(ctx, s.ID, sequences(run), run[0].Stored.Add(-time.Second), run[len(run)-1].Stored.Add(time.Second))
		if err != nil {
			return nil, err
		}
	}
	chosen := map[uint64]bool{}
	for _, m := range run {
		state := states[m.Sequence]
		fits := c.ask.State == "" || string(state) == c.ask.State ||
			c.ask.State == undelivered && (state == relay.DeliveryWaiting || state == relay.DeliveryParked)
		if fits && subscription.Matches(s.Events, m.Type) {
			chosen[m.Sequence] = true
		}
	}
	return chosen, nil
}

func sequences(run []relay.Received) []uint64 {
	list := make([]uint64, len(run))
	for i, m := range run {
		list[i] = m.Sequence
	}
	return list
}
