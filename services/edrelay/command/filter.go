package command

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func filterCommand(a *App) *cobra.Command {
	return family("filter", "URLs that may change or stop what Open edX is about to do",
		filterList(a), filterShow(a), filterAdd(a), filterEdit(a), filterRemove(a),
		filterSwitch(a, "pause", "Don't ask a filter until it is resumed"), filterSwitch(a, "resume", "Ask a filter again"),
		filterTest(a), filterCalls(a), filterApply(a))
}

func filterPath(name string) string { return "/filters/" + url.PathEscape(name) }

func filterList(a *App) *cobra.Command {
	return listCommand(a, listing[relay.Filter]{
		short: "List filters, in the order in which they are asked",
		example: `  edrelay filter ls
  edrelay filter ls --filter StudentRegistrationRequested`,
		path: "/filters", states: []string{"active", "paused"},
		filters: []filter{{name: "filter", usage: "only of this class of Open edX"}},
		columns: func(time.Time) []table.Column[relay.Filter] {
			return []table.Column[relay.Filter]{
				column("NAME", func(f relay.Filter) string { return f.Name }),
				column("FILTER", func(f relay.Filter) string { return f.Filter }),
				number("POSITION", func(f relay.Filter) string { return strconv.Itoa(f.Position) }),
				stateColumn(func(f relay.Filter) string { return string(f.State) }),
				wide("URL", func(f relay.Filter) string { return f.URL }),
				wide("DESCRIPTION", func(f relay.Filter) string { return f.Description }),
			}
		},
		empty: "No filter. `edrelay filter add NAME --filter CLASS --url URL` declares one.",
	})
}

func filterShow(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a filter", Args: cobra.ExactArgs(1), Example: "  edrelay filter show gate",
		RunE: func(cmd *cobra.Command, args []string) error {
			var f relay.Filter
			if err := a.fetch(cmd.Context(), filterPath(args[0]), &f); err != nil {
				return err
			}
			return a.printFilter(f)
		},
	}
}

func (a *App) printFilter(f relay.Filter) error {
	if a.wantsJSON() {
		return a.printJSON(f)
	}
	yes := func(name string, set bool) field {
		if !set {
			return field{}
		}
		return field{name, "yes", table.Plain}
	}
	return a.printFields([]field{
		{"filter", f.Name, table.Plain}, {"class", f.Filter, table.Plain}, {"state", string(f.State), stateColor(string(f.State))},
		{"url", f.URL, table.Plain}, {"format", string(f.Format), table.Plain}, {"timeout", f.Timeout.String(), table.Plain},
		{"position", strconv.Itoa(f.Position), table.Plain}, yes("parallel", f.Parallel),
		yes("no filtering", f.DisableFiltering), yes("no halting", f.DisableHalt),
		yes("halt on 4xx", f.HaltOn4xx), {"redirect 4xx", f.RedirectOn4xx, table.Plain},
		yes("halt on 5xx", f.HaltOn5xx), {"redirect 5xx", f.RedirectOn5xx, table.Plain},
		yes("halt on error", f.HaltOnRequestException), {"redirect error", f.RedirectOnRequestException, table.Plain},
		{"unavailable", string(f.WhenUnavailable), table.Plain}, {"may set", strings.Join(f.Allow, " "), table.Wait},
		{"description", f.Description, table.Plain},
	})
}

func filterAdd(a *App) *cobra.Command {
	var flags filterFlags
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Declare a new filter; it is asked when the command returns", Args: cobra.ExactArgs(1),
		Example: "  edrelay filter add gate --filter StudentRegistrationRequested --url https://gate.example/filter --halt-on-4xx",
		RunE: func(cmd *cobra.Command, args []string) error {
			declaration := flags.declaration(cmd)
			declaration["name"] = args[0]
			return a.sendFilter(cmd, "POST", "/filters", declaration)
		},
	}
	flags.declare(cmd)
	_, _ = cmd.MarkFlagRequired("filter"), cmd.MarkFlagRequired("url") // both were made above, so this can't fail
	return cmd
}

func filterEdit(a *App) *cobra.Command {
	var flags filterFlags
	cmd := &cobra.Command{
		Use: "edit NAME", Short: "Change what the flags name of a filter", Args: cobra.ExactArgs(1),
		Example: "  edrelay filter edit gate --timeout 2s --halt-on-4xx=false",
		RunE: func(cmd *cobra.Command, args []string) error {
			change := flags.declaration(cmd)
			if len(change) == 0 {
				return usageError{cmd.CommandPath(), errNothingToChange}
			}
			return a.sendFilter(cmd, "PATCH", filterPath(args[0]), change)
		},
	}
	flags.declare(cmd)
	return cmd
}

// sendFilter sends a declaration and prints the filter that came of it.
func (a *App) sendFilter(cmd *cobra.Command, method, path string, body any) error {
	c, err := a.remote()
	if err != nil {
		return err
	}
	var made relay.Filter
	send := c.Post
	if method == "PATCH" {
		send = c.Patch
	}
	if err := send(cmd.Context(), path, body, &made); err != nil {
		return err
	}
	return a.printFilter(made)
}

func filterSwitch(a *App, verb, short string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Args: cobra.ExactArgs(1), Example: "  edrelay filter " + verb + " gate",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.sendFilter(cmd, "POST", filterPath(args[0])+"/"+verb, nil)
		},
	}
}

func filterRemove(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME", Short: "Remove a filter", Args: cobra.ExactArgs(1), Example: "  edrelay filter rm gate",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.remote()
			if err != nil {
				return err
			}
			if err := c.Delete(cmd.Context(), filterPath(args[0]), nil); err != nil {
				return err
			}
			a.note("Filter %s is removed.", args[0])
			return nil
		},
	}
}

func filterTest(a *App) *cobra.Command {
	var class string
	cmd := &cobra.Command{
		Use: "test NAME", Short: "Ask a filter a made-up question and show what it answers", Args: cobra.ExactArgs(1),
		Long: `Ask a filter, paused or not, a made-up question of its class or of another one, and show the request, the answer and
what Open edX would hear. Nothing is put on record.`,
		Example: "  edrelay filter test gate\n  edrelay filter test gate --filter StudentLoginRequested",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.remote()
			if err != nil {
				return err
			}
			var test relay.FilterTest
			if err := c.Post(cmd.Context(), filterPath(args[0])+"/test", map[string]string{"filter": class}, &test); err != nil {
				return err
			}
			if a.wantsJSON() {
				return a.printJSON(test)
			}
			return a.printFilterTest(test)
		},
	}
	cmd.Flags().StringVar(&class, "filter", "", "class of the made-up question; default the filter's own")
	return cmd
}

func (a *App) printFilterTest(test relay.FilterTest) error {
	status := ""
	if test.Status != 0 {
		status = strconv.Itoa(test.Status)
	}
	return a.printFields([]field{
		{"asked", test.URL, table.Plain}, {"class", test.Filter, table.Plain}, {"request", test.Request, table.Faint},
		{"status", status, table.Plain}, {"answer", test.Answer, table.Plain}, {"problem", test.Problem, table.Bad},
		{"dropped", strings.Join(test.Call.Dropped, "; "), table.Wait}, {"outcome", string(test.Call.Outcome), table.Plain},
		{"Open edX hears", test.Result, table.Good}, {"took", strconv.FormatFloat(test.Call.DurationMS, 'f', 1, 64) + " ms", table.Plain},
	})
}

func filterCalls(a *App) *cobra.Command {
	cmd := listCommand(a, listing[relay.FilterCall]{
		short: "List what filters were asked and what came of it, newest first",
		example: `  edrelay filter calls
  edrelay filter calls --name gate --outcome halted`,
		path: "/filter-calls",
		filters: []filter{
			{name: "name", usage: "only of this filter"}, {name: "filter", usage: "only of this class of Open edX"},
			{name: "outcome", usage: "only these", values: []string{"changed", "halted", "unchanged", "failed", "skipped"}},
			{name: "since", usage: "asked at or after, e.g. 1h"}, {name: "until", usage: "asked before"},
		},
		columns: func(now time.Time) []table.Column[relay.FilterCall] {
			return []table.Column[relay.FilterCall]{
				column("ASKED", func(f relay.FilterCall) string { return table.Age(f.At, now) }),
				column("NAME", func(f relay.FilterCall) string { return f.Name }),
				wide("FILTER", func(f relay.FilterCall) string { return f.Filter }),
				column("OUTCOME", func(f relay.FilterCall) string { return string(f.Outcome) }),
				number("STATUS", func(f relay.FilterCall) string { return strconv.Itoa(f.Status) }),
				number("MS", func(f relay.FilterCall) string { return strconv.FormatFloat(f.DurationMS, 'f', 1, 64) }),
				wide("CHANGED", func(f relay.FilterCall) string { return strings.Join(f.Changed, " ") }),
				wide("ERROR", func(f relay.FilterCall) string { return f.Error + f.Exception }),
			}
		},
		empty: "No filter was asked.",
	})
	cmd.Use, cmd.Aliases = "calls", nil
	return cmd
}
