package notifier

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
)

// pendingShown bounds how many events not tried yet a list of all shows for each subscription.
const pendingShown = 10_000

// Deliveries lists deliveries, newest event first. Among those that wait are the events that were not tried yet: they
// stand on the log, not in the ledger.
func (r *Registry) Deliveries(ctx context.Context, q relay.DeliveryQuery) ([]relay.Delivery, error) {
	rows, err := r.Ledger.Deliveries(ctx, q)
	if err != nil || !q.Undelivered && q.State != relay.DeliveryWaiting || q.State == relay.DeliveryParked || q.State == relay.DeliveryDelivered {
		return rows, err
	}
	subscribers, err := r.Ledger.Subscribers(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range subscribers {
		if q.Subscription != "" && q.Subscription != s.Name {
			continue
		}
		pending, err := r.pending(ctx, s, q)
		if err != nil {
			return nil, err
		}
		rows = append(rows, pending...)
	}
	slices.SortFunc(rows, func(a, b relay.Delivery) int { return -compareDeliveries(a, b) })
	if q.Limit > 0 && len(rows) > q.Limit {
		rows = rows[:q.Limit]
	}
	return rows, nil
}

func compareDeliveries(a, b relay.Delivery) int {
	left, _ := relay.ParseDeliveryID(a.ID)
	right, _ := relay.ParseDeliveryID(b.ID)
	return compareKeys(left, right)
}

func compareKeys(a, b relay.DeliveryKey) int {
	return cmp.Or(a.StoredAt.Compare(b.StoredAt), cmp.Compare(a.Subscription, b.Subscription), cmp.Compare(a.Sequence, b.Sequence))
}

// pending gives the events of a subscription that were not tried yet.
func (r *Registry) pending(ctx context.Context, s relay.Subscriber, q relay.DeliveryQuery) ([]relay.Delivery, error) {
	info, err := r.Log.ConsumerInfo(ctx, relay.StreamEvents, s.Consumer)
	if errors.Is(err, relay.ErrNotFound) || err == nil && backlog(info) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ask := relay.LogQuery{Stream: relay.StreamEvents, Subjects: subscription.Subjects(s.Events), Limit: pendingShown, NoBody: true,
		Since: q.Since, Until: q.Until}
	if q.Limit > 0 {
		ask.Limit = min(ask.Limit, q.Limit+info.InFlight)
	}
	var before relay.DeliveryKey
	if !q.Before.IsZero() {
		if before, err = relay.ParseDeliveryID(q.Before.ID); err != nil {
			return nil, err
		}
		ask.Before = before.Sequence + 1
	}
	messages, err := r.Log.Newest(ctx, ask)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	known, err := r.Ledger.DeliverySequences(ctx, s.ID, messages[len(messages)-1].Sequence, messages[0].Sequence, time.Time{})
	if err != nil {
		return nil, err
	}
	var rows []relay.Delivery
	for _, m := range messages {
		key := keyOf(s.ID, &m)
		if _, tried := slices.BinarySearch(known, m.Sequence); tried || m.Sequence <= info.AckFloor || m.Sequence < s.StartSequence ||
			!q.Before.IsZero() && compareKeys(key, before) >= 0 || !wanted(s, m, q) {
			continue
		}
		rows = append(rows, relay.Delivery{ID: key.ID(), EventID: m.ID, EventType: m.Type, Subscription: s.Name,
			State: relay.DeliveryWaiting, Sequence: m.Sequence, StoredAt: key.StoredAt})
	}
	return rows, nil
}

func wanted(s relay.Subscriber, m relay.Received, q relay.DeliveryQuery) bool {
	return subscription.Matches(s.Events, m.Type) && (q.EventID == "" || q.EventID == m.ID) && (q.EventType == "" || q.EventType == m.Type)
}

// Delivery gives one delivery with its attempts.
func (r *Registry) Delivery(ctx context.Context, id string) (relay.DeliveryDetail, error) {
	detail, err := r.Ledger.Delivery(ctx, id)
	if !errors.Is(err, relay.ErrNotFound) && relay.CodeOf(err) != relay.CodeNotFound {
		return detail, err
	}
	key, err := relay.ParseDeliveryID(id)
	if err != nil {
		return detail, err
	}
	rows, err := r.Deliveries(ctx, relay.DeliveryQuery{Undelivered: true, Since: key.StoredAt, Until: key.StoredAt.Add(time.Millisecond)})
	if err != nil {
		return detail, err
	}
	for _, row := range rows {
		if row.ID == id {
			return relay.DeliveryDetail{Delivery: row, History: []relay.DeliveryAttempt{}}, nil
		}
	}
	return detail, relay.ErrNotFound
}

// RetryDelivery makes a delivery due now, with its retry list from the start.
func (r *Registry) RetryDelivery(ctx context.Context, id string) (relay.DeliveryDetail, error) {
	if err := r.Ledger.RetryDelivery(ctx, id); err != nil {
		return relay.DeliveryDetail{}, err
	}
	return r.Delivery(ctx, id)
}
