package notifier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
)

// Bounds of an audit: how much of the log is looked at together, and how many differences are named.
const (
	auditWindow = 5000
	auditMost   = 1000
)

// audited is a subscription and up to where its consumer says that everything is settled.
type audited struct {
	relay.Subscriber
	floor uint64
}

// Reconcile adds to found every event that a subscription's consumer counts as settled and the ledger does not know.
// Nothing is changed. An edit of a subscription's events begins anew what is looked at.
func (r *Registry) Reconcile(ctx context.Context, found *relay.Reconciliation) error {
	all, err := r.audited(ctx, found)
	if err != nil {
		return err
	}
	ask := relay.LogQuery{Stream: relay.StreamEvents, Limit: auditWindow, NoBody: true}
	for {
		messages, err := r.Log.Newest(ctx, ask)
		if err != nil {
			return fmt.Errorf("read the events of the log: %w", err)
		}
		for _, s := range all {
			if err := r.reconcile(ctx, s, messages, found); err != nil {
				return err
			}
		}
		if len(messages) < auditWindow {
			return nil
		}
		ask.Before = messages[len(messages)-1].Sequence
	}
}

func (r *Registry) audited(ctx context.Context, found *relay.Reconciliation) ([]audited, error) {
	subscribers, err := r.Ledger.Subscribers(ctx)
	if err != nil {
		return nil, err
	}
	var all []audited
	for _, s := range subscribers {
		info, err := r.Log.ConsumerInfo(ctx, relay.StreamEvents, s.Consumer)
		if errors.Is(err, relay.ErrNotFound) || relay.CodeOf(err) == relay.CodeNotFound {
			differ(found, relay.Difference{Kind: "subscription_without_consumer", Subject: s.Name,
				Detail: "the log has no place for subscription " + s.Name, Mend: "edrelay subscription resume " + s.Name})
			continue
		}
		if err != nil {
			return nil, err
		}
		found.Backlog += int(backlog(info))
		all = append(all, audited{s, info.AckFloor})
	}
	return all, nil
}

func (r *Registry) reconcile(ctx context.Context, s audited, messages []relay.Received, found *relay.Reconciliation) error {
	if len(messages) == 0 || messages[0].Sequence < s.EventsSince || messages[len(messages)-1].Sequence > s.floor {
		return nil
	}
	known, err := r.Ledger.DeliverySequences(ctx, s.ID, messages[len(messages)-1].Sequence, messages[0].Sequence, time.Time{})
	if err != nil {
		return err
	}
	for _, m := range messages {
		if m.Sequence < s.EventsSince || m.Sequence > s.floor || !subscription.Matches(s.Events, m.Type) {
			continue
		}
		if _, ok := slices.BinarySearch(known, m.Sequence); ok {
			found.Deliveries++
			continue
		}
		differ(found, relay.Difference{Kind: "delivery_missing", Subject: fmt.Sprintf("%s %d", s.Name, m.Sequence),
			Detail: fmt.Sprintf("event %s, settled for subscription %s, is not in the ledger", m.ID, s.Name),
			Mend:   fmt.Sprintf("edrelay replay start --subscription %s --since %s", s.Name, m.Stored.UTC().Format(time.RFC3339))})
	}
	return nil
}

func differ(found *relay.Reconciliation, one relay.Difference) {
	if len(found.Differences) < auditMost {
		found.Differences = append(found.Differences, one)
	}
}
