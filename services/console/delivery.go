package console

import (
	"context"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

func (s *Service) deliveryRoutes() []route {
	port := s.opts.Ports.Deliveries
	if port == nil {
		return nil
	}
	one := func(work func(context.Context, string) (relay.DeliveryDetail, error)) fiber.Handler {
		return func(c fiber.Ctx) error {
			return answer(c, func(ctx context.Context) (relay.DeliveryDetail, error) { return work(ctx, c.Params("id")) })
		}
	}
	return []route{
		listRoute(s, route{
			path: "/deliveries", role: relay.RoleViewer, tag: "deliveries", summary: "What became of events for subscriptions, newest event first",
			query: []param{
				oneOf("state", "Where it stands.", relay.DeliveryWaiting, relay.DeliveryDelivered, relay.DeliveryParked),
				flag("undelivered", "Waiting, parked and not tried yet."), text("subscription", "Name of the subscription."),
				text("event_id", "Id of the event."), text("event_type", "Type of the event, exactly."),
				moment("since", "Events that the log took at or after."), moment("until", "Events that the log took before."),
			},
		}, s.deliveryListing),
		{
			method: fiber.MethodGet, path: "/deliveries/{id}", role: relay.RoleViewer, tag: "deliveries", summary: "One delivery with its attempts",
			answer: relay.DeliveryDetail{}, handle: one(port.Delivery),
		},
		{
			method: fiber.MethodPost, path: "/deliveries/{id}/retry", role: relay.RoleOperator, tag: "deliveries", summary: "Try a delivery again now",
			about: "With its retry list from the start.", answer: relay.DeliveryDetail{}, handle: one(port.RetryDelivery),
		},
	}
}

func (s *Service) deliveryListing(v values) listing[relay.Delivery] {
	q := relay.DeliveryQuery{
		State: relay.DeliveryState(v.text("state")), Undelivered: v.flag("undelivered"), Subscription: v.text("subscription"),
		EventID: v.text("event_id"), EventType: v.text("event_type"), Since: v.time("since"), Until: v.time("until"),
	}
	return listing[relay.Delivery]{
		read: func(ctx context.Context, p relay.Page) ([]relay.Delivery, error) {
			q := q
			q.Page = p
			return s.opts.Ports.Deliveries.Deliveries(ctx, q)
		},
		mark: func(d relay.Delivery) relay.Mark { return relay.Mark{Time: d.StoredAt, ID: d.ID} },
	}
}
