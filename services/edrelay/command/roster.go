package command

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/client"
	"github.com/edrelay/edrelay/services/edrelay/table"
	"github.com/edrelay/edrelay/services/ingress/roster"
)

func rosterCommand(a *App) *cobra.Command {
	return family("roster", "edrelay's own record of people, course runs and who is in which",
		rosterList(a), rosterPending(a), rosterImport(a), rosterSync(a), rosterDeactivate(a))
}

func rosterList(a *App) *cobra.Command {
	return listCommand(a, listing[relay.RosterEntry]{
		short: "List who is in which course run", example: "  edrelay roster ls --course-id course-v1:edX+DemoX+Demo_Course", path: "/roster",
		states:  []string{"active", "inactive"},
		filters: []filter{{name: "email", usage: "only this address, without case"}, {name: "course-id", usage: "only this course run"}},
		columns: func(now time.Time) []table.Column[relay.RosterEntry] {
			return []table.Column[relay.RosterEntry]{
				column("ID", func(e relay.RosterEntry) string { return strconv.FormatInt(e.ID, 10) }),
				wide("EMAIL", func(e relay.RosterEntry) string { return e.Email }),
				wide("COURSE", func(e relay.RosterEntry) string { return e.CourseID }),
				column("MODE", func(e relay.RosterEntry) string { return e.Mode }),
				column("ACTIVE", func(e relay.RosterEntry) string { return yes(e.Active) }),
				column("MADE", func(e relay.RosterEntry) string { return table.Age(e.CreatedAt, now) }),
			}
		},
		empty: "Nobody is in a course run yet. `edrelay roster pending` lists requests for what the roster does not know.",
	})
}

func rosterPending(a *App) *cobra.Command {
	cmd := listCommand(a, listing[relay.RosterPending]{
		short: "List requests for people and course runs that the roster does not know", example: "  edrelay roster pending", path: "/roster/pending",
		columns: func(now time.Time) []table.Column[relay.RosterPending] {
			return []table.Column[relay.RosterPending]{
				column("ID", func(p relay.RosterPending) string { return strconv.FormatInt(p.ID, 10) }),
				wide("EMAIL", func(p relay.RosterPending) string { return p.Email }),
				wide("COURSE", func(p relay.RosterPending) string { return p.CourseID }),
				column("MISSING", func(p relay.RosterPending) string { return string(p.Missing) }),
				column("RETRIED", func(p relay.RosterPending) string { return yes(p.Retry) }),
				column("SINCE", func(p relay.RosterPending) string { return table.Age(p.Since, now) }),
			}
		},
		empty: "Nothing is pending.",
	})
	cmd.Use, cmd.Aliases = "pending", nil
	return cmd
}

func rosterDeactivate(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "deactivate ID", Short: "End an entry of the roster; the next request for it makes it active again",
		Example: "  edrelay roster deactivate 17",
		RunE: ordering(a, func(args []string) order { return post(at("roster", args[0], "deactivate"), nil) }, func(entry relay.RosterEntry) error {
			a.note("Entry %d is not active any more.", entry.ID)
			return nil
		}),
	}
}

func rosterSync(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "sync", Short: "Ask the LMS for its course runs and for the people who are missing",
		Example: "  edrelay roster sync",
		RunE: ordering(a, func([]string) order { return post("/roster/sync", nil) }, func(result relay.RosterSync) error {
			a.note("%d course runs taken from the LMS; %d of the missing people found, %d not known there either.",
				result.CourseRuns, result.People, result.Unknown)
			return nil
		}),
	}
}

// imported is what came of an import.
type imported struct {
	Kind   string             `json:"kind"`
	Rows   int                `json:"rows"`  // good ones
	Taken  int                `json:"taken"` // 0 with --dry-run
	Errors []roster.LineError `json:"errors"`
}

func rosterImport(a *App) *cobra.Command {
	var kind string
	var dry bool
	cmd := &cobra.Command{
		Use: "import FILE.csv", Short: "Bring people or course runs into the roster",
		Long: `Bring people or course runs into the roster from a CSV file with a header: email,username,name for people,
course_id,title,start for courses. Good lines are taken, wrong ones are listed by line, and then the exit status is 1.`,
		Example: "  edrelay roster import people.csv --kind people --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			if kind != roster.KindPeople && kind != roster.KindCourses {
				return usageError{cmd.CommandPath(), fmt.Errorf("--kind must be %s or %s", roster.KindPeople, roster.KindCourses)}
			}
			return a.importRoster(cmd.Context(), args[0], kind, dry)
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "people or courses")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "read and judge the file, change nothing")
	_ = cmd.MarkFlagRequired("kind")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions([]string{roster.KindPeople, roster.KindCourses}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *App) importRoster(ctx context.Context, path, kind string, dry bool) error {
	file, err := os.Open(path)
	if err != nil {
		return &relay.Error{Code: relay.CodeNotFound, Message: fmt.Sprintf("the file %s can't be read", path), Err: err}
	}
	defer file.Close()
	list, err := roster.ReadList(kind, file, time.Now())
	if err != nil {
		return err
	}
	result := imported{Kind: kind, Rows: len(list.People) + len(list.Runs), Errors: append([]roster.LineError{}, list.Errors...)}
	if !dry {
		c, err := a.remote()
		if err != nil {
			return err
		}
		if err := a.sendRoster(ctx, c, list, &result); err != nil {
			return err
		}
	}
	return a.printImport(result, dry)
}

// sendRoster sends the rows some hundred at a time and shows how far it is.
func (a *App) sendRoster(ctx context.Context, c *client.Client, list roster.List, result *imported) error {
	const atOnce = 500
	send := func(path string, body any, count int) error {
		if err := c.Post(ctx, path, body, nil); err != nil {
			return fmt.Errorf("after %d of %d rows: %w", result.Taken, result.Rows, err)
		}
		result.Taken += count
		if a.terminal() {
			fmt.Fprintf(a.Err, "\r%d of %d", result.Taken, result.Rows)
		}
		return nil
	}
	for people := range slices.Chunk(list.People, atOnce) {
		if err := send("/roster/people", map[string]any{"people": people}, len(people)); err != nil {
			return err
		}
	}
	for runs := range slices.Chunk(list.Runs, atOnce) {
		if err := send("/roster/courses", map[string]any{"courses": runs}, len(runs)); err != nil {
			return err
		}
	}
	if a.terminal() {
		fmt.Fprintln(a.Err)
	}
	return nil
}

func (a *App) printImport(result imported, dry bool) error {
	if a.wantsJSON() {
		if err := a.printJSON(result); err != nil {
			return err
		}
	} else {
		for _, wrong := range result.Errors {
			a.note("line %d: %s", wrong.Line, wrong.Problem)
		}
		if dry {
			a.note("%d rows would be taken.", result.Rows)
		} else {
			a.note("%d rows taken.", result.Taken)
		}
	}
	if len(result.Errors) > 0 {
		return &relay.Error{Code: relay.CodeInvalid, Message: fmt.Sprintf("%d lines are wrong", len(result.Errors)), Hint: "mend them and import the file again; what was taken is not doubled"}
	}
	return nil
}
