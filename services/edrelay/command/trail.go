package command

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func trailCommand(a *App) *cobra.Command {
	cmd := listCommand(a, listing[relay.AuditEntry]{
		short: "List what operators did and who was refused, newest first", path: "/audit-trail",
		example: "  edrelay audit trail\n  edrelay audit trail --who ada --since 24h\n  edrelay audit trail --state refused",
		states:  []string{string(relay.AuditDone), string(relay.AuditRefused), string(relay.AuditFailed)},
		filters: []filter{
			{name: "who", usage: "only by this key, or admin"}, {name: "action", usage: "only this method and route"},
			{name: "target", usage: "only done to this"}, {name: "since", usage: "at or after: a time, or how long ago"}, {name: "until", usage: "before"},
		},
		columns: func(now time.Time) []table.Column[relay.AuditEntry] {
			return []table.Column[relay.AuditEntry]{
				column("WHEN", func(e relay.AuditEntry) string { return table.Age(e.At, now) }),
				column("WHO", func(e relay.AuditEntry) string { return e.Who }),
				column("ROLE", func(e relay.AuditEntry) string { return string(e.Role) }),
				wide("ACTION", func(e relay.AuditEntry) string { return e.Action }),
				wide("TARGET", func(e relay.AuditEntry) string { return e.Target }),
				stateColumn(func(e relay.AuditEntry) string { return string(e.State) }),
				number("ANSWER", func(e relay.AuditEntry) string { return strconv.Itoa(e.Status) }),
				wide("DETAIL", func(e relay.AuditEntry) string { return detailOf(e.Detail) }),
			}
		},
		empty: "Nobody has changed anything yet.",
	})
	cmd.Use = "trail"
	cmd.Aliases = nil
	return cmd
}

// detailOf gives names and values on one line.
func detailOf(detail map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(detail)) {
		parts = append(parts, name+"="+detail[name])
	}
	return strings.Join(parts, " ")
}
