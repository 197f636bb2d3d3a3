package command

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/subscription"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func subscriptionCommand(a *App) *cobra.Command {
	d := declared[relay.Subscription]{
		app: a, noun: "subscription", handle: "crm", required: []string{"events", "url"},
		flags: func() declaredFlags { return &subscriptionFlags{} }, print: a.printSubscription,
		check: func(file []byte) error { _, err := subscription.Parse(file); return err },
		applied: func(done relay.Applied, dryRun bool) error {
			if a.wantsJSON() {
				return a.printJSON(done)
			}
			return a.printApplied(done, dryRun)
		},
		says: map[string]saying{
			"show": {short: "Show a subscription"},
			"add": {short: "Declare a new subscription; it gets what happens from now on",
				with: []string{" --url https://crm.example/hook --events 'org.openedx.learning.*'"},
				long: `Declare a new subscription; it gets what happens from now on. Without --secrets a signing secret is made and printed,
this once.`},
			"edit":   {short: "Change what the flags name of a subscription", with: []string{" --timeout 5s --rate 20"}},
			"rm":     {short: "Remove a subscription with its backlog; what was delivered stays on record"},
			"pause":  {short: "Stop the deliveries of a subscription; its backlog is kept"},
			"resume": {short: "Deliver again; also enables what edrelay has disabled"},
			"rotate-secret": {short: "Make a new signing secret; it is printed this once", with: []string{"", " --grace 1h"},
				long: "Make a new signing secret. The old ones sign beside it for the grace time, so that the subscriber can change over."},
			"test": {short: "Post a sample event to a subscription and show request and answer",
				with: []string{"", " --type org.openedx.learning.student.registration.completed.v1"}},
			"apply": {short: "Make the subscriptions of a file so, all or none",
				long: `Make the subscriptions under the key "subscriptions" of a YAML file so, all or none, and say what changed. Subscriptions
that are not in the file stay as they are unless --prune; pauses and rotated secrets stay too. "-" reads standard input.`},
		},
	}
	return family("subscription", "URLs that want events",
		append(d.verbs(), subscriptionList(a), subscriptionTest(a, d), subscriptionRotate(d))...)
}

func subscriptionList(a *App) *cobra.Command {
	return listCommand(a, listing[relay.Subscription]{
		short: "List subscriptions, newest first",
		example: `  edrelay subscription ls
  edrelay subscription ls --state failing`,
		path: "/subscriptions", states: []string{"active", "paused", "failing", "disabled"},
		columns: func(time.Time) []table.Column[relay.Subscription] {
			return []table.Column[relay.Subscription]{
				column("NAME", func(s relay.Subscription) string { return s.Name }),
				stateColumn(func(s relay.Subscription) string { return string(s.State) }),
				number("BACKLOG", func(s relay.Subscription) string { return strconv.FormatUint(s.Backlog, 10) }),
				column("FORMAT", func(s relay.Subscription) string { return string(s.Format) }),
				wide("URL", func(s relay.Subscription) string { return s.URL }),
				wide("EVENTS", func(s relay.Subscription) string { return strings.Join(s.Events, " ") }),
				wide("REASON", func(s relay.Subscription) string { return s.Reason }),
			}
		},
		empty: "No subscription. `edrelay subscription add NAME --url URL --events 'org.openedx.*'` declares one.",
	})
}

func (a *App) printSubscription(s relay.Subscription) error {
	if a.wantsJSON() {
		return a.printJSON(s)
	}
	waits := make([]string, len(s.Retry))
	for i, wait := range s.Retry {
		waits[i] = wait.String()
	}
	fields := []field{
		{"subscription", s.Name, table.Plain}, {"state", string(s.State), stateColor(string(s.State))}, {"reason", s.Reason, table.Wait},
		{"url", s.URL, table.Plain}, {"events", strings.Join(s.Events, " "), table.Plain}, {"format", string(s.Format), table.Plain},
		{"backlog", strconv.FormatUint(s.Backlog, 10), table.Plain}, {"timeout", s.Timeout.String(), table.Plain},
		{"max in flight", strconv.Itoa(s.MaxInFlight), table.Plain}, {"retry", strings.Join(waits, " "), table.Plain},
		{"secrets", strings.Join(s.Secrets, " "), table.Plain}, {"description", s.Description, table.Plain},
	}
	if s.NextProbeAt != nil {
		held := "most attempts failed, so one delivery at a time is tried, the next " + table.Next(s.NextProbeAt, a.now())
		fields = slices.Insert(fields, 3, field{"held back", held, table.Wait})
	}
	if s.Rate > 0 {
		fields = append(fields, field{"rate", strconv.FormatFloat(s.Rate, 'g', -1, 64) + " a second", table.Plain})
	}
	if s.Ordered {
		fields = append(fields, field{"ordered", "yes", table.Plain})
	}
	return a.printFields(fields)
}

func subscriptionRotate(d declared[relay.Subscription]) *cobra.Command {
	var grace string
	cmd := d.verb("rotate-secret", func(cmd *cobra.Command, name string) error {
		return misuse(cmd, d.send(cmd, "POST", d.path(name)+"/rotate-secret", map[string]string{"grace": grace}))
	})
	cmd.Flags().StringVar(&grace, "grace", "24h", "how long the old secrets sign too; 0s: not at all")
	return cmd
}

func subscriptionTest(a *App, d declared[relay.Subscription]) *cobra.Command {
	var eventType string
	cmd := d.verb("test", func(cmd *cobra.Command, name string) error {
		c, err := a.remote()
		if err != nil {
			return err
		}
		var test relay.SubscriptionTest
		if err := c.Post(cmd.Context(), d.path(name)+"/test", map[string]string{"type": eventType}, &test); err != nil {
			return err
		}
		if a.wantsJSON() {
			err = a.printJSON(test)
		} else {
			err = a.printSubscriptionTest(test)
		}
		if err == nil && !test.OK {
			err = &relay.Error{Code: relay.CodeUnavailable, Message: "The subscriber did not take the sample event.",
				Hint: "Only a status from 200 to 299 is success."}
		}
		return err
	})
	cmd.Flags().StringVar(&eventType, "type", "", "type of the sample event; default one that the subscription wants")
	return cmd
}

func (a *App) printSubscriptionTest(test relay.SubscriptionTest) error {
	fields := []field{{"posted to", test.URL, table.Plain}, {"type", test.EventType, table.Plain}}
	for _, name := range []string{"content-type", "webhook-id", "webhook-timestamp", "webhook-signature"} {
		fields = append(fields, field{name, test.RequestHeaders[name], table.Faint})
	}
	status, color := "", table.Bad
	if test.Status != 0 {
		status = strconv.Itoa(test.Status)
	}
	if test.OK {
		color = table.Good
	}
	return a.printFields(append(fields, field{"request", test.RequestBody, table.Faint}, field{"status", status, color},
		field{"answer", test.Answer, table.Plain}, field{"error", test.Error, table.Bad},
		field{"took", strconv.FormatFloat(test.DurationMS, 'f', 1, 64) + " ms", table.Plain}))
}
