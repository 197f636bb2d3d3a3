package web

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
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
	rows.Empty = emptyText{"No replay yet", "A replay processes a range of the log again: events to a subscription, or webhooks to the enroller, enrolments to the LMS."}
	return s.show(c, v, "replays", "/replays", "Replays", rows)
}

// replayForm is an order for a replay while it is written; Plan is what it would do, Fault what is wrong with it.
type replayForm struct {
	Values  map[string]string
	Targets []replayTarget
	States  []stateGroup
	Plan    *relay.ReplayPlan
	Fault   string
}

// replayTarget is where a replay may go to.
type replayTarget struct {
	Name, Label string
	Chosen      bool
}

// stateGroup are the states that one kind of target knows.
type stateGroup struct {
	Label  string
	States []string
}

func stateGroups() []stateGroup {
	return []stateGroup{
		{"Deliveries", relay.ReplayRequest{}.States()[1:]},
		{"Webhooks", relay.ReplayRequest{Enroller: true}.States()[1:]},
		{"Enrolments", relay.ReplayRequest{Enrollments: true}.States()},
	}
}

// replayFields are the fields of the form beside the targets.
var replayFields = []string{"since", "until", "from", "to", "type", "subject", "source", "course", "learner", "state", "reason", "rate", "mail"}

// newReplay shows the form and, once it is filled, exactly what the replay would do.
func (s *site) newReplay(c fiber.Ctx, v *visit) error {
	chosen := many(c.RequestCtx().QueryArgs().PeekMulti("target"))
	form := replayForm{Values: map[string]string{}, States: stateGroups()}
	for _, name := range replayFields {
		form.Values[name] = asked(c, name)
	}
	var err error
	if form.Targets, err = s.replayTargets(v.ctx, chosen); err != nil {
		return err
	}
	if len(chosen) > 0 {
		if err := s.plan(v.ctx, &form, chosen); err != nil {
			return err
		}
	}
	return s.show(c, v, "replay", "/replays", "New replay", form)
}

// plan fills in what the replay would do, or what is wrong with the order.
func (s *site) plan(ctx context.Context, form *replayForm, chosen []string) error {
	ask, err := replayRequest(chosen, func(name string) string { return form.Values[name] }, s.Now())
	if err == nil {
		var plan relay.ReplayPlan
		if plan, err = s.desk.Ports.Replays.PlanReplay(ctx, ask); err == nil {
			form.Plan = &plan
		}
	}
	if code := relay.CodeOf(err); err != nil && (code == relay.CodeInvalid || code == relay.CodeNotFound) {
		failure := s.Failure(err)
		form.Fault = strings.TrimSpace(relay.PublicMessage(err) + ". " + failure.Hint)
		return nil
	}
	return err
}

func (s *site) replayTargets(ctx context.Context, chosen []string) ([]replayTarget, error) {
	list := []replayTarget{
		{Name: relay.ReplayEnroller, Label: "the enroller: webhooks, also rejected ones"},
		{Name: relay.ReplayEnrollments, Label: "the LMS: enrolments, the parked ones at first"},
	}
	if s.desk.Ports.Subscriptions != nil {
		all, err := s.desk.Ports.Subscriptions.Subscriptions(ctx)
		if err != nil {
			return nil, err
		}
		for _, one := range all {
			list = append(list, replayTarget{Name: one.Name, Label: one.Name + ": events"})
		}
	}
	for i := range list {
		list[i].Chosen = slices.Contains(chosen, list[i].Name)
	}
	return list, nil
}

func (s *site) startReplay(c fiber.Ctx, v *visit) error {
	targets := many(c.RequestCtx().PostArgs().PeekMulti("target"))
	ask, err := replayRequest(targets, func(name string) string { return clean(c.FormValue(name)) }, s.Now())
	if err != nil {
		return err
	}
	if _, err := s.desk.Ports.Replays.StartReplay(v.ctx, ask, v.who.Name); err != nil {
		return err
	}
	return back(c, "/replays", "started")
}

func many(values [][]byte) []string {
	list := make([]string, 0, len(values))
	for _, value := range values {
		if len(value) > 0 {
			list = append(list, clean(string(value)))
		}
	}
	return list
}

// replayRequest reads the form. Targets named "enroller" and "enrollments" are those, others are subscriptions.
func replayRequest(targets []string, value func(string) string, now time.Time) (ask relay.ReplayRequest, err error) {
	ask = relay.ReplayRequest{
		Type: value("type"), Subject: value("subject"), Source: value("source"), Course: value("course"), Learner: value("learner"),
		State: value("state"), Reason: value("reason"), Mail: value("mail") != "",
	}
	for _, target := range targets {
		switch target {
		case relay.ReplayEnroller:
			ask.Enroller = true
		case relay.ReplayEnrollments:
			ask.Enrollments = true
		default:
			ask.Subscriptions = append(ask.Subscriptions, target)
		}
	}
	if rate := value("rate"); rate != "" {
		if ask.Rate, err = strconv.ParseFloat(rate, 64); err != nil {
			return ask, relay.Errorf(relay.CodeInvalid, "the rate must be a number a second")
		}
	}
	for name, into := range map[string]*uint64{"from": &ask.FromSequence, "to": &ask.ToSequence} {
		if text := value(name); text != "" {
			if *into, err = strconv.ParseUint(text, 10, 63); err != nil {
				return ask, relay.Errorf(relay.CodeInvalid, "sequences are whole numbers")
			}
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
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, relay.Errorf(relay.CodeInvalid, "times are such as 2026-01-31T12:00:00Z, or how long ago such as 24h or 7d")
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
