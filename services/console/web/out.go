package web

import (
	"context"
	"net/url"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

// outRooms are the pages of what goes out: subscriptions, deliveries, filters, replays. Those without a port don't exist.
func (s *site) outRooms() []room {
	var list []room
	ports := s.desk.Ports
	if ports.Subscriptions != nil {
		list = append(list, room{fiber.MethodGet, "/subscriptions", relay.RoleViewer, s.subscriptions},
			room{fiber.MethodGet, "/subscriptions/:id", relay.RoleViewer, s.subscription},
			room{fiber.MethodPost, "/subscriptions/:id/pause", relay.RoleOperator, s.switchSubscription(ports.Subscriptions.PauseSubscription, "paused")},
			room{fiber.MethodPost, "/subscriptions/:id/resume", relay.RoleOperator, s.switchSubscription(ports.Subscriptions.ResumeSubscription, "resumed")})
	}
	if ports.Deliveries != nil {
		list = append(list, room{fiber.MethodGet, "/deliveries", relay.RoleViewer, s.deliveries}, room{fiber.MethodGet, "/deliveries/:id", relay.RoleViewer, s.delivery},
			room{fiber.MethodPost, "/deliveries/:id/retry", relay.RoleOperator, s.retryDelivery})
	}
	if ports.Filters != nil {
		list = append(list, room{fiber.MethodGet, "/filters", relay.RoleViewer, s.filters},
			room{fiber.MethodPost, "/filters/:id/pause", relay.RoleOperator, s.enableFilter(false, "filter-paused")},
			room{fiber.MethodPost, "/filters/:id/resume", relay.RoleOperator, s.enableFilter(true, "filter-resumed")})
	}
	if ports.Replays != nil {
		list = append(list, room{fiber.MethodGet, "/replays", relay.RoleViewer, s.replays}, room{fiber.MethodGet, "/replays/new", relay.RoleOperator, s.newReplay},
			room{fiber.MethodPost, "/replays", relay.RoleOperator, s.startReplay},
			room{fiber.MethodPost, "/replays/:id/pause", relay.RoleOperator, s.moveReplay(ports.Replays.PauseReplay)},
			room{fiber.MethodPost, "/replays/:id/resume", relay.RoleOperator, s.moveReplay(ports.Replays.ResumeReplay)},
			room{fiber.MethodPost, "/replays/:id/cancel", relay.RoleOperator, s.moveReplay(ports.Replays.CancelReplay)})
	}
	return list
}

func (s *site) subscriptions(c fiber.Ctx, v *visit) error {
	all, err := s.desk.Ports.Subscriptions.Subscriptions(v.ctx)
	if err != nil {
		return err
	}
	return s.show(c, v, "subscriptions", "/subscriptions", "Subscriptions", all)
}

// subscriptionView is one subscription with its deliveries that a person may want to see.
type subscriptionView struct {
	relay.Subscription
	Open []relay.Delivery
}

func (s *site) subscription(c fiber.Ctx, v *visit) error {
	one, err := s.desk.Ports.Subscriptions.Subscription(v.ctx, named(c))
	if err != nil {
		return err
	}
	page := subscriptionView{Subscription: one}
	if s.desk.Ports.Deliveries != nil {
		query := relay.DeliveryQuery{Subscription: one.Name, Undelivered: true, Page: relay.Page{Limit: pageRows}}
		if page.Open, err = s.desk.Ports.Deliveries.Deliveries(v.ctx, query); err != nil {
			return err
		}
	}
	return s.show(c, v, "subscription", "/subscriptions", one.Name, page)
}

// named gives the thing that the path names.
func named(c fiber.Ctx) string {
	name, err := url.PathUnescape(c.Params("id"))
	if err != nil {
		return ""
	}
	return clean(name)
}

func (s *site) switchSubscription(work func(context.Context, string) (relay.Subscription, error), done string) func(fiber.Ctx, *visit) error {
	return func(c fiber.Ctx, v *visit) error {
		one, err := work(v.ctx, named(c))
		if err != nil {
			return err
		}
		return back(c, "/subscriptions/"+url.PathEscape(one.Name), done)
	}
}

func (s *site) deliveries(c fiber.Ctx, v *visit) error {
	q := relay.DeliveryQuery{
		State: relay.DeliveryState(asked(c, "state")), Subscription: asked(c, "subscription"), EventType: asked(c, "type"), EventID: asked(c, "event"),
	}
	fields := []field{
		{Name: "state", Label: "State", Options: oneOf(relay.DeliveryWaiting, relay.DeliveryDelivered, relay.DeliveryParked)},
		{Name: "subscription", Label: "Subscription"}, {Name: "type", Label: "Event type"}, {Name: "event", Label: "Event id"},
	}
	rows, err := readRows(c, v.ctx, fields, func(ctx context.Context, p relay.Page) ([]relay.Delivery, error) {
		q.Page = p
		return s.desk.Ports.Deliveries.Deliveries(ctx, q)
	}, func(d relay.Delivery) relay.Mark { return relay.Mark{Time: d.StoredAt, ID: d.ID} })
	if err != nil {
		return err
	}
	rows.Empty = emptyText{"No delivery yet", "An event that a subscription wants makes one."}
	return s.show(c, v, "deliveries", "/deliveries", "Deliveries", rows)
}

// deliveryView is one delivery with where it goes and what is sent.
type deliveryView struct {
	relay.DeliveryDetail
	To      *relay.Subscription // nil when it is there no longer
	Message *relay.LogEntry     // nil when the log keeps it no longer
	Erased  string              // why it is gone
}

func (s *site) delivery(c fiber.Ctx, v *visit) error {
	one, err := s.desk.Ports.Deliveries.Delivery(v.ctx, named(c))
	if err != nil {
		return err
	}
	page := deliveryView{DeliveryDetail: one}
	if s.desk.Ports.Subscriptions != nil {
		if to, err := s.desk.Ports.Subscriptions.Subscription(v.ctx, one.Subscription); err == nil { // it may be removed since
			page.To = &to
		}
	}
	if page.Message, page.Erased, err = s.desk.EventMessage(v.ctx, one.Sequence); err != nil {
		return err
	}
	return s.show(c, v, "delivery", "/deliveries", "Delivery "+one.ID, page)
}

func (s *site) retryDelivery(c fiber.Ctx, v *visit) error {
	if _, err := s.desk.Ports.Deliveries.RetryDelivery(v.ctx, named(c)); err != nil {
		return err
	}
	return back(c, "/deliveries/"+url.PathEscape(c.Params("id")), "retried")
}

// filtersView is what is declared, and what was asked lately.
type filtersView struct {
	Filters []relay.Filter
	Calls   []relay.FilterCall
}

func (s *site) filters(c fiber.Ctx, v *visit) (err error) {
	var page filtersView
	if page.Filters, err = s.desk.Ports.Filters.Filters(v.ctx); err != nil {
		return err
	}
	if page.Calls, err = s.desk.Ports.Filters.FilterCalls(v.ctx, relay.FilterCallQuery{Page: relay.Page{Limit: pageRows}}); err != nil {
		return err
	}
	return s.show(c, v, "filters", "/filters", "Filters", page)
}

func (s *site) enableFilter(enabled bool, done string) func(fiber.Ctx, *visit) error {
	return func(c fiber.Ctx, v *visit) error {
		if _, err := s.desk.Ports.Filters.EnableFilter(v.ctx, named(c), enabled); err != nil {
			return err
		}
		return back(c, "/filters", done)
	}
}
