package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
)

func migrateCommand(a *App) *cobra.Command {
	up := &cobra.Command{
		Use: "up", Short: "Bring the ledger's schema up to date",
		Example: "  edrelay migrate up --config edrelay.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withLedger(cmd.Context(), func(ctx context.Context, ledger *store.Store) error {
				if err := ledger.Migrate(ctx); err != nil {
					return err
				}
				fmt.Fprintln(a.Out, "The ledger's schema is up to date.")
				return nil
			})
		},
	}
	status := &cobra.Command{
		Use: "status", Short: "List the migrations and when each was applied",
		Example: "  edrelay migrate status --config edrelay.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withLedger(cmd.Context(), func(ctx context.Context, ledger *store.Store) error {
				list, err := ledger.MigrationStatus(ctx)
				if err != nil {
					return err
				}
				for _, one := range list {
					applied := "not applied"
					if one.AppliedAt != nil {
						applied = one.AppliedAt.Format("2006-01-02 15:04:05")
					}
					fmt.Fprintf(a.Out, "%6d  %-40s  %s\n", one.Version, one.Name, applied)
				}
				return nil
			})
		},
	}
	return family("migrate", "Bring the ledger's schema up to date", up, status)
}

// withLedger opens the ledger at database.url for one command.
func (a *App) withLedger(ctx context.Context, do func(context.Context, *store.Store) error) error {
	loaded, err := a.config()
	if err != nil {
		return err
	}
	if loaded.Database.URL == "" {
		return &relay.Error{
			Code: relay.CodeInvalid, Message: "database.url is not set.",
			Hint: "`edrelay up` migrates its own Postgres by itself; for another one set database.url or EDRELAY_DATABASE_URL.",
		}
	}
	ledger, err := store.Open(ctx, loaded.Database.URL)
	if err != nil {
		return err
	}
	defer ledger.Close()
	return do(ctx, ledger)
}
