package desk

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// findNeeds collects what a person should look at, the worst first.
func (d *Desk) findNeeds(ctx context.Context, o *Overview, _ time.Time) error {
	if err := d.needRoom(ctx, o); err != nil {
		return err
	}
	status, err := d.Ports.Figures.EnrollerStatus(ctx)
	if err != nil {
		return err
	}
	for _, s := range status {
		if s.State == "paused" {
			o.need(Need{Bad: true, Text: "The LMS client is paused: " + s.Reason, Hint: s.Hint, Path: "/settings"})
			break
		}
	}
	parked, err := d.Ports.Figures.CountParkedWebhooks(ctx)
	if err != nil {
		return err
	}
	if parked > 0 {
		o.need(Need{
			Bad: true, Text: count(parked, "webhook is", "webhooks are") + " parked", Hint: "Each says why; mend the cause and replay it.",
			Path: "/webhooks?state=parked",
		})
	}
	if err := d.needEnrollments(ctx, o); err != nil {
		return err
	}
	for _, find := range []func(context.Context, *Overview) error{d.needSubscriptions, d.needDeliveries, d.needReplays} {
		if err := find(ctx, o); err != nil {
			return err
		}
	}
	if o.Rejected > 0 {
		o.need(Need{
			Text: count(o.Rejected, "webhook was", "webhooks were") + " refused in the last day",
			Hint: "A sender with a wrong secret, or a stranger. After mending a secret they can be verified again.", Path: "/rejected",
		})
	}
	return nil
}

// needRoom tells what runs full or goes astray.
func (d *Desk) needRoom(ctx context.Context, o *Overview) error {
	if d.Ports.Alarms == nil {
		return nil
	}
	alarms, err := d.Ports.Alarms.Alarms(ctx)
	for _, one := range alarms {
		o.need(Need{Bad: one.Bad, Text: one.Text, Hint: one.Hint, Path: "/settings"})
	}
	return err
}

const manyReasons = 5

func (d *Desk) needEnrollments(ctx context.Context, o *Overview) error {
	reasons, err := d.Ports.Figures.CountReasons(ctx)
	if err != nil {
		return err
	}
	shown := 0
	for _, r := range reasons {
		if shown == manyReasons {
			break
		}
		if strings.HasPrefix(r.Reason, relay.ForgottenReason) {
			continue // whoever forgot the learner was told
		}
		path := "/enrollments?" + url.Values{"state": {string(r.State)}, "reason": {r.Reason}}.Encode()
		switch r.State {
		case relay.EnrollmentParked:
			o.need(Need{Bad: true, Text: count(r.Rows, "enrolment is", "enrolments are") + " parked: " + r.Reason, Hint: "Mend the cause and retry.", Path: path})
		case relay.EnrollmentWaiting:
			o.need(Need{Text: count(r.Rows, "enrolment waits", "enrolments wait") + ": " + r.Reason, Hint: "It is tried again by itself.", Path: path})
		default:
			continue
		}
		shown++
	}
	return nil
}

// needSubscriptions names the subscriptions whose URL does not take what it is sent.
func (d *Desk) needSubscriptions(ctx context.Context, o *Overview) error {
	if d.Ports.Subscriptions == nil {
		return nil
	}
	all, err := d.Ports.Subscriptions.Subscriptions(ctx)
	for _, s := range all {
		path := "/subscriptions/" + url.PathEscape(s.Name)
		switch s.State {
		case relay.SubscriptionFailing:
			o.need(Need{Text: "Subscription " + s.Name + " is failing: " + s.Reason, Hint: "It is tried again by itself.", Path: path})
		case relay.SubscriptionDisabled:
			if s.Reason != "" {
				o.need(Need{Bad: true, Text: "Subscription " + s.Name + " is disabled: " + s.Reason, Hint: "Its backlog is kept; resume it when its URL is well.", Path: path})
			}
		}
	}
	return err
}

const (
	manyParked        = 10_000 // parked deliveries that are counted at most
	manySubscriptions = 5
)

// needDeliveries names the subscriptions with parked deliveries.
func (d *Desk) needDeliveries(ctx context.Context, o *Overview) error {
	if d.Ports.Deliveries == nil {
		return nil
	}
	counts, err := d.Ports.Figures.CountParkedDeliveries(ctx, manyParked)
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	for i, name := range names {
		if i == manySubscriptions {
			o.need(Need{Bad: true, Text: count(len(names)-i, "more subscription has", "more subscriptions have") + " parked deliveries", Path: "/deliveries?state=parked"})
			break
		}
		o.need(Need{
			Bad: true, Text: count(counts[name], "delivery", "deliveries") + " to " + name + " parked",
			Hint: "The answers say why. Once the URL is mended, replay those with the state parked.",
			Path: "/deliveries?" + url.Values{"state": {"parked"}, "subscription": {name}}.Encode(),
		})
	}
	return err
}

// needReplays names replays that can't go on.
func (d *Desk) needReplays(ctx context.Context, o *Overview) error {
	if d.Ports.Replays == nil {
		return nil
	}
	failed, err := d.Ports.Replays.Replays(ctx, relay.ReplayQuery{State: relay.ReplayFailed, Page: relay.Page{Limit: manySubscriptions}})
	for _, r := range failed {
		o.need(Need{Bad: true, Text: "Replay " + r.ID + " failed: " + r.Reason, Hint: "Resume it once the cause is mended, or cancel it.", Path: "/replays?state=failed"})
	}
	return err
}

// need keeps bad things before those that may pass.
func (o *Overview) need(n Need) {
	at := len(o.Needs)
	for n.Bad && at > 0 && !o.Needs[at-1].Bad {
		at--
	}
	o.Needs = append(o.Needs[:at], append([]Need{n}, o.Needs[at:]...)...)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
