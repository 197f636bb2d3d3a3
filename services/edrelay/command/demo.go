package command

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/services/edrelay/demo"
)

func demoCommand(a *App) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use: "demo", Short: "Show edrelay at work on this machine, step by step",
		Long: `Run edrelay with a simulated Open edX, sample sources and a sample subscriber, send real signed webhooks through it, and
show each step with what came of it and where to look. It needs a Postgres to start, or EDRELAY_DATABASE_URL; everything
it writes is in a folder of its own that goes with it.`,
		Example: "  edrelay demo\n  edrelay demo --once",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo.Run(cmd.Context(), demo.Options{
				Out: a.Out, Color: a.screen().Color, Version: a.Version, Program: os.Args[0], Environ: a.Environ, Once: once,
			})
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the last step: status 0 only when every step was verified")
	return cmd
}
