package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/sealing"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// Subscriptions is the ledger's part for subscriptions; their URLs, headers and secrets are sealed in it.
type Subscriptions struct {
	*Store
	ring *sealing.Ring
}

// Subscriptions gives the part of the ledger whose secrets the ring seals.
func (s *Store) Subscriptions(ring *sealing.Ring) *Subscriptions {
	return &Subscriptions{Store: s, ring: ring}
}

// sealedPart is what of a subscription stands encrypted.
type sealedPart struct {
	URL      string            `json:"url"`
	Headers  map[string]string `json:"headers"`
	Secrets  []string          `json:"secrets"`
	Previous []relay.Retired   `json:"previous"`
	Since    uint64            `json:"since"` // relay.Subscriber.EventsSince
}

const aboutSubscription = "subscription"

// Subscribers gives all subscriptions with their secrets, newest first.
func (s *Subscriptions) Subscribers(ctx context.Context) ([]relay.Subscriber, error) {
	rows, err := s.query.ListSubscriptions(ctx)
	if err != nil {
		return nil, wrap("list subscriptions", err)
	}
	all := make([]relay.Subscriber, 0, len(rows))
	for _, row := range rows {
		one, err := s.subscriber(row)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// Subscriber gives one subscription; relay.ErrNotFound when there is none of that name.
func (s *Subscriptions) Subscriber(ctx context.Context, name string) (relay.Subscriber, error) {
	row, err := s.query.GetSubscription(ctx, name)
	if err != nil {
		return relay.Subscriber{}, wrap("read subscription", err)
	}
	return s.subscriber(row)
}

func (s *Subscriptions) subscriber(row pgdb.Subscription) (relay.Subscriber, error) {
	one := relay.Subscriber{ID: row.ID, Consumer: row.Consumer, StartSequence: uint64(row.StartSequence), Paused: row.Paused,
		Disabled: row.Disabled, Declared: row.Declared, Version: row.Version}
	if err := json.Unmarshal(row.Definition, &one.Subscription); err != nil {
		return one, fmt.Errorf("read definition of subscription %d: %w", row.ID, err)
	}
	plain, err := s.ring.Open(row.Sealed, aboutSubscription)
	if err != nil {
		return one, fmt.Errorf("read subscription %s: %w", row.Name, err)
	}
	var secret sealedPart
	if err := json.Unmarshal(plain, &secret); err != nil {
		return one, fmt.Errorf("read sealed part of subscription %d: %w", row.ID, err)
	}
	one.URL, one.Headers, one.Secrets, one.Previous = secret.URL, secret.Headers, secret.Secrets, secret.Previous
	one.EventsSince = max(secret.Since, one.StartSequence)
	one.Name, one.CreatedAt, one.Reason = row.Name, row.CreatedAt, row.Reason
	one.Health = relay.Health{Failures: int(row.Failures), Announced: int(row.Announced), Reason: row.Reason}
	if row.FailingSince != nil {
		one.Health.FailingSince = *row.FailingSince
	}
	if row.BreakerUntil != nil {
		one.Breaker = relay.Breaker{Until: *row.BreakerUntil, Wait: time.Duration(row.BreakerWaitMs) * time.Millisecond}
	}
	return one, nil
}

// ChangeSubscriptions writes the change and gives the version that has it in force; new subscribers get their IDs in
// place. A name that is taken is relay.CodeConflict.
func (s *Subscriptions) ChangeSubscriptions(ctx context.Context, change relay.SubscriptionChange) (version int64, err error) {
	err = s.inTx(ctx, func(q *pgdb.Queries) error {
		if err := q.LockSubscriptions(ctx); err != nil {
			return err
		}
		for _, id := range change.Remove {
			if version, err = q.DeleteSubscription(ctx, id); err != nil {
				return err
			}
			if err := errors.Join(q.DropRetries(ctx, id), q.ParkRemoved(ctx, id)); err != nil {
				return err
			}
		}
		for _, one := range change.Write {
			if err := s.write(ctx, q, one); err != nil {
				return err
			}
			version = one.Version
		}
		return nil
	})
	return version, wrap("change subscriptions", err)
}

func (s *Subscriptions) write(ctx context.Context, q *pgdb.Queries, one *relay.Subscriber) error {
	definition, sealed, err := s.parts(one)
	if err != nil {
		return err
	}
	if one.ID != 0 {
		one.Version, err = q.UpdateSubscription(ctx, pgdb.UpdateSubscriptionParams{ID: one.ID, Url: displayURL(one.URL),
			Definition: definition, Sealed: sealed, Declared: one.Declared, Paused: one.Paused, Disabled: one.Disabled,
			StartSequence: int64(one.StartSequence)})
		if err == nil && !one.Disabled && one.Health == (relay.Health{}) {
			err = errors.Join(q.SetHealth(ctx, pgdb.SetHealthParams{ID: one.ID}), q.SetBreaker(ctx, pgdb.SetBreakerParams{ID: one.ID}))
		}
		return err
	}
	row, err := q.InsertSubscription(ctx, pgdb.InsertSubscriptionParams{Name: one.Name, Url: displayURL(one.URL),
		Definition: definition, Sealed: sealed, Declared: one.Declared, Paused: one.Paused, Disabled: one.Disabled,
		Consumer: one.Consumer, StartSequence: int64(one.StartSequence)})
	one.ID, one.Version, one.CreatedAt = row.ID, row.Version, row.CreatedAt
	return err
}

func (s *Subscriptions) parts(one *relay.Subscriber) (definition, sealed []byte, err error) {
	secret, err := json.Marshal(sealedPart{URL: one.URL, Headers: one.Headers, Secrets: one.Secrets, Previous: one.Previous, Since: one.EventsSince})
	if err != nil {
		return nil, nil, err
	}
	open := one.Subscription
	open.URL, open.Headers, open.Secrets, open.State, open.Backlog, open.Reason = "", nil, nil, "", 0, ""
	definition, err = json.Marshal(open)
	return definition, s.ring.Seal(secret, aboutSubscription), err
}

func displayURL(raw string) string {
	parsed, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return egress.Display(parsed)
}

// SetHealth keeps how a subscription fares.
func (s *Store) SetHealth(ctx context.Context, id int64, health relay.Health) error {
	params := pgdb.SetHealthParams{ID: id, Failures: int32(health.Failures), Announced: int32(health.Announced), Reason: health.Reason}
	if !health.FailingSince.IsZero() {
		params.FailingSince = &health.FailingSince
	}
	return wrap("keep health of subscription", s.query.SetHealth(ctx, params))
}

// SetBreaker keeps the state of a subscription's breaker.
func (s *Store) SetBreaker(ctx context.Context, id int64, breaker relay.Breaker) error {
	params := pgdb.SetBreakerParams{ID: id, BreakerWaitMs: breaker.Wait.Milliseconds()}
	if !breaker.Until.IsZero() {
		params.BreakerUntil = &breaker.Until
	}
	return wrap("keep breaker of subscription", s.query.SetBreaker(ctx, params))
}

// DisableSubscription stops a subscription until an operator resumes it, and says whether it was not yet stopped.
func (s *Store) DisableSubscription(ctx context.Context, id int64, reason string) (changed bool, err error) {
	err = s.inTx(ctx, func(q *pgdb.Queries) error {
		if err := q.LockSubscriptions(ctx); err != nil {
			return err
		}
		rows, err := q.DisableSubscription(ctx, pgdb.DisableSubscriptionParams{ID: id, Reason: reason})
		changed = rows > 0
		return err
	})
	return changed, wrap("disable subscription "+strconv.FormatInt(id, 10), err)
}

// SubscriptionVersion gives the version of the newest change.
func (s *Store) SubscriptionVersion(ctx context.Context) (int64, error) {
	version, err := s.query.SubscriptionVersion(ctx)
	return version, wrap("read version of subscriptions", err)
}

// BeatNotifier says that a notifier process lives and which version it has in force, and gives those that live.
func (s *Store) BeatNotifier(ctx context.Context, id string, seen int64, grace time.Duration) (alive []string, err error) {
	if err := s.query.BeatNotifier(ctx, pgdb.BeatNotifierParams{ID: id, Seen: seen}); err != nil {
		return nil, wrap("beat", err)
	}
	alive, err = s.query.AliveNotifiers(ctx, grace.Seconds())
	return alive, wrap("list notifiers", err)
}

// ForgetNotifier takes a process off the list of those that live.
func (s *Store) ForgetNotifier(ctx context.Context, id string) error {
	return wrap("forget notifier", s.query.ForgetNotifiers(ctx, id))
}

// BehindNotifiers counts the live notifier processes that do not have the version in force yet.
func (s *Store) BehindNotifiers(ctx context.Context, version int64, grace time.Duration) (int, error) {
	count, err := s.query.BehindNotifiers(ctx, pgdb.BehindNotifiersParams{Seconds: grace.Seconds(), Version: version})
	return int(count), wrap("count notifiers behind", err)
}
