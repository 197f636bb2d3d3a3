package command

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

// printHeld writes everything that is held of a learner, a table for each kind.
func (a *App) printHeld(held relay.Held) error {
	now := time.Now()
	fields := []field{
		{"learner", held.Learner, table.Plain}, {"usernames", strings.Join(held.Usernames, ", "), table.Plain},
		{"user ids", strings.Join(held.UserIDs, ", "), table.Plain}, {"also seen as", strings.Join(held.OtherAddresses, ", "), table.Wait},
	}
	if held.Person != nil {
		fields = append(fields, field{"name in roster", held.Person.Name, table.Plain})
	}
	if err := a.printFields(append(fields, countFields(held.Counts)...)); err != nil {
		return err
	}
	for _, part := range []struct {
		title string
		rows  []relay.HeldMessage
	}{{"Webhooks", held.Webhooks}, {"Rejected webhooks", held.Rejected}, {"Events", held.Events}} {
		if err := section(a, part.title, part.rows, messageColumns(now)); err != nil {
			return err
		}
	}
	if err := section(a, "Enrolments", held.Enrollments, enrollmentColumns(now)); err != nil {
		return err
	}
	if err := section(a, "Orders", held.Orders, []table.Column[relay.HeldOrder]{
		column("SOURCE", func(o relay.HeldOrder) string { return o.Source }), column("ORDER", func(o relay.HeldOrder) string { return o.Order }),
	}); err != nil {
		return err
	}
	return a.printHeldOut(held)
}

// printHeldOut writes who got events of the learner, and the roster.
func (a *App) printHeldOut(held relay.Held) error {
	err := section(a, "Deliveries", held.Deliveries, []table.Column[relay.HeldDeliveries]{
		column("SUBSCRIPTION", func(d relay.HeldDeliveries) string { return d.Subscription }),
		number("DELIVERED", func(d relay.HeldDeliveries) string { return strconv.Itoa(d.Delivered) }),
		number("WAITING", func(d relay.HeldDeliveries) string { return strconv.Itoa(d.Waiting) }),
		number("PARKED", func(d relay.HeldDeliveries) string { return strconv.Itoa(d.Parked) }),
	})
	if err != nil {
		return err
	}
	if err := section(a, "Mirrors of NATS users", held.Copies, []table.Column[relay.HeldCopy]{
		column("NATS USER", func(c relay.HeldCopy) string { return c.Reader }),
		number("EVENTS", func(c relay.HeldCopy) string { return strconv.Itoa(c.Messages) }),
	}); err != nil {
		return err
	}
	if err := section(a, "Roster", held.Roster, []table.Column[relay.RosterEntry]{
		number("ID", func(e relay.RosterEntry) string { return strconv.FormatInt(e.ID, 10) }),
		wide("COURSE", func(e relay.RosterEntry) string { return e.CourseID }),
		column("MODE", func(e relay.RosterEntry) string { return e.Mode }), column("ACTIVE", func(e relay.RosterEntry) string { return yes(e.Active) }),
	}); err != nil {
		return err
	}
	return section(a, "Requests to the roster", held.Pending, []table.Column[relay.RosterPending]{
		number("ID", func(p relay.RosterPending) string { return strconv.FormatInt(p.ID, 10) }),
		wide("COURSE", func(p relay.RosterPending) string { return p.CourseID }),
	})
}

// section writes a titled table; nothing without rows.
func section[T any](a *App, title string, rows []T, columns []table.Column[T]) error {
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintf(a.Out, "\n%s\n", title)
	return table.Write(a.screen(), rows, columns)
}

func messageColumns(now time.Time) []table.Column[relay.HeldMessage] {
	return []table.Column[relay.HeldMessage]{
		number("SEQUENCE", func(m relay.HeldMessage) string { return strconv.FormatUint(m.Sequence, 10) }),
		column("ID", func(m relay.HeldMessage) string { return m.ID }),
		column("SOURCE", func(m relay.HeldMessage) string { return m.Source }),
		wide("TYPE", func(m relay.HeldMessage) string { return m.Type }),
		column("STORED", func(m relay.HeldMessage) string { return table.Age(m.StoredAt, now) }),
		column("NAMED BY", func(m relay.HeldMessage) string { return m.By }),
		stateColumn(func(m relay.HeldMessage) string { return m.State }),
	}
}

func countFields(c relay.LearnerCounts) []field {
	var fields []field
	for _, one := range []struct {
		name string
		n    int
	}{
		{"webhooks", c.Webhooks}, {"rejected", c.Rejected}, {"events", c.Events}, {"copies", c.Copies}, {"orders", c.Orders},
		{"enrolments", c.Enrollments}, {"deliveries", c.Deliveries}, {"roster", c.Roster}, {"pending", c.Pending}, {"outbox", c.Outbox},
		{"replays", c.Replays}, {"other texts", c.Texts},
	} {
		if one.n > 0 {
			fields = append(fields, field{one.name, strconv.Itoa(one.n), table.Plain})
		}
	}
	if fields == nil {
		fields = []field{{"held", "nothing", table.Plain}}
	}
	return fields
}

func (a *App) printErasure(e relay.Erasure) error {
	if a.wantsJSON() {
		return a.printJSON(e)
	}
	return a.writeErasure(a.Out, e)
}

// writeErasure tells what was erased, or would be, what blocks and what is out of reach.
func (a *App) writeErasure(out io.Writer, e relay.Erasure) error {
	to := *a
	to.Out = out
	fields := []field{{"state", string(e.State), erasureColor(e.State)}}
	if e.State != relay.ErasurePlanned {
		fields = append(fields, field{"erasure", e.ID, table.Plain}, field{"stands as", e.As, table.Plain}, field{"learner (hash)", e.Learner, table.Faint})
	}
	if e.State == relay.ErasureRunning {
		fields = append(fields, field{"doing", progressText(workLine{Step: e.Step, Scanned: e.Scanned, Total: e.Total}), table.Wait})
	}
	fields = append(fields, field{"error", e.Error, table.Bad})
	if err := to.printFields(append(fields, countFields(e.Counts)...)); err != nil {
		return err
	}
	for _, remark := range e.Remarks {
		fmt.Fprintf(out, "%s\n", table.Clean(remark))
	}
	stream := column("STREAM", func(m relay.HeldMessage) string { return m.Stream })
	if err := section(&to, "Samples", e.Samples, append([]table.Column[relay.HeldMessage]{stream}, messageColumns(time.Now())...)); err != nil {
		return err
	}
	if len(e.Blocked) > 0 {
		fmt.Fprintln(out, "\nNot erased:")
	}
	for _, b := range e.Blocked {
		fmt.Fprintf(out, "  %s: %s\n    → %s\n", table.Clean(b.What), table.Clean(b.Why), table.Clean(b.Do))
	}
	if len(e.Beyond) > 0 {
		fmt.Fprintln(out, "\nOut of edrelay's reach:")
	}
	for _, b := range e.Beyond {
		fmt.Fprintf(out, "  %s\n    → %s\n", table.Clean(b.Where), table.Clean(b.Do))
	}
	return nil
}

func erasureColor(state relay.ErasureState) table.Color {
	switch state {
	case relay.ErasureDone:
		return table.Good
	case relay.ErasureFailed:
		return table.Bad
	}
	return table.Wait
}

func erasureList(a *App) *cobra.Command {
	cmd := listCommand(a, listing[relay.Erasure]{
		short: "List who was forgotten when, by hash, newest first", example: "  edrelay learner erasures", path: "/erasures",
		columns: func(now time.Time) []table.Column[relay.Erasure] {
			return []table.Column[relay.Erasure]{
				column("ERASURE", func(e relay.Erasure) string { return e.ID }),
				{Title: "STATE", Text: func(e relay.Erasure) string { return string(e.State) }, Color: func(e relay.Erasure) table.Color { return erasureColor(e.State) }},
				column("LEARNER", func(e relay.Erasure) string { return e.Learner }),
				number("MESSAGES", func(e relay.Erasure) string { return strconv.Itoa(e.Messages()) }),
				number("ENROLMENTS", func(e relay.Erasure) string { return strconv.Itoa(e.Counts.Enrollments) }),
				number("BLOCKED", func(e relay.Erasure) string { return strconv.Itoa(len(e.Blocked)) }),
				column("BEGUN", func(e relay.Erasure) string { return table.Age(e.StartedAt, now) }),
				column("BY", func(e relay.Erasure) string { return e.By }),
			}
		},
		empty: "Nobody was forgotten yet.",
	})
	cmd.Use, cmd.Aliases = "erasures", nil
	return cmd
}

func erasureShow(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "erasure ID", Short: "Show one erasure: what was erased, what blocks, what is out of reach",
		Example: "  edrelay learner erasure k3v9q2mabc",
		RunE: func(cmd *cobra.Command, args []string) error {
			var e relay.Erasure
			if err := a.fetch(cmd.Context(), "/erasures/"+url.PathEscape(args[0]), &e); err != nil {
				return err
			}
			return a.printErasure(e)
		},
	}
}
