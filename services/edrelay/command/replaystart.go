package command

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
)

func replayStart(a *App) *cobra.Command {
	var ask relay.ReplayRequest
	var since, until string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "start", Short: "Start a replay of events to subscriptions, of webhooks to the enroller, or of enrolments",
		Long: `Process a range of the log again. Events go to subscriptions, each gets what its own patterns want, with the same
webhook-id as before and the header webhook-replay; a new subscription gets what came before it with --state missing.
Webhooks go to the enroller, which changes nothing that stands already; rejected ones (--state rejected) are verified again
first. Enrolments, the parked ones unless --state says otherwise, are asked of the LMS again. Nobody is mailed unless --mail
says so, but for orders that were rejected and pass now. Live traffic goes on beside it. The command returns at once;
--dry-run says exactly how many there are and does nothing.`,
		Example: `  edrelay replay start --subscription crm --since 24h --dry-run
  edrelay replay start --subscription crm --state parked --rate 50
  edrelay replay start --subscription crm,archive --type 'org.openedx.learning.*' --state missing
  edrelay replay start --enroller --source shopify --since 2026-01-31T12:00:00Z
  edrelay replay start --enroller --state rejected --reason signature
  edrelay replay start --enrollments --course course-v1:a+b+c --rate 10`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(ask.Subscriptions) == 0 && !ask.Enroller && !ask.Enrollments {
				return usageError{cmd.CommandPath(), errors.New("say what: --subscription NAME, --enroller or --enrollments")}
			}
			var err error
			if ask.Since, err = moment(since, a.now()); err == nil {
				ask.Until, err = moment(until, a.now())
			}
			if err != nil {
				return usageError{cmd.CommandPath(), err}
			}
			return a.startReplay(cmd, ask, dryRun)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&ask.Subscriptions, "subscription", nil, "name of a subscription; several are allowed")
	flags.BoolVar(&ask.Enroller, "enroller", false, "webhooks to the enroller")
	flags.BoolVar(&ask.Enrollments, "enrollments", false, "enrolments of the ledger, asked of the LMS again")
	flags.StringVar(&since, "since", "", "stored at or after: a time, or how long ago (90s, 15m, 24h, 7d)")
	flags.StringVar(&until, "until", "", "stored before")
	flags.Uint64Var(&ask.FromSequence, "from-sequence", 0, "first sequence in the log; of enrolments the first id")
	flags.Uint64Var(&ask.ToSequence, "to-sequence", 0, "last sequence in the log, or last id; 0 = the newest now")
	flags.StringVar(&ask.Subject, "subject", "", "NATS pattern of the log (webhooks.shopify.>), or a CloudEvents subject exactly")
	flags.StringVar(&ask.Source, "source", "", "name of the source, or CloudEvents source of events")
	flags.StringVar(&ask.Type, "type", "", "event type, or a prefix ending in *")
	flags.StringVar(&ask.State, "state", "", "of the webhook (accepted, done, ignored, parked, rejected), of the delivery (waiting, delivered, parked, undelivered, missing), or of the enrolment")
	flags.StringVar(&ask.Reason, "reason", "", "of rejected webhooks or of enrolments, exactly")
	flags.StringVar(&ask.Course, "course", "", "this course stands in the payload, or in the ledger for its order")
	flags.StringVar(&ask.Learner, "learner", "", "this address stands in the payload, or in the ledger for its order")
	flags.BoolVar(&ask.Mail, "mail", false, "the LMS may write to learners")
	flags.Float64Var(&ask.Rate, "rate", 0, "a second at most; 0 = as fast as the target works")
	flags.BoolVar(&dryRun, "dry-run", false, "only say how many there are, with samples")
	cmd.MarkFlagsMutuallyExclusive("subscription", "enroller", "enrollments")
	return cmd
}

func (a *App) startReplay(cmd *cobra.Command, ask relay.ReplayRequest, dryRun bool) error {
	c, err := a.remote()
	if err != nil {
		return err
	}
	if dryRun {
		var plan relay.ReplayPlan
		if err := c.Post(cmd.Context(), "/replays/plan", ask, &plan); err != nil {
			return err
		}
		return a.printPlan(plan)
	}
	var started relay.Replay
	if err := c.Post(cmd.Context(), "/replays", ask, &started); err != nil {
		return err
	}
	return a.printReplay(started)
}

// moment reads a time as the API does: RFC 3339, a date, or how long ago; "" is no time.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time such as 2026-01-31T12:00:00Z, nor how long ago such as 90s, 15m, 24h, 7d", text)
}
