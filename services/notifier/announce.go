package notifier

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// announcement is the body of edrelay's events about subscriptions, below the key "subscription".
type announcement struct {
	Name         string     `json:"name"`
	Failures     int        `json:"failures"`
	FailingSince *time.Time `json:"failing_since"`
	Percent      int        `json:"percent"` // of the way to disabling
	Reason       string     `json:"reason"`
}

// announce puts an event about the subscription on the log. The id is made from what is announced, so that two
// processes that find the same make one event.
func (r *runner) announce(ctx context.Context, eventType, about string, h relay.Health, percent int) {
	a := announcement{Name: r.sub.Name, Failures: h.Failures, Percent: percent, Reason: h.Reason}
	if !h.FailingSince.IsZero() {
		since := h.FailingSince.UTC()
		a.FailingSince = &since
	}
	body, err := json.Marshal(map[string]announcement{"subscription": a})
	if err != nil {
		return
	}
	id := fmt.Sprintf("subscription-%d-%s", r.sub.ID, about)
	_, err = r.n.log.Publish(ctx, relay.Message{Subject: relay.EventSubject(eventType), ID: id, Type: eventType,
		Source: "/edrelay/notifier", Time: r.n.now().UTC(), About: r.sub.Name, ContentType: "application/json", DedupID: id, Body: body})
	if err != nil {
		r.n.logger.Error("event about a subscription not published", "subscription", r.sub.Name, "type", eventType, "error", err)
	}
}

// fare keeps and announces what an attempt changed in the subscription's health, and disables it at the end of the way
// or when it said 410.
func (r *runner) fare(ctx context.Context, v verdict) {
	t := r.health.note(v.ok, v.outcome.Attempt.Error, r.n.now())
	if v.gone {
		r.disable(ctx, v.outcome.Attempt.Error, t.health)
		return
	}
	if t.keep {
		if err := r.n.ledger.SetHealth(ctx, r.sub.ID, t.health); err != nil {
			r.n.logger.Error("health of a subscription not kept", "subscription", r.sub.Name, "error", err)
		}
	}
	episode := t.health.FailingSince.UnixMicro()
	switch {
	case t.recovered:
		r.n.logger.Info("subscription recovered", "subscription", r.sub.Name)
		r.announce(ctx, relay.EventSubscriptionRecovered, fmt.Sprintf("recovered-%d", r.n.now().UnixMicro()), t.health, 0)
	case t.announce == 100:
		r.disable(ctx, fmt.Sprintf("%d failures in a row: %s", t.health.Failures, t.health.Reason), t.health)
	case t.announce > 0:
		r.n.logger.Warn("subscription failing", "subscription", r.sub.Name, "percent", t.announce, "failures", t.health.Failures)
		r.announce(ctx, relay.EventSubscriptionFailing, fmt.Sprintf("failing-%d-%d", t.announce, episode), t.health, t.announce)
	}
}

// disable stops the subscription until an operator resumes it; its backlog is kept. While the ledger is away it is tried
// again: a subscription that stands still must not look active.
func (r *runner) disable(ctx context.Context, reason string, h relay.Health) {
	r.stop()
	changed, err := r.n.ledger.DisableSubscription(ctx, r.sub.ID, reason)
	for pause := 100 * time.Millisecond; err != nil && ctx.Err() == nil; pause = min(2*pause, 5*time.Second) {
		r.n.logger.Error("subscription not disabled, trying again", "subscription", r.sub.Name, "error", err)
		sleep(ctx, pause)
		changed, err = r.n.ledger.DisableSubscription(ctx, r.sub.ID, reason)
	}
	if err == nil && changed {
		h.Reason = reason
		r.n.logger.Warn("subscription disabled", "subscription", r.sub.Name, "reason", reason)
		r.announce(ctx, relay.EventSubscriptionDisabled, fmt.Sprintf("disabled-%d", r.n.now().UnixMicro()), h, 100)
	}
}
