package command

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
)

func enrollmentRetry(a *App) *cobra.Command {
	var filter console.RetryFilter
	var state string
	var all bool
	cmd := &cobra.Command{
		Use: "retry [ID]", Short: "Ask the LMS again: for one enrolment, or for all that a filter chooses",
		Long: `Make enrolments due again. Without an ID the filters choose; without --state the parked ones are meant.
Learners are not mailed again unless --mail says so.`,
		Example: `  edrelay enrollment retry 42
  edrelay enrollment retry --all
  edrelay enrollment retry --reason 'the LMS has no such course' --source shopify`,
		RunE: func(cmd *cobra.Command, args []string) error {
			filter.State = relay.EnrollmentState(state)
			chosen := filter
			chosen.Mail = false
			if len(args) == 1 {
				if all || chosen != (console.RetryFilter{}) {
					return usageError{cmd.CommandPath(), fmt.Errorf("give an ID or say which with filters, not both")}
				}
				return a.retryOne(cmd, args[0], filter.Mail)
			}
			if !all && chosen == (console.RetryFilter{}) {
				return usageError{cmd.CommandPath(), fmt.Errorf("give an ID, a filter such as --reason or --source, or --all")}
			}
			return misuse(cmd, a.retryMany(cmd, filter))
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&all, "all", false, "all parked enrolments")
	flags.StringVar(&state, "state", "", "only those in this state: waiting, enrolled, allowed, unenrolled, parked")
	flags.StringVar(&filter.Reason, "reason", "", "only those with exactly this reason")
	flags.StringVar(&filter.Source, "source", "", "only of this source")
	flags.StringVar(&filter.Order, "order", "", "only of this order")
	flags.StringVar(&filter.Learner, "learner", "", "only of this learner's address")
	flags.StringVar(&filter.Course, "course", "", "only into this course")
	flags.BoolVar(&filter.Mail, "mail", false, "the LMS may write to the learners again")
	return cmd
}

func (a *App) retryOne(cmd *cobra.Command, id string, mail bool) error {
	remote, err := a.remote()
	if err != nil {
		return err
	}
	var row relay.Enrollment
	if err := remote.Post(cmd.Context(), "/enrollments/"+url.PathEscape(id)+"/retry", console.RetryRequest{Mail: mail}, &row); err != nil {
		return err
	}
	if a.wantsJSON() {
		return a.printJSON(row)
	}
	return a.printEnrollment(row)
}

func (a *App) retryMany(cmd *cobra.Command, filter console.RetryFilter) error {
	remote, err := a.remote()
	if err != nil {
		return err
	}
	var result console.Retried
	if err := remote.Post(cmd.Context(), "/enrollments/retry", filter, &result); err != nil {
		return err
	}
	if a.wantsJSON() {
		return a.printJSON(result)
	}
	fmt.Fprintf(a.Out, "%d enrolment(s) are due again.\n", result.Retried)
	return nil
}
