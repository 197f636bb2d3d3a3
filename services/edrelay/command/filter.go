package command

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func filterCommand(a *App) *cobra.Command {
	d := declared[relay.Filter]{
		app: a, noun: "filter", handle: "gate", required: []string{"filter", "url"},
		flags: func() declaredFlags { return filterFlags{} }, print: a.printFilter,
		applied: func(done relay.Applied, dryRun bool) error {
			if a.wantsJSON() {
				return a.printJSON(done.Changes)
			}
			return a.printApplied(done, dryRun)
		},
		says: map[string]saying{
			"show": {short: "Show a filter"},
			"add": {short: "Declare a new filter; it is asked when the command returns",
				with: []string{" --filter StudentRegistrationRequested --url https://gate.example/filter --halt-on-4xx"}},
			"edit":   {short: "Change what the flags name of a filter", with: []string{" --timeout 2s --halt-on-4xx=false"}},
			"rm":     {short: "Remove a filter"},
			"pause":  {short: "Don't ask a filter until it is resumed"},
			"resume": {short: "Ask a filter again"},
			"test": {short: "Ask a filter a made-up question and show what it answers", with: []string{"", " --filter StudentLoginRequested"},
				long: `Ask a filter, paused or not, a made-up question of its class or of another one, and show the request, the answer and
what Open edX would hear. Nothing is put on record.`},
			"apply": {short: "Make the filters of a file so, all or none",
				long: `Make the filters under the key "filters" of a YAML file so, all or none, and say what changed. Filters that are not in
the file stay as they are unless --prune; pauses stay too. "-" reads standard input.`},
		},
	}
	return family("filter", "URLs that may change or stop what Open edX is about to do",
		append(d.verbs(), filterList(a), filterTest(a, d), filterCalls(a))...)
}

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

func filterTest(a *App, d declared[relay.Filter]) *cobra.Command {
	var class string
	cmd := d.verb("test", func(cmd *cobra.Command, name string) error {
		c, err := a.remote()
		if err != nil {
			return err
		}
		var test relay.FilterTest
		if err := c.Post(cmd.Context(), d.path(name)+"/test", map[string]string{"filter": class}, &test); err != nil {
			return err
		}
		if a.wantsJSON() {
			return a.printJSON(test)
		}
		return a.printFilterTest(test)
	})
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
