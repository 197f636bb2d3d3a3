package command

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version, and what it was built of",
		Example: "  edrelay version --output json",
		RunE: func(*cobra.Command, []string) error {
			commit := ""
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, setting := range info.Settings {
					if setting.Key == "vcs.revision" {
						commit = setting.Value
					}
				}
			}
			platform := runtime.GOOS + "/" + runtime.GOARCH
			if a.wantsJSON() {
				return a.printJSON(map[string]string{"version": a.Version, "commit": commit, "go": runtime.Version(), "platform": platform})
			}
			_, err := fmt.Fprintf(a.Out, "edrelay %s (%s, %s)\n", a.Version, runtime.Version(), platform)
			return err
		},
	}
}
