package web

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

func (s *site) replays(c fiber.Ctx, v *visit) error {
	fields := []field{{Name: "state", Label: "State", Options: oneOf(
		relay.ReplayRunning, relay.ReplayPaused, relay.ReplayDone, relay.ReplayCancelled, relay.ReplayFailed)}}
	state := relay.ReplayState(asked(c, "state"))
	rows, err := readRows(c, v.ctx, fields, func(ctx context.Context, p relay.Page) ([]relay.Replay, error) {
		return s.desk.Ports.Replays.Replays(ctx, relay.ReplayQuery{Page: p, State: state})
	}, func(r relay.Replay) relay.Mark { return relay.Mark{Time: r.CreatedAt, ID: r.ID} })
	if err != nil {
		return err
	}
	rows.Empty = emptyText{"No replay yet", "A replay processes a range of the log again: events to a subscription, or webhooks to the enroller."}
	return s.show(c, v, "replays", "/replays", "Replays", rows)
}

// replayForm is an order for a replay while it is written; Plan is what it would do.
type replayForm struct {
	Values  map[string]string
	Targets []string
	Plan    *relay.ReplayPlan
}

// newReplay shows the form and, once it is filled, exactly what the replay would do.
func (s *site) newReplay(c fiber.Ctx, v *visit) error {
	form := replayForm{Values: map[string]string{}, Targets: []string{relay.ReplayEnroller}}
	if s.desk.Ports.Subscriptions != nil {
		all, err := s.desk.Ports.Subscriptions.Subscriptions(v.ctx)
		if err != nil {
			return err
		}
		for _, one := range all {
			form.Targets = append(form.Targets, one.Name)
		}
	}
	for _, name := range []string{"target", "since", "until", "type", "source", "state", "rate"} {
		form.Values[name] = asked(c, name)
	}
	if form.Values["target"] != "" {
		ask, err := replayRequest(func(name string) string { return form.Values[name] }, s.Now())
		if err != nil {
			return err
		}
		plan, err := s.desk.Ports.Replays.PlanReplay(v.ctx, ask)
		if err != nil {
			return err
		}
		form.Plan = &plan
	}
	return s.show(c, v, "replay", "/replays", "New replay", form)
}

func (s *site) startReplay(c fiber.Ctx, v *visit) error {
	ask, err := replayRequest(func(name string) string { return clean(c.FormValue(name)) }, s.Now())
	if err != nil {
		return err
	}
	if _, err := s.desk.Ports.Replays.StartReplay(v.ctx, ask, v.who.Name); err != nil {
		return err
	}
	return back(c, "/replays", "started")
}

// replayRequest reads the form. A target named "enroller" is the enroller.
func replayRequest(value func(string) string, now time.Time) (ask relay.ReplayRequest, err error) {
	ask = relay.ReplayRequest{Type: value("type"), Source: value("source"), State: value("state")}
	if target := value("target"); target == relay.ReplayEnroller {
		ask.Enroller = true
	} else {
		ask.Subscriptions = []string{target}
	}
	if rate := value("rate"); rate != "" {
		if ask.Rate, err = strconv.ParseFloat(rate, 64); err != nil {
			return ask, relay.Errorf(relay.CodeInvalid, "the rate must be a number a second")
		}
	}
	if ask.Since, err = formTime(value("since"), now); err != nil {
		return ask, err
	}
	ask.Until, err = formTime(value("until"), now)
	return ask, err
}

// formTime reads RFC 3339, a date, or how long ago such as 24h.
func formTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, relay.Errorf(relay.CodeInvalid, "times are such as 2026-01-31T12:00:00Z, or how long ago such as 24h")
}

func (s *site) moveReplay(work func(context.Context, string) (relay.Replay, error)) func(fiber.Ctx, *visit) error {
	return func(c fiber.Ctx, v *visit) error {
		one, err := work(v.ctx, named(c))
		if err != nil {
			return err
		}
		return back(c, "/replays", "replay-"+url.QueryEscape(string(one.State)))
	}
}
