package assembly

import (
	"context"
	"fmt"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/audit"
)

// reconciler compares the log with the ledger, and with the LMS where one is configured.
type reconciler struct{ ground *Ground }

// Reconcile runs the audit.
func (r reconciler) Reconcile(ctx context.Context, withLMS bool) (relay.Reconciliation, error) {
	auditor := audit.Auditor{Log: webhookLog{r.ground.Bus}, Ledger: r.ground.Store, Now: r.ground.Store.Now}
	if withLMS {
		site, err := r.ground.LMS()
		if err != nil {
			return relay.Reconciliation{}, err
		}
		if site == nil {
			return relay.Reconciliation{}, &relay.Error{
				Code: relay.CodeInvalid, Message: "No LMS is configured, so nothing can be compared with it.",
				Hint: "Set lms.url, lms.client_id and lms.client_secret, or leave the LMS out.",
			}
		}
		defer site.Close()
		auditor.LMS = site
	}
	found, err := auditor.Run(ctx)
	if err == nil {
		err = r.losses(ctx, &found)
	}
	if err != nil || r.ground.registry == nil {
		return found, err
	}
	err = r.ground.registry.Reconcile(ctx, &found)
	return found, err
}

// lossesCounted is how long webhooks that the log lost unworked are unaccounted for: as long as shops list their orders.
const lossesCounted = 30 * 24 * time.Hour

// losses adds the webhooks that the log lost before they were worked.
func (r reconciler) losses(ctx context.Context, found *relay.Reconciliation) error {
	lost, err := r.ground.Store.LogLosses(ctx, r.ground.Store.Now().Add(-lossesCounted))
	for _, one := range lost {
		if one.Stream != relay.StreamWebhooks || one.Unworked == 0 {
			continue
		}
		since, until := one.Since.UTC().Format(time.RFC3339), one.Until.UTC().Format(time.RFC3339)
		found.Differences = append(found.Differences, relay.Difference{
			Kind: "webhooks_lost", Subject: fmt.Sprintf("%d-%d", one.First, one.Last),
			Detail: fmt.Sprintf("the log lost %d webhooks, accepted between %s and %s, before they were worked", one.Unworked, since, until),
			Mend:   "restore the newest backup, or have senders repeat what they sent in that time",
		})
	}
	return err
}

// webhookLog is the stream of verified webhooks as the audit reads it.
type webhookLog struct{ *bus.Bus }

// Range gives the first and last sequence of WEBHOOKS and when the stream was made.
func (l webhookLog) Range(ctx context.Context) (first, last uint64, created time.Time, err error) {
	info, err := l.Stream(ctx, relay.StreamWebhooks)
	return info.First, info.Last, info.Created, err
}
