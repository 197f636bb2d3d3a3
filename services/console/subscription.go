package console

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// SubscriptionApplyRequest declares subscriptions; those that are not in it stay as they are unless Prune.
type SubscriptionApplyRequest struct {
	Subscriptions []json.RawMessage `json:"subscriptions"` // each with the keys of a subscription; what is left out takes its default
	DryRun        bool              `json:"dry_run"`
	Prune         bool              `json:"prune"`
}

// SubscriptionTestRequest chooses the sample event of a test; empty: one that the subscription wants.
type SubscriptionTestRequest struct {
	Type string `json:"type"`
}

// SecretRotateRequest says how long the old secrets sign beside the new one, e.g. "24h"; empty: 24h; "0s": not at all.
type SecretRotateRequest struct {
	Grace string `json:"grace"`
}

// changeTimeout is longer than a change may take to come into force everywhere.
const changeTimeout = 40 * time.Second

func (s *Service) subscriptionRoutes() []route {
	port := s.opts.Ports.Subscriptions
	if port == nil {
		return nil
	}
	const declaration = "Keys are those of the declaration file; what is left out takes its default. In force when this answers."
	with := func(method, path, summary, about string, body any, status int, handle fiber.Handler) route {
		return route{tag: "subscriptions", role: relay.RoleOperator, answer: relay.Subscription{}, method: method, path: path,
			summary: summary, about: about, body: body, status: status, handle: handle}
	}
	show := with(fiber.MethodGet, "/subscriptions/{name}", "One subscription", "", nil, 0, byName(port.Subscription))
	show.role = relay.RoleViewer
	apply := with(fiber.MethodPost, "/subscriptions/apply", "Declare many subscriptions, all or none", declaration,
		SubscriptionApplyRequest{}, 0, s.applySubscriptions)
	apply.answer = relay.Applied{}
	remove := with(fiber.MethodDelete, "/subscriptions/{name}", "Remove a subscription",
		"Its backlog and its waiting deliveries go with it.", nil, fiber.StatusNoContent, s.removeSubscription)
	remove.answer = nil
	test := with(fiber.MethodPost, "/subscriptions/{name}/test", "Post a sample event to a subscription", "Nothing is put on record.",
		SubscriptionTestRequest{}, 0, s.testSubscription)
	test.answer = relay.SubscriptionTest{}
	return []route{
		s.subscriptionList(), apply, show,
		with(fiber.MethodPost, "/subscriptions", "Declare a new subscription", declaration+" A secret that was made is in the answer and nowhere else.",
			relay.Subscription{}, fiber.StatusCreated, s.addSubscription),
		with(fiber.MethodPatch, "/subscriptions/{name}", "Change a subscription", "What is left out stays. In force when this answers.",
			relay.Subscription{}, 0, s.editSubscription),
		with(fiber.MethodPost, "/subscriptions/{name}/pause", "Stop deliveries", "The backlog is kept.", nil, 0, byName(port.PauseSubscription)),
		with(fiber.MethodPost, "/subscriptions/{name}/resume", "Deliver again", "Also enables what edrelay has disabled.", nil, 0, byName(port.ResumeSubscription)),
		with(fiber.MethodPost, "/subscriptions/{name}/rotate-secret", "Make a new secret",
			"The new secret is in the answer and nowhere else.", SecretRotateRequest{}, 0, s.rotateSecret),
		remove, test,
	}
}

func (s *Service) subscriptionList() route {
	return listRoute(s, route{
		path: "/subscriptions", role: relay.RoleViewer, tag: "subscriptions", summary: "Subscriptions, newest first",
		query: []param{oneOf("state", "How it fares.", relay.SubscriptionActive, relay.SubscriptionPaused, relay.SubscriptionFailing, relay.SubscriptionDisabled)},
	}, func(v values) listing[relay.Subscription] {
		state := relay.SubscriptionState(v.text("state"))
		return listing[relay.Subscription]{
			read: func(ctx context.Context, p relay.Page) ([]relay.Subscription, error) {
				all, err := s.opts.Ports.Subscriptions.Subscriptions(ctx)
				var rows []relay.Subscription
				passed := p.Before.IsZero()
				for _, one := range all {
					if passed && len(rows) < p.Limit && (state == "" || one.State == state) {
						rows = append(rows, one)
					}
					passed = passed || one.Name == p.Before.ID
				}
				return rows, err
			},
			mark: func(one relay.Subscription) relay.Mark { return relay.Mark{Time: one.CreatedAt, ID: one.Name} },
		}
	})
}

// byName answers with what work gives for the name in the path.
func byName[T any](work func(context.Context, string) (T, error)) fiber.Handler {
	return func(c fiber.Ctx) error {
		name, err := url.PathUnescape(c.Params("name"))
		if err != nil {
			return relay.ErrNotFound
		}
		return change(c, func(ctx context.Context) (T, error) { return work(ctx, name) })
	}
}

// change is answer with the time that a change may take to come into force.
func change[T any](c fiber.Ctx, work func(context.Context) (T, error)) error {
	ctx, cancel := context.WithTimeout(c.Context(), changeTimeout)
	defer cancel()
	result, err := work(ctx)
	if err != nil {
		return err
	}
	return c.JSON(result)
}

func (s *Service) addSubscription(c fiber.Ctx) error {
	var declaration json.RawMessage
	if err := decode(c, &declaration); err != nil {
		return err
	}
	c.Status(fiber.StatusCreated)
	return change(c, func(ctx context.Context) (relay.Subscription, error) {
		return s.opts.Ports.Subscriptions.AddSubscription(ctx, declaration)
	})
}

func (s *Service) editSubscription(c fiber.Ctx) error {
	var keys json.RawMessage
	if err := decode(c, &keys); err != nil {
		return err
	}
	return byName(func(ctx context.Context, name string) (relay.Subscription, error) {
		return s.opts.Ports.Subscriptions.EditSubscription(ctx, name, keys)
	})(c)
}

func (s *Service) removeSubscription(c fiber.Ctx) error {
	name, err := url.PathUnescape(c.Params("name"))
	if err != nil {
		return relay.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(c.Context(), changeTimeout)
	defer cancel()
	if err := s.opts.Ports.Subscriptions.RemoveSubscription(ctx, name); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Service) rotateSecret(c fiber.Ctx) error {
	var ask SecretRotateRequest
	if len(c.Body()) > 0 {
		if err := decode(c, &ask); err != nil {
			return err
		}
	}
	var grace time.Duration
	if ask.Grace != "" {
		parsed, err := time.ParseDuration(ask.Grace)
		if err != nil || parsed < 0 || parsed > 30*24*time.Hour {
			return relay.Errorf(relay.CodeInvalid, "grace must be a duration such as 24h, at most 720h")
		}
		if grace = parsed; grace == 0 {
			grace = -1 // the old ones end now
		}
	}
	return byName(func(ctx context.Context, name string) (relay.Subscription, error) {
		return s.opts.Ports.Subscriptions.RotateSecret(ctx, name, grace)
	})(c)
}

func (s *Service) applySubscriptions(c fiber.Ctx) error {
	var ask SubscriptionApplyRequest
	if err := decode(c, &ask); err != nil {
		return err
	}
	return change(c, func(ctx context.Context) (relay.Applied, error) {
		return s.opts.Ports.Subscriptions.ApplySubscriptions(ctx, append([]json.RawMessage{}, ask.Subscriptions...), ask.DryRun, ask.Prune)
	})
}

func (s *Service) testSubscription(c fiber.Ctx) error {
	var ask SubscriptionTestRequest
	if len(c.Body()) > 0 {
		if err := decode(c, &ask); err != nil {
			return err
		}
	}
	return byName(func(ctx context.Context, name string) (relay.SubscriptionTest, error) {
		return s.opts.Ports.Subscriptions.TestSubscription(ctx, name, ask.Type)
	})(c)
}
