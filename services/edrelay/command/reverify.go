package command

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func webhookReverify(a *App) *cobra.Command {
	var query relay.ReverifyQuery
	var all bool
	cmd := &cobra.Command{
		Use: "reverify [ID]", Short: "Verify rejected webhooks again, after a secret was mended",
		Long: `Verify rejected webhooks again from the bytes that were kept, with the sources as the running edrelay has them
configured now. Those that pass are taken as if they had just come in; the others stay rejected. With an ID, status 1
says that it stays rejected.`,
		Example: `  edrelay webhook reverify rejected-17
  edrelay webhook reverify --source shopify --reason signature
  edrelay webhook reverify --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				query.ID = args[0]
			}
			if !all && query == (relay.ReverifyQuery{}) {
				return usageError{cmd.CommandPath(), fmt.Errorf("give an ID, --source, --reason, or --all")}
			}
			return a.reverify(cmd, query)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all rejected webhooks")
	cmd.Flags().StringVar(&query.Source, "source", "", "only of this source")
	cmd.Flags().StringVar(&query.Reason, "reason", "", "only those rejected for this reason, e.g. signature")
	return cmd
}

func (a *App) reverify(cmd *cobra.Command, query relay.ReverifyQuery) error {
	remote, err := a.remote()
	if err != nil {
		return err
	}
	var result console.ReverifiedList
	if err := remote.Post(cmd.Context(), "/webhooks/reverify", query, &result); err != nil {
		return err
	}
	if err := a.printReverified(result); err != nil {
		return err
	}
	if stays := func(r relay.Reverified) bool { return !r.Accepted }; query.ID != "" && slices.ContainsFunc(result.Items, stays) {
		return &relay.Error{Code: relay.CodeForbidden, Message: query.ID + " stays rejected",
			Hint: "mend the source in the configuration, start edrelay with it, and verify again"}
	}
	return nil
}

func (a *App) printReverified(result console.ReverifiedList) error {
	if a.wantsJSON() {
		return a.printJSON(result.Items)
	}
	if len(result.Items) == 0 {
		fmt.Fprintln(a.Out, "No rejected webhook matches. `edrelay webhook ls --state rejected` lists them.")
		return nil
	}
	return table.Write(a.screen(), result.Items, []table.Column[relay.Reverified]{
		column("REJECTED", func(r relay.Reverified) string { return r.ID }),
		column("SOURCE", func(r relay.Reverified) string { return r.Source }),
		stateColumn(func(r relay.Reverified) string {
			if r.Accepted {
				return string(relay.WebhookAccepted)
			}
			return string(relay.WebhookRejected)
		}),
		column("WEBHOOK", func(r relay.Reverified) string { return r.Webhook }),
		wide("REASON", func(r relay.Reverified) string { return r.Reason }),
	})
}
