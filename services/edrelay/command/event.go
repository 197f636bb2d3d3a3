package command

import (
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func eventCommand(a *App) *cobra.Command {
	return family("event", "The event log", eventList(a), eventShow(a), eventTail(a), eventPublish(a))
}

func eventList(a *App) *cobra.Command {
	return listCommand(a, listing[relay.Event]{
		short: "List events, newest first",
		example: `  edrelay event ls
  edrelay event ls --type 'org.openedx.learning.*' --since 24h
  edrelay event ls --limit 0 --output json`,
		path: "/events",
		filters: []filter{
			{name: "type", usage: "exact type, or a prefix ending in *"}, {name: "source", usage: "only of this CloudEvents source"},
			{name: "id", usage: "only with this CloudEvents id"}, {name: "since", usage: "stored at or after: a time, or how long ago"},
			{name: "until", usage: "stored before"},
		},
		columns: eventColumns,
		empty:   "No event. They come from the bridge, from the Open edX plugin and from edrelay itself.",
	})
}

func eventColumns(now time.Time) []table.Column[relay.Event] {
	return []table.Column[relay.Event]{
		number("SEQUENCE", func(e relay.Event) string { return strconv.FormatUint(e.Sequence, 10) }),
		column("TIME", func(e relay.Event) string { return table.Age(e.Time, now) }),
		wide("TYPE", func(e relay.Event) string { return e.Type }),
		wide("SOURCE", func(e relay.Event) string { return e.Source }),
		column("SUBJECT", func(e relay.Event) string { return e.Subject }),
		column("ID", func(e relay.Event) string { return e.ID }),
	}
}

// eventDetail is what the API tells of one event.
type eventDetail struct {
	relay.Event
	Message *relay.LogEntry `json:"message"`
}

func eventShow(a *App) *cobra.Command {
	var payload bool
	cmd := &cobra.Command{
		Use: "show SEQUENCE|ID", Short: "Show an event and its payload",
		Example: "  edrelay event show 17\n  edrelay event show 17 --payload | jq .",
		RunE: func(cmd *cobra.Command, args []string) error {
			var d eventDetail
			if err := a.fetch(cmd.Context(), "/events/"+url.PathEscape(args[0]), &d); err != nil {
				return err
			}
			switch {
			case payload:
				return a.printPayload(d.Message)
			case a.wantsJSON():
				return a.printJSON(d)
			}
			if err := a.printFields([]field{
				{"event", d.ID, table.Plain}, {"type", d.Type, table.Plain}, {"source", d.Source, table.Plain},
				{"time", d.Time.Format(time.RFC3339Nano), table.Plain}, {"subject", d.Subject, table.Plain},
				{"sequence", strconv.FormatUint(d.Sequence, 10), table.Faint},
			}); err != nil {
				return err
			}
			return a.printMessage(d.Message)
		},
	}
	cmd.Flags().BoolVar(&payload, "payload", false, "print the payload alone, byte for byte")
	return cmd
}
