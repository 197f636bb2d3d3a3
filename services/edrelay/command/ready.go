package command

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
)

func readyCommand(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "ready", Short: "Ask the edrelay on this machine whether it is ready",
		Long:    "Ask the admin listener of the edrelay on this machine whether it is ready: status 0 when it is.\nIt is made for health checks of containers.",
		Example: "  edrelay ready",
		RunE: func(cmd *cobra.Command, _ []string) error {
			server := a.server
			if server == "" {
				loaded, err := a.config()
				if err != nil {
					return err
				}
				server = adminAddress(loaded.Admin.Addr)
			}
			if err := askReady(cmd.Context(), server); err != nil {
				return err
			}
			fmt.Fprintln(a.Out, "ready")
			return nil
		},
	}
}

func askReady(ctx context.Context, server string) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/readyz", nil)
	if err != nil {
		return relay.Errorf(relay.CodeInvalid, "%s is no address", server)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return &relay.Error{Code: relay.CodeUnavailable, Message: "nothing answers at " + server, Hint: "start it with `edrelay up`"}
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return &relay.Error{Code: relay.CodeUnavailable, Message: "it is not ready", Hint: "`edrelay doctor` says why"}
	}
	return nil
}
