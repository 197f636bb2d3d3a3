package command

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func subscriptionCommand(a *App) *cobra.Command {
	return family("subscription", "URLs that want events",
		subscriptionList(a), subscriptionShow(a), subscriptionAdd(a), subscriptionEdit(a), subscriptionRemove(a),
		subscriptionSwitch(a, "pause", "Stop the deliveries of a subscription; its backlog is kept"),
		subscriptionSwitch(a, "resume", "Deliver again; also enables what edrelay has disabled"),
		subscriptionTest(a), subscriptionRotate(a), subscriptionApply(a))
}

func subscriptionPath(name string) string { return "/subscriptions/" + url.PathEscape(name) }

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

func subscriptionShow(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a subscription", Args: cobra.ExactArgs(1), Example: "  edrelay subscription show crm",
		RunE: func(cmd *cobra.Command, args []string) error {
			var s relay.Subscription
			if err := a.fetch(cmd.Context(), subscriptionPath(args[0]), &s); err != nil {
				return err
			}
			return a.printSubscription(s)
		},
	}
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
	if s.Rate > 0 {
		fields = append(fields, field{"rate", strconv.FormatFloat(s.Rate, 'g', -1, 64) + " a second", table.Plain})
	}
	if s.Ordered {
		fields = append(fields, field{"ordered", "yes", table.Plain})
	}
	return a.printFields(fields)
}

func subscriptionAdd(a *App) *cobra.Command {
	var flags subscriptionFlags
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Declare a new subscription; it gets what happens from now on", Args: cobra.ExactArgs(1),
		Long: `Declare a new subscription; it gets what happens from now on. Without --secret a signing secret is made and printed,
this once.`,
		Example: "  edrelay subscription add crm --url https://crm.example/hook --events 'org.openedx.learning.*'",
		RunE: func(cmd *cobra.Command, args []string) error {
			declaration, err := flags.declaration(cmd)
			if err != nil {
				return err
			}
			declaration["name"] = args[0]
			return a.sendSubscription(cmd, "POST", "/subscriptions", declaration)
		},
	}
	flags.declare(cmd)
	_, _ = cmd.MarkFlagRequired("events"), cmd.MarkFlagRequired("url") // both were made above, so this can't fail
	return cmd
}

func subscriptionEdit(a *App) *cobra.Command {
	var flags subscriptionFlags
	cmd := &cobra.Command{
		Use: "edit NAME", Short: "Change what the flags name of a subscription", Args: cobra.ExactArgs(1),
		Example: "  edrelay subscription edit crm --timeout 5s --rate 20",
		RunE: func(cmd *cobra.Command, args []string) error {
			change, err := flags.declaration(cmd)
			if err != nil {
				return err
			}
			if len(change) == 0 {
				return usageError{cmd.CommandPath(), errNothingToChange}
			}
			return a.sendSubscription(cmd, "PATCH", subscriptionPath(args[0]), change)
		},
	}
	flags.declare(cmd)
	return cmd
}

// sendSubscription sends a declaration and prints the subscription that came of it.
func (a *App) sendSubscription(cmd *cobra.Command, method, path string, body any) error {
	c, err := a.remote()
	if err != nil {
		return err
	}
	var made relay.Subscription
	send := c.Post
	if method == "PATCH" {
		send = c.Patch
	}
	if err := send(cmd.Context(), path, body, &made); err != nil {
		return err
	}
	return a.printSubscription(made)
}

func subscriptionSwitch(a *App, verb, short string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Args: cobra.ExactArgs(1), Example: "  edrelay subscription " + verb + " crm",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.sendSubscription(cmd, "POST", subscriptionPath(args[0])+"/"+verb, nil)
		},
	}
}

func subscriptionRemove(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME", Short: "Remove a subscription with its backlog; what was delivered stays on record", Args: cobra.ExactArgs(1),
		Example: "  edrelay subscription rm crm",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.remote()
			if err != nil {
				return err
			}
			if err := c.Delete(cmd.Context(), subscriptionPath(args[0]), nil); err != nil {
				return err
			}
			a.note("Subscription %s is removed.", args[0])
			return nil
		},
	}
}

func subscriptionRotate(a *App) *cobra.Command {
	var grace string
	cmd := &cobra.Command{
		Use: "rotate-secret NAME", Short: "Make a new signing secret; it is printed this once", Args: cobra.ExactArgs(1),
		Long:    "Make a new signing secret. The old ones sign beside it for the grace time, so that the subscriber can change over.",
		Example: "  edrelay subscription rotate-secret crm\n  edrelay subscription rotate-secret crm --grace 1h",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.sendSubscription(cmd, "POST", subscriptionPath(args[0])+"/rotate-secret", map[string]string{"grace": grace})
		},
	}
	cmd.Flags().StringVar(&grace, "grace", "24h", "how long the old secrets sign too; 0s: not at all")
	return cmd
}

func subscriptionTest(a *App) *cobra.Command {
	var eventType string
	cmd := &cobra.Command{
		Use: "test NAME", Short: "Post a sample event to a subscription and show request and answer", Args: cobra.ExactArgs(1),
		Example: "  edrelay subscription test crm\n  edrelay subscription test crm --type org.openedx.learning.student.registration.completed.v1",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.remote()
			if err != nil {
				return err
			}
			var test relay.SubscriptionTest
			if err := c.Post(cmd.Context(), subscriptionPath(args[0])+"/test", map[string]string{"type": eventType}, &test); err != nil {
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
		},
	}
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

func subscriptionApply(a *App) *cobra.Command {
	var file string
	var dryRun, prune bool
	cmd := &cobra.Command{
		Use: "apply -f FILE", Short: "Make the subscriptions of a file so, all or none", Args: cobra.NoArgs,
		Long: `Make the subscriptions under the key "subscriptions" of a YAML file so, all or none, and say what changed. Subscriptions
that are not in the file stay as they are unless --prune; pauses and rotated secrets stay too. "-" reads standard input.`,
		Example: "  edrelay subscription apply -f edrelay-subscriptions.yaml --dry-run",
		RunE: func(cmd *cobra.Command, _ []string) error {
			declared, err := readDeclarations(file)
			if err != nil {
				return err
			}
			c, err := a.remote()
			if err != nil {
				return err
			}
			var done relay.Applied
			body := map[string]any{"subscriptions": append([]json.RawMessage{}, declared.Subscriptions...), "dry_run": dryRun, "prune": prune}
			if err := c.Post(cmd.Context(), "/subscriptions/apply", body, &done); err != nil {
				return err
			}
			return a.printApplied(done, dryRun)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "YAML file with the key subscriptions; - is standard input")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would change")
	cmd.Flags().BoolVar(&prune, "prune", false, "remove subscriptions that are not in the file")
	_ = cmd.MarkFlagRequired("file") // made three lines above, so this can't fail
	return cmd
}

// printApplied prints what an apply did, value by value, and the secrets that it made.
func (a *App) printApplied(done relay.Applied, dryRun bool) error {
	if a.wantsJSON() {
		return a.printJSON(done)
	}
	if err := a.printChanges(done.Changes, dryRun); err != nil {
		return err
	}
	var fields []field
	for _, change := range done.Changes {
		for _, d := range change.Diff {
			if change.Action == "changed" {
				fields = append(fields, field{change.Name + " " + d.Key, d.Old + " → " + d.New, table.Plain})
			}
		}
		if secret := done.Secrets[change.Name]; secret != "" {
			fields = append(fields, field{change.Name + " secret", secret, table.Good})
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return a.printFields(fields)
}
