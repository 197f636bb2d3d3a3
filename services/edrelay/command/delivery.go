package command

import (
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func deliveryCommand(a *App) *cobra.Command {
	return family("delivery", "What became of events for subscriptions", deliveryList(a), deliveryShow(a), deliveryRetry(a))
}

func deliveryPath(id string) string { return "/deliveries/" + url.PathEscape(id) }

func deliveryList(a *App) *cobra.Command {
	return listCommand(a, listing[relay.Delivery]{
		short: "List deliveries, newest event first",
		example: `  edrelay delivery ls --undelivered
  edrelay delivery ls --subscription crm --state parked
  edrelay delivery ls --since 1h --output json`,
		path: "/deliveries", states: []string{"waiting", "delivered", "parked"},
		filters: []filter{
			{name: "undelivered", usage: "waiting, parked and not tried yet", is: true},
			{name: "subscription", usage: "only for this subscription"}, {name: "event-id", usage: "only of this event"},
			{name: "event-type", usage: "only of this type"},
			{name: "since", usage: "of events that the log took at or after, e.g. 1h"}, {name: "until", usage: "of events that the log took before"},
		},
		columns: func(now time.Time) []table.Column[relay.Delivery] {
			return []table.Column[relay.Delivery]{
				column("ID", func(d relay.Delivery) string { return d.ID }),
				column("EVENT", func(d relay.Delivery) string { return table.Age(d.StoredAt, now) }),
				column("SUBSCRIPTION", func(d relay.Delivery) string { return d.Subscription }),
				stateColumn(func(d relay.Delivery) string { return string(d.State) }),
				number("TRIES", func(d relay.Delivery) string { return strconv.Itoa(d.Attempts) }),
				number("STATUS", func(d relay.Delivery) string { return status(d.LastStatus) }),
				column("NEXT", func(d relay.Delivery) string { return table.Next(d.NextAttemptAt, now) }),
				wide("TYPE", func(d relay.Delivery) string { return d.EventType }),
				wide("ERROR", func(d relay.Delivery) string { return d.LastError }),
			}
		},
		empty: "No delivery. `edrelay subscription ls` shows who wants events.",
	})
}

// status is empty when no answer came.
func status(code int) string {
	if code == 0 {
		return ""
	}
	return strconv.Itoa(code)
}

func deliveryShow(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a delivery with its attempts", Example: "  edrelay delivery show 1-2s-dy1p1cbq84",
		RunE: func(cmd *cobra.Command, args []string) error {
			var d relay.DeliveryDetail
			if err := a.fetch(cmd.Context(), deliveryPath(args[0]), &d); err != nil {
				return err
			}
			return a.printDelivery(d)
		},
	}
}

func deliveryRetry(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "retry ID", Short: "Try a delivery again now, with its retry list from the start",
		Example: "  edrelay delivery retry 1-2s-dy1p1cbq84",
		RunE:    ordering(a, func(args []string) order { return post(at("deliveries", args[0], "retry"), nil) }, a.printDelivery),
	}
}

func (a *App) printDelivery(d relay.DeliveryDetail) error {
	if a.wantsJSON() {
		return a.printJSON(d)
	}
	now := time.Now()
	fields := []field{
		{"delivery", d.ID, table.Plain}, {"subscription", d.Subscription, table.Plain}, {"event", d.EventID, table.Plain},
		{"type", d.EventType, table.Plain}, {"sequence", strconv.FormatUint(d.Sequence, 10), table.Plain},
		{"state", string(d.State), stateColor(string(d.State))}, {"error", d.LastError, table.Bad},
	}
	if d.NextAttemptAt != nil {
		fields = append(fields, field{"next attempt", table.Next(d.NextAttemptAt, now), table.Wait})
	}
	if err := a.printFields(fields); err != nil || len(d.History) == 0 {
		return err
	}
	return table.Write(a.screen(), d.History, []table.Column[relay.DeliveryAttempt]{
		number("ATTEMPT", func(t relay.DeliveryAttempt) string { return strconv.Itoa(t.Number) }),
		column("AT", func(t relay.DeliveryAttempt) string { return table.Age(t.At, now) }),
		number("MS", func(t relay.DeliveryAttempt) string { return strconv.FormatFloat(t.DurationMS, 'f', 1, 64) }),
		number("STATUS", func(t relay.DeliveryAttempt) string { return status(t.Status) }),
		wide("ERROR", func(t relay.DeliveryAttempt) string { return t.Error }),
		wide("ANSWER", func(t relay.DeliveryAttempt) string { return t.Answer }),
		column("REPLAY", func(t relay.DeliveryAttempt) string { return t.Replay }),
	})
}
