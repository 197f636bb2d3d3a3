package notifier

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/signing"
	"github.com/edrelay/edrelay/internal/subscription"
)

// RegistryLedger keeps the subscriptions.
type RegistryLedger interface {
	Subscribers(context.Context) ([]relay.Subscriber, error)
	Subscriber(ctx context.Context, name string) (relay.Subscriber, error)
	ChangeSubscriptions(context.Context, relay.SubscriptionChange) (version int64, err error)
	BehindNotifiers(ctx context.Context, version int64, grace time.Duration) (int, error)

	Deliveries(context.Context, relay.DeliveryQuery) ([]relay.Delivery, error)
	Delivery(ctx context.Context, id string) (relay.DeliveryDetail, error)
	RetryDelivery(ctx context.Context, id string) error
	DeliverySequences(ctx context.Context, subscription int64, first, last uint64, since time.Time) ([]uint64, error)
}

// RegistryLog has the subscriptions' consumers.
type RegistryLog interface {
	EnsureConsumer(context.Context, relay.ConsumerConfig) error
	DeleteConsumer(ctx context.Context, stream, durable string) error
	ConsumerInfo(ctx context.Context, stream, durable string) (relay.ConsumerInfo, error)
	Consumers(ctx context.Context, stream string) ([]relay.ConsumerInfo, error)
	LastSequence(ctx context.Context, stream string) (uint64, error)
	Newest(context.Context, relay.LogQuery) ([]relay.Received, error)
}

// Sampler makes a sample event of a type.
type Sampler interface {
	// SampleEvent is relay.CodeNotFound for a type that is not among SampleTypes.
	SampleEvent(eventType, id string, at time.Time) (relay.Message, error)
	SampleTypes() []string
}

// RegistryOptions are what a Registry needs; Logger and Now may be left out.
type RegistryOptions struct {
	Ledger  RegistryLedger
	Log     RegistryLog
	Client  Client
	Encoder Encoder
	Sampler Sampler
	Logger  *slog.Logger
	Now     func() time.Time
}

// Registry is what operators do with subscriptions. A change is in force on every notifier when its method returns.
type Registry struct {
	RegistryOptions
}

// NewRegistry makes a Registry.
func NewRegistry(o RegistryOptions) *Registry {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Registry{o}
}

// DefaultGrace is how long a secret that was rotated out still signs.
const DefaultGrace = 24 * time.Hour

// maxRetired is how many secrets may sign beside the newest.
const maxRetired = 10

// Subscriptions gives all subscriptions, newest first, as operators may see them.
func (r *Registry) Subscriptions(ctx context.Context) ([]relay.Subscription, error) {
	standing, err := r.Ledger.Subscribers(ctx)
	if err != nil {
		return nil, err
	}
	infos, err := r.Log.Consumers(ctx, relay.StreamEvents)
	if err != nil {
		return nil, err
	}
	backlogs := make(map[string]uint64, len(infos))
	for _, info := range infos {
		backlogs[info.Name] = backlog(info)
	}
	rows := make([]relay.Subscription, len(standing))
	for i, s := range standing {
		rows[i] = row(s, backlogs[s.Consumer])
	}
	return rows, nil
}

// Subscription gives one subscription as operators may see it.
func (r *Registry) Subscription(ctx context.Context, name string) (relay.Subscription, error) {
	s, err := r.Ledger.Subscriber(ctx, name)
	if err != nil {
		return relay.Subscription{}, err
	}
	return r.shown(ctx, s)
}

func (r *Registry) shown(ctx context.Context, s relay.Subscriber) (relay.Subscription, error) {
	info, err := r.Log.ConsumerInfo(ctx, relay.StreamEvents, s.Consumer)
	if err != nil && !errors.Is(err, relay.ErrNotFound) {
		return relay.Subscription{}, err
	}
	return row(s, backlog(info)), nil
}

func backlog(info relay.ConsumerInfo) uint64 { return info.Pending + uint64(info.InFlight) }

func row(s relay.Subscriber, backlog uint64) relay.Subscription {
	one := subscription.Masked(s.Subscription)
	one.Backlog, one.State = backlog, relay.SubscriptionActive
	switch {
	case s.Disabled || !s.Enabled:
		one.State = relay.SubscriptionDisabled
	case s.Paused:
		one.State = relay.SubscriptionPaused
	case s.Health.Failures >= failingAfter:
		one.State = relay.SubscriptionFailing
	default:
		one.Reason = ""
	}
	if until := s.Breaker.Until; !until.IsZero() {
		one.NextProbeAt = &until
	}
	return one
}

// AddSubscription makes a subscription; it gets what comes from now on. A secret that was made for it is in the answer, readable
// this once.
func (r *Registry) AddSubscription(ctx context.Context, declaration json.RawMessage) (relay.Subscription, error) {
	d, err := subscription.ParseOne(declaration)
	if err != nil {
		return relay.Subscription{}, err
	}
	if _, err := r.Ledger.Subscriber(ctx, d.Name); err == nil {
		return relay.Subscription{}, &relay.Error{
			Code: relay.CodeConflict, Message: fmt.Sprintf("There is a subscription %q already.", d.Name),
			Hint: "`edrelay subscription edit` changes it, `edrelay subscription apply` makes it so whether it is there or not",
		}
	} else if relay.CodeOf(err) != relay.CodeNotFound {
		return relay.Subscription{}, err
	}
	steps, err := subscription.Plan(nil, []subscription.Declaration{d}, false)
	if err != nil {
		return relay.Subscription{}, err
	}
	made, err := r.carryOut(ctx, steps)
	if err != nil {
		return relay.Subscription{}, err
	}
	one, err := r.Subscription(ctx, d.Name)
	if secret := made[d.Name]; secret != "" {
		one.Secrets = []string{secret}
	}
	return one, err
}

// EditSubscription changes the keys of a subscription that the declaration has.
func (r *Registry) EditSubscription(ctx context.Context, name string, change json.RawMessage) (relay.Subscription, error) {
	d, err := subscription.ParseOne(change)
	if err != nil {
		return relay.Subscription{}, err
	}
	return r.change(ctx, name, func(s *relay.Subscriber) error {
		next, _, err := subscription.Edit(*s, d)
		*s = next
		return err
	})
}

// PauseSubscription stops the deliveries of a subscription; its backlog is kept.
func (r *Registry) PauseSubscription(ctx context.Context, name string) (relay.Subscription, error) {
	return r.change(ctx, name, func(s *relay.Subscriber) error { s.Paused = true; return nil })
}

// ResumeSubscription ends a pause, and enables a subscription that edrelay has disabled; the backlog is delivered.
func (r *Registry) ResumeSubscription(ctx context.Context, name string) (relay.Subscription, error) {
	return r.change(ctx, name, func(s *relay.Subscriber) error {
		s.Paused, s.Disabled, s.Enabled, s.Health = false, false, true, relay.Health{}
		return nil
	})
}

// RotateSecret gives a subscription a new secret, which is in the answer, readable this once. The old ones sign beside
// it for the grace time; 0 is DefaultGrace, less than 0 ends them now.
func (r *Registry) RotateSecret(ctx context.Context, name string, grace time.Duration) (relay.Subscription, error) {
	if grace == 0 {
		grace = DefaultGrace
	}
	secret := signing.NewSecret()
	one, err := r.change(ctx, name, func(s *relay.Subscriber) error {
		now := r.Now()
		retired := slices.DeleteFunc(slices.Clone(s.Previous), func(old relay.Retired) bool { return !old.Until.After(now) })
		if grace > 0 {
			for _, old := range s.Secrets {
				retired = append(retired, relay.Retired{Secret: old, Until: now.Add(grace)})
			}
		}
		s.Previous = retired[max(0, len(retired)-maxRetired):]
		s.Secrets = []string{secret}
		return nil
	})
	if err == nil {
		one.Secrets = []string{secret}
	}
	return one, err
}

// RemoveSubscription ends a subscription, its backlog and its waiting deliveries; what was delivered stays on record.
func (r *Registry) RemoveSubscription(ctx context.Context, name string) error {
	s, err := r.Ledger.Subscriber(ctx, name)
	if err != nil {
		return err
	}
	_, err = r.carryOut(ctx, []subscription.Step{{Change: relay.Change{Name: name, Action: subscription.Remove}, Current: &s}})
	return err
}

func (r *Registry) change(ctx context.Context, name string, edit func(*relay.Subscriber) error) (relay.Subscription, error) {
	s, err := r.Ledger.Subscriber(ctx, name)
	if err != nil {
		return relay.Subscription{}, err
	}
	next := s
	if err := edit(&next); err != nil {
		return relay.Subscription{}, err
	}
	step := subscription.Step{Change: relay.Change{Name: name, Action: subscription.Update}, Current: &s, Next: &next}
	if _, err := r.carryOut(ctx, []subscription.Step{step}); err != nil {
		return relay.Subscription{}, err
	}
	return r.Subscription(ctx, name)
}

// newConsumer names a consumer so that nobody who may read the stream can guess it.
// ConsumerPrefix begins the names of the durable consumers that are subscriptions.
const ConsumerPrefix = "subscription-"

func newConsumer() string { return ConsumerPrefix + rand.Text() }
