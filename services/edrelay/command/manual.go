package command

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manualCommand writes the man pages of all commands.
func manualCommand(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write man pages of all commands into a folder",
		Example: "  edrelay man ./man && man ./man/edrelay-webhook-ls.1",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			return doc.GenManTree(root, &doc.GenManHeader{Title: "EDRELAY", Section: "1", Source: "edrelay " + a.Version}, args[0])
		},
	}
}
