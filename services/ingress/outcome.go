package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// Outcomes hears what the enroller says to senders that wait.
type Outcomes interface {
	// ReplySubject gives a subject that nobody else uses.
	ReplySubject() string
	// Hear begins to hear a subject, wildcards included, so that nothing sent from now on is missed.
	Hear(subject string) (next func(ctx context.Context) (relay.Message, error), stop func(), err error)
}

// outcomes hands each outcome to the request that waits for it: one subscription for all of them.
type outcomes struct {
	port   Outcomes
	log    *slog.Logger
	prefix string
	mu     sync.Mutex
	waits  map[string]chan relay.DirectOutcome // by the webhook's id
}

func newOutcomes(port Outcomes, log *slog.Logger) *outcomes {
	return &outcomes{port: port, log: log, prefix: port.ReplySubject() + ".", waits: map[string]chan relay.DirectOutcome{}}
}

func (o *outcomes) start() (stop func(), err error) {
	next, end, err := o.port.Hear(o.prefix + "*")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			m, err := next(ctx)
			if err != nil {
				o.trouble(ctx, err)
				continue
			}
			o.take(m)
		}
	}()
	return func() { cancel(); end(); <-done }, nil
}

// trouble waits a moment, since the subscription comes back by itself.
func (o *outcomes) trouble(ctx context.Context, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	o.log.Warn("outcomes are not heard", "error", err)
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
}

func (o *outcomes) take(m relay.Message) {
	var outcome relay.DirectOutcome
	if err := json.Unmarshal(m.Body, &outcome); err != nil {
		o.log.Warn("outcome can't be read", "error", err)
		return
	}
	id := strings.TrimPrefix(m.Subject, o.prefix)
	o.mu.Lock()
	wait := o.waits[id]
	delete(o.waits, id)
	o.mu.Unlock()
	if wait != nil {
		wait <- outcome
	}
}

// wait makes a place for the outcome of a webhook, before it is published. forget must be called.
func (o *outcomes) wait(id string) (outcome <-chan relay.DirectOutcome, forget func()) {
	place := make(chan relay.DirectOutcome, 1)
	o.mu.Lock()
	o.waits[id] = place
	o.mu.Unlock()
	return place, func() {
		o.mu.Lock()
		delete(o.waits, id)
		o.mu.Unlock()
	}
}

// publishAndWait makes a webhook durable and gives the answer that its outcome makes; when that takes too long, the
// answer that it is accepted.
func (s *Service) publishAndWait(ctx context.Context, v *visit, accepted source.Accepted) (source.Answer, error) {
	m := accepted.Message
	outcome, forget := s.outcomes.wait(m.ID)
	defer forget()
	m.Header[relay.HeaderReplyTo] = s.outcomes.prefix + m.ID
	over := time.NewTimer(accepted.Wait)
	defer over.Stop()
	if err := s.publish(ctx, v, m); err != nil {
		return source.Answer{}, err
	}
	select {
	case told := <-outcome:
		return accepted.Outcome(told), nil
	case <-over.C:
		return accepted.Answer, nil
	}
}
