package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/services/edrelay/assembly"
	"github.com/edrelay/edrelay/services/edrelay/config"
	"github.com/edrelay/edrelay/services/ingress/source"
)

func configCommand(a *App) *cobra.Command {
	check := &cobra.Command{
		Use: "check", Short: "Say whether the configuration is right, and what is wrong with it",
		Example: "  edrelay config check --config edrelay.yaml",
		RunE: func(*cobra.Command, []string) error {
			loaded, err := a.config()
			if err != nil {
				return err
			}
			if _, err := assembly.Sources(loaded, source.Ports{}); err != nil {
				return err
			}
			fmt.Fprintf(a.Out, "The configuration is right: %d source(s).\n", len(loaded.Sources))
			return nil
		},
	}
	show := &cobra.Command{
		Use: "show", Short: "Print the configuration in force as YAML, secrets masked",
		Example: "  edrelay config show --config edrelay.yaml",
		RunE: func(*cobra.Command, []string) error {
			loaded, err := a.config()
			if err != nil {
				return err
			}
			text, err := config.Show(loaded, a.sourceSettings)
			if err == nil {
				fmt.Fprint(a.Out, text)
			}
			return err
		},
	}
	return family("config", "Check and show the configuration", check, show)
}

// sourceSettings gives an empty settings struct of a kind.
func (a *App) sourceSettings(kind string) any { return assembly.Settings(kind) }
