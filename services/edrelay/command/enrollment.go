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

func enrollmentCommand(a *App) *cobra.Command {
	cmd := family("enrollment", "What was asked of the LMS and what it answered", enrollmentList(a), enrollmentShow(a), enrollmentRetry(a))
	cmd.Aliases = []string{"enrolment"}
	return cmd
}

func enrollmentList(a *App) *cobra.Command {
	return listCommand(a, listing[relay.Enrollment]{
		short: "List enrolments, newest first",
		example: `  edrelay enrollment ls
  edrelay enrollment ls --state parked
  edrelay enrollment ls --order 1001 --output json
  edrelay enrollment ls --learner ada@example.org`,
		path: "/enrollments", states: []string{"waiting", "enrolled", "allowed", "unenrolled", "parked"},
		filters: []filter{
			{name: "source", usage: "only of this source"}, {name: "order", usage: "only of this order"},
			{name: "learner", usage: "only of this learner's address"}, {name: "course", usage: "only into this course"},
			{name: "webhook-id", usage: "only those that this webhook asked for"}, {name: "reason", usage: "only with exactly this reason"},
		},
		columns: enrollmentColumns,
		empty:   "No enrolment. `edrelay webhook ls` shows what came in.",
	})
}

func enrollmentColumns(now time.Time) []table.Column[relay.Enrollment] {
	return []table.Column[relay.Enrollment]{
		number("ID", func(e relay.Enrollment) string { return strconv.FormatInt(e.ID, 10) }),
		column("SOURCE", func(e relay.Enrollment) string { return e.Source }),
		column("ORDER", func(e relay.Enrollment) string { return e.Order }),
		wide("LEARNER", func(e relay.Enrollment) string { return e.Learner }),
		wide("COURSE", func(e relay.Enrollment) string { return e.Course }),
		column("ACTION", func(e relay.Enrollment) string { return string(e.Action) }),
		stateColumn(func(e relay.Enrollment) string { return string(e.State) }),
		number("TRIES", func(e relay.Enrollment) string { return strconv.Itoa(e.Attempts) }),
		column("NEXT", func(e relay.Enrollment) string { return table.Next(e.NextAttemptAt, now) }),
		wide("REASON", func(e relay.Enrollment) string { return e.Reason }),
	}
}

// enrollmentDetail is what the API tells of one enrolment.
type enrollmentDetail struct {
	relay.Enrollment
	Answers []relay.Attempt `json:"answers"`
}

func attemptColumns(now time.Time) []table.Column[relay.Attempt] {
	return []table.Column[relay.Attempt]{
		column("ASKED", func(t relay.Attempt) string { return table.Age(t.At, now) }),
		column("TO", func(t relay.Attempt) string { return t.Call }),
		number("STATUS", func(t relay.Attempt) string { return strconv.Itoa(t.Status) }),
		wide("OUTCOME", func(t relay.Attempt) string { return t.Outcome }),
	}
}

func enrollmentShow(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show an enrolment and what the LMS answered",
		Example: "  edrelay enrollment show 42",
		RunE: func(cmd *cobra.Command, args []string) error {
			var e enrollmentDetail
			if err := a.fetch(cmd.Context(), "/enrollments/"+url.PathEscape(args[0]), &e); err != nil {
				return err
			}
			if a.wantsJSON() {
				return a.printJSON(e)
			}
			if err := a.printEnrollment(e.Enrollment); err != nil || len(e.Answers) == 0 {
				return err
			}
			fmt.Fprintln(a.Out)
			return table.Write(a.screen(), e.Answers, attemptColumns(time.Now()))
		},
	}
}

func (a *App) printEnrollment(e relay.Enrollment) error {
	fields := []field{
		{"enrolment", strconv.FormatInt(e.ID, 10), table.Plain}, {"source", e.Source, table.Plain}, {"order", e.Order, table.Plain},
		{"learner", e.Learner, table.Plain}, {"course", e.Course, table.Plain}, {"action", string(e.Action), table.Plain},
		{"state", string(e.State), stateColor(string(e.State))}, {"reason", e.Reason, table.Plain},
		{"attempts", strconv.Itoa(e.Attempts), table.Plain}, {"webhook", e.WebhookID, table.Faint},
	}
	if e.NextAttemptAt != nil {
		fields = append(fields, field{"next attempt", table.Next(e.NextAttemptAt, time.Now()), table.Wait})
	}
	for _, note := range e.Notes {
		fields = append(fields, field{"note", note, table.Plain})
	}
	return a.printFields(fields)
}
