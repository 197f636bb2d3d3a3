package command

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func webhookCommand(a *App) *cobra.Command {
	return family("webhook", "What came in, accepted or rejected", webhookList(a), webhookShow(a), webhookReverify(a))
}

var webhookStates = []string{"accepted", "done", "ignored", "parked", "rejected"}

func webhookList(a *App) *cobra.Command {
	return listCommand(a, listing[relay.Webhook]{
		short: "List webhooks, newest first",
		example: `  edrelay webhook ls
  edrelay webhook ls --state rejected --since 1h
  edrelay webhook ls --order '#1001' --output json
  edrelay webhook ls --watch`,
		path: "/webhooks", states: webhookStates,
		filters: []filter{
			{name: "source", usage: "only of this source"}, {name: "topic", usage: "only of this topic, e.g. orders/create"},
			{name: "order", usage: "only of this order, by number or name"},
			{name: "since", usage: "received at or after: a time, or how long ago (90s, 15m, 24h, 7d)"},
			{name: "until", usage: "received before"},
		},
		columns: webhookColumns,
		empty:   "No webhook yet. `edrelay source test NAME` sends one.",
	})
}

func webhookColumns(now time.Time) []table.Column[relay.Webhook] {
	return []table.Column[relay.Webhook]{
		column("ID", func(w relay.Webhook) string { return w.ID }),
		column("SOURCE", func(w relay.Webhook) string { return w.Source }),
		column("TOPIC", func(w relay.Webhook) string { return w.Topic }),
		column("ORDER", func(w relay.Webhook) string { return w.Order }),
		column("RECEIVED", func(w relay.Webhook) string { return table.Age(w.ReceivedAt, now) }),
		stateColumn(func(w relay.Webhook) string { return string(w.State) }),
		wide("REASON", func(w relay.Webhook) string { return w.Reason }),
	}
}

// webhookDetail is what the API tells of one webhook.
type webhookDetail struct {
	relay.Webhook
	Enrollments []relay.Enrollment `json:"enrollments"`
	Message     *relay.LogEntry    `json:"message"`
	Erased      string             `json:"erased"`
}

func webhookShow(a *App) *cobra.Command {
	var payload bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show a webhook, what came of it, and its payload",
		Example: `  edrelay webhook show 5f2c…
  edrelay webhook show rejected-17
  edrelay webhook show 5f2c… --payload | jq .`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var detail webhookDetail
			if err := a.fetch(cmd.Context(), "/webhooks/"+url.PathEscape(args[0]), &detail); err != nil {
				return err
			}
			switch {
			case payload:
				if detail.Erased != "" {
					return &relay.Error{Code: relay.CodeNotFound, Message: detail.Erased}
				}
				return a.printPayload(detail.Message)
			case a.wantsJSON():
				return a.printJSON(detail)
			}
			return a.printWebhook(detail)
		},
	}
	cmd.Flags().BoolVar(&payload, "payload", false, "print the payload alone, byte for byte")
	return cmd
}

func (a *App) printWebhook(d webhookDetail) error {
	now := time.Now()
	fields := []field{
		{"webhook", d.ID, table.Plain}, {"source", d.Source, table.Plain}, {"topic", d.Topic, table.Plain}, {"order", d.Order, table.Plain},
		{"received", d.ReceivedAt.Format(time.RFC3339) + " (" + table.Age(d.ReceivedAt, now) + ")", table.Plain},
		{"state", string(d.State), stateColor(string(d.State))}, {"reason", d.Reason, table.Plain},
		{"sequence", strconv.FormatUint(d.Sequence, 10), table.Faint},
	}
	for _, note := range d.Notes {
		fields = append(fields, field{"note", note, table.Plain})
	}
	if err := a.printFields(fields); err != nil {
		return err
	}
	if len(d.Enrollments) > 0 {
		fmt.Fprintln(a.Out)
		if err := table.Write(a.screen(), d.Enrollments, enrollmentColumns(now)); err != nil {
			return err
		}
	}
	if d.Erased != "" {
		_, err := fmt.Fprintf(a.Out, "\n%s\n", d.Erased)
		return err
	}
	return a.printMessage(d.Message)
}
