package command

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/services/edrelay/doctor"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func doctorCommand(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Test every connection, version, permission and the clock, and say what to do",
		Long: `Test what the configuration names: the sources, the running edrelay, NATS and its copies on a cluster, Postgres, Open edX
(token, permission to enrol, clock) and the event bus. It changes nothing. Status 1 when something has failed.`,
		Example: "  edrelay doctor --config edrelay.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := a.config()
			if err != nil {
				return err
			}
			admin := a.server
			if admin == "" {
				admin = adminAddress(loaded.Admin.Addr)
			}
			found := doctor.Examine(cmd.Context(), doctor.Patient{Config: loaded, Admin: admin, Now: time.Now})
			if err := a.printFindings(found); err != nil {
				return err
			}
			for _, f := range found {
				if f.State == doctor.Bad {
					return quietError{}
				}
			}
			return nil
		},
	}
}

func (a *App) printFindings(found []doctor.Finding) error {
	if a.wantsJSON() {
		return a.printJSON(found)
	}
	colors := map[doctor.State]table.Color{doctor.Good: table.Good, doctor.Warning: table.Wait, doctor.Bad: table.Bad}
	err := table.Write(a.screen(), found, []table.Column[doctor.Finding]{
		column("CHECK", func(f doctor.Finding) string { return f.Check }),
		{Title: "STATE", Text: func(f doctor.Finding) string { return string(f.State) }, Color: func(f doctor.Finding) table.Color { return colors[f.State] }},
		wide("DETAIL", func(f doctor.Finding) string { return f.Detail }),
	})
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Hint != "" {
			a.note("→ %s: %s", f.Check, f.Hint)
		}
	}
	return nil
}
