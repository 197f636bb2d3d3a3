package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func auditCommand(a *App) *cobra.Command {
	var ask console.ReconcileRequest
	cmd := &cobra.Command{
		Use: "audit", Short: "Compare the log with the ledger, and with the LMS: is everything accounted for?",
		Long: `Compare what was accepted with what became of it. Exit status 0: everything accepted is accounted for. Exit status 1:
it is not; each difference is printed with the command that mends it.`,
		Example: "  edrelay audit\n  edrelay audit --lms",
		RunE: func(cmd *cobra.Command, _ []string) error {
			remote, err := a.remote()
			if err != nil {
				return err
			}
			var found relay.Reconciliation
			if err := remote.Post(cmd.Context(), "/audit", ask, &found); err != nil {
				return err
			}
			if err := a.printReconciliation(found, ask.LMS); err != nil {
				return err
			}
			if !found.OK() {
				return quietError{}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&ask.LMS, "lms", false, "ask the LMS about every enrolment too (counts against its throttle)")
	cmd.AddCommand(trailCommand(a))
	return cmd
}

func (a *App) printReconciliation(found relay.Reconciliation, lms bool) error {
	if a.wantsJSON() {
		return a.printJSON(found)
	}
	fmt.Fprintf(a.Out, "%d webhooks on the log (%d just in), %d orders, %d enrolments (%d waiting, %d parked), %d deliveries (%d events still to come)",
		found.Webhooks, found.Underway, found.Orders, found.Enrollments, found.Waiting, found.Parked, found.Deliveries, found.Backlog)
	if lms {
		fmt.Fprintf(a.Out, ", %d compared with the LMS", found.Compared)
	}
	fmt.Fprintln(a.Out, ".")
	if found.OK() {
		fmt.Fprintln(a.Out, "Everything accepted is accounted for.")
		return nil
	}
	fmt.Fprintf(a.Out, "%d difference(s):\n\n", len(found.Differences))
	return table.Write(a.screen(), found.Differences, []table.Column[relay.Difference]{
		column("KIND", func(d relay.Difference) string { return d.Kind }),
		column("SUBJECT", func(d relay.Difference) string { return d.Subject }),
		wide("DETAIL", func(d relay.Difference) string { return d.Detail }),
		wide("MEND", func(d relay.Difference) string { return d.Mend }),
	})
}
