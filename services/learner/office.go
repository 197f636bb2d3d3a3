package learner

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// Options is what an Office is made of. Ledger, Log, Orders and Logger are needed.
type Options struct {
	Ledger   Ledger
	Log      Log
	Orders   Orders
	Mirrors  func(context.Context) ([]Mirror, error) // of NATS users; nil: there are none
	Place    Place
	Logger   *slog.Logger
	Patience time.Duration    // longest wait for others to finish with what is erased; 20 s when 0
	Now      func() time.Time // time.Now when nil

	// Subscribers gives all subscriptions; nil: they can't be read here, and events that they were still to be given are
	// erased without a word in the list of deliveries.
	Subscribers func(context.Context) ([]relay.Subscriber, error)
}

// Place names what lies around this edrelay, for what it can't reach.
type Place struct {
	LMS      string // URL; "" for none
	Bus      bool   // events come from the Open edX event bus
	Replicas int    // of the log
}

// Office finds learners and forgets them.
type Office struct {
	Options
}

// New makes an Office.
func New(options Options) *Office {
	if options.Patience == 0 {
		options.Patience = 20 * time.Second
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Office{options}
}

// Progress hears how far a search or an erasure is.
type Progress = func(step string, scanned, total int64)

// find makes the person of an address: what else names them is read from the roster and from the events that hold the
// address.
func (o *Office) find(ctx context.Context, ask string, addressOnly bool, tell Progress) (*person, error) {
	a, err := parseAddress(ask)
	if err != nil {
		return nil, err
	}
	p := newPerson(a)
	if addressOnly {
		return p, nil
	}
	known, err := o.Ledger.Person(ctx, a.text)
	if err != nil && relay.CodeOf(err) != relay.CodeNotFound {
		return nil, err
	}
	if err == nil && known.Username != "" {
		p.usernames[known.Username] = true
	}
	return p, o.walk(ctx, o.Log, relay.StreamEvents, 0, "looking for the learner's names", tell, func(m relay.Received) error {
		if p.in(m.Body) {
			p.learn(m.Body)
		}
		return nil
	})
}

// walk reads a stream up to a sequence, 0 for its newest, and tells how far it is.
func (o *Office) walk(ctx context.Context, log Log, stream string, to uint64, step string, tell Progress, visit func(relay.Received) error) error {
	last, err := log.LastSequence(ctx, stream)
	if err != nil {
		return err
	}
	if to == 0 || to > last {
		to = last
	}
	if to == 0 {
		return nil
	}
	first, seen := uint64(0), int64(0)
	err = log.Walk(ctx, relay.LogWalk{Stream: stream, To: to}, func(m relay.Received) (bool, error) {
		if first == 0 {
			first = m.Sequence
		}
		if seen++; seen%1000 == 0 {
			tell(step, int64(m.Sequence-first), int64(to-first+1))
		}
		return true, visit(m)
	})
	if err == nil && first > 0 {
		tell(step, int64(to-first+1), int64(to-first+1))
	}
	return err
}

// hit is a message that names the learner.
type hit struct {
	relay.HeldMessage
	eventID string
	others  bool // it names others too
}

func hitOf(m *relay.Received, by string) hit {
	h := hit{eventID: m.ID, HeldMessage: relay.HeldMessage{
		Stream: m.Stream, Sequence: m.Sequence, ID: m.ID, Type: m.Type, Source: m.Source, StoredAt: m.Stored, By: by,
	}}
	switch m.Stream {
	case relay.StreamRejected:
		h.ID, h.Type, h.Source = relay.RejectedID(m.Sequence), m.Header[relay.HeaderTopic], m.Header[relay.HeaderSource]
	case relay.StreamWebhooks:
		h.Type, h.Source = m.Header[relay.HeaderTopic], m.Header[relay.HeaderSource]
	}
	return h
}

const chunkSize = 200

// scan hands the messages of a stream that name the learner to visit, some at a time.
func (o *Office) scan(ctx context.Context, log Log, stream string, p *person, to uint64, step string, tell Progress, visit func([]hit) error) error {
	var chunk []hit
	err := o.walk(ctx, log, stream, to, step, tell, func(m relay.Received) error {
		by := p.names(&m)
		if by == "" {
			return nil
		}
		h := hitOf(&m, by)
		h.others = stream == relay.StreamWebhooks && p.namesOthers(m.Body)
		if stream == relay.StreamEvents {
			p.meet(m.Body)
		}
		if chunk = append(chunk, h); len(chunk) < chunkSize {
			return nil
		}
		err := visit(chunk)
		chunk = nil
		return err
	})
	if err != nil || len(chunk) == 0 {
		return err
	}
	return visit(chunk)
}

// dues makes of hits what the ledger knows their deliveries by.
func dues(hits []hit) []relay.Due {
	list := make([]relay.Due, len(hits))
	for i, h := range hits {
		list[i] = relay.Due{
			DeliveryKey: relay.DeliveryKey{Sequence: h.Sequence, StoredAt: h.StoredAt.UTC().Truncate(time.Microsecond)},
			EventID:     h.eventID, EventType: h.Type,
		}
	}
	return list
}

// states sets where the webhooks of a chunk stand.
func (o *Office) states(ctx context.Context, chunk []hit) error {
	sequences, since := placesOf(chunk)
	states, err := o.Ledger.WebhookStates(ctx, sequences, since)
	for i := range chunk {
		state, known := states[chunk[i].Sequence]
		if !known {
			state = relay.WebhookAccepted
		}
		chunk[i].State = string(state)
	}
	return err
}

// placesOf gives the sequences of hits and a time before all of them.
func placesOf(hits []hit) (sequences []uint64, since time.Time) {
	for _, h := range hits {
		sequences = append(sequences, h.Sequence)
		if since.IsZero() || h.StoredAt.Before(since) {
			since = h.StoredAt
		}
	}
	return sequences, since.Add(-time.Second)
}

// orders gives all orders that name the learner, by their enrolments or by their lines.
func (o *Office) orders(ctx context.Context, p *person) ([]relay.OrderKey, error) {
	keys, err := o.Ledger.OrdersOfLearner(ctx, p.text)
	if err != nil {
		return nil, err
	}
	named, err := o.Ledger.OrdersNaming(ctx, p.word(), p.holds)
	for _, key := range named {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, err
}

// holds tells whether the address stands in a text.
func (p *person) holds(text string) bool { return p.in([]byte(text)) }

// word is the longest run of letters and digits before the @: it stands in a text however that escapes the rest.
func (p *person) word() string {
	best, at := "", 0
	for i := 0; i <= len(p.local); i++ {
		if i < len(p.local) && alphanumeric(p.local[i]) {
			continue
		}
		if i-at > len(best) {
			best = string(p.local[at:i])
		}
		at = i + 1
	}
	return best
}
