package notifier

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/signing"
	"github.com/edrelay/edrelay/internal/subscription"
)

// ApplySubscriptions brings the subscriptions to what is declared, all of it or nothing. Those that are not declared
// stay as they are, or are removed with prune. A dry run tells what would change and changes nothing.
func (r *Registry) ApplySubscriptions(ctx context.Context, declared []json.RawMessage, dryRun, prune bool) (relay.Applied, error) {
	text, err := json.Marshal(map[string][]json.RawMessage{"subscriptions": declared})
	if err != nil {
		return relay.Applied{}, relay.Errorf(relay.CodeInvalid, "subscriptions: broken JSON")
	}
	return r.Apply(ctx, text, dryRun, prune)
}

// Apply is ApplySubscriptions of a file in YAML or JSON.
func (r *Registry) Apply(ctx context.Context, text []byte, dryRun, prune bool) (relay.Applied, error) {
	declared, err := subscription.Parse(text)
	if err != nil {
		return relay.Applied{}, err
	}
	standing, err := r.Ledger.Subscribers(ctx)
	if err != nil {
		return relay.Applied{}, err
	}
	steps, err := subscription.Plan(standing, declared, prune)
	if err != nil {
		return relay.Applied{}, err
	}
	applied := relay.Applied{Changes: make([]relay.Change, len(steps)), Secrets: map[string]string{}}
	for i, step := range steps {
		applied.Changes[i] = step.Change
	}
	if dryRun {
		return applied, nil
	}
	applied.Secrets, err = r.carryOut(ctx, steps)
	return applied, err
}

// carryOut does the steps and waits until every notifier has them in force. It gives the secrets that it made.
func (r *Registry) carryOut(ctx context.Context, steps []subscription.Step) (made map[string]string, err error) {
	made = map[string]string{}
	var change relay.SubscriptionChange
	var fresh, gone []string
	for _, step := range steps {
		switch step.Action {
		case subscription.Create:
			if len(step.Next.Secrets) == 0 {
				made[step.Name] = signing.NewSecret()
				step.Next.Secrets = []string{made[step.Name]}
			}
			step.Next.Consumer = newConsumer()
			fresh = append(fresh, step.Next.Consumer)
			change.Write = append(change.Write, step.Next)
		case subscription.Update:
			if !slices.Equal(step.Current.Events, step.Next.Events) {
				last, err := r.Log.LastSequence(ctx, relay.StreamEvents)
				if err != nil {
					return nil, err
				}
				step.Next.EventsSince = last + 1
			}
			change.Write = append(change.Write, step.Next)
		case subscription.Remove:
			gone = append(gone, step.Current.Consumer)
			change.Remove = append(change.Remove, step.Current.ID)
		}
	}
	if len(change.Write)+len(change.Remove) == 0 {
		return made, nil
	}
	if err := r.begin(ctx, change.Write); err != nil {
		r.forget(ctx, fresh)
		return nil, err
	}
	version, err := r.Ledger.ChangeSubscriptions(ctx, change)
	if err != nil {
		r.forget(ctx, fresh)
		return nil, err
	}
	for _, step := range steps { // also of those that no notifier works now
		if step.Action == subscription.Update {
			if err := r.Log.EnsureConsumer(ctx, r.consumer(step.Next)); err != nil {
				return made, err
			}
		}
	}
	err = r.inForce(ctx, version)
	r.forget(ctx, gone)
	return made, err
}

// begin gives new subscriptions their place on the log: all that comes from now on.
func (r *Registry) begin(ctx context.Context, write []*relay.Subscriber) error {
	for _, s := range write {
		if s.ID != 0 {
			continue
		}
		if s.StartSequence == 0 {
			last, err := r.Log.LastSequence(ctx, relay.StreamEvents)
			if err != nil {
				return err
			}
			s.StartSequence = last + 1
		}
		if err := r.Log.EnsureConsumer(ctx, r.consumer(s)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Registry) consumer(s *relay.Subscriber) relay.ConsumerConfig {
	return consumerOf(*s, 1)
}

// forget removes consumers of subscriptions that are not, or not any more.
func (r *Registry) forget(ctx context.Context, consumers []string) {
	for _, name := range consumers {
		if err := r.Log.DeleteConsumer(context.WithoutCancel(ctx), relay.StreamEvents, name); err != nil {
			r.Logger.Warn("consumer of a removed subscription not removed", "error", err)
		}
	}
}

// How long a change may take to come into force on all notifiers, and how often to look.
const (
	forceWithin = 10 * time.Second
	forceLook   = 20 * time.Millisecond
)

// inForce waits until every notifier that lives has the version.
func (r *Registry) inForce(ctx context.Context, version int64) error {
	ctx, cancel := context.WithTimeout(ctx, forceWithin)
	defer cancel()
	for {
		behind, err := r.Ledger.BehindNotifiers(ctx, version, grace)
		if err == nil && behind == 0 {
			return nil
		}
		select {
		case <-time.After(forceLook):
		case <-ctx.Done():
			return &relay.Error{Code: relay.CodeUnavailable, Err: err,
				Message: "The change is saved, but not every notifier has it in force yet.",
				Hint:    "Look at the notifiers' logs; it takes effect as soon as they reach the ledger."}
		}
	}
}
