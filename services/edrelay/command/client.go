package command

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func clientCommand(a *App) *cobra.Command {
	return family("client", "Clients that fetch their own tokens at POST /oauth2/token",
		clientList(a), clientCreate(a), clientRotate(a), clientDisable(a))
}

func clientList(a *App) *cobra.Command {
	return listCommand(a, listing[relay.Client]{
		short: "List clients of the token endpoint", example: "  edrelay client ls", path: "/clients", states: []string{"active", "disabled"},
		columns: func(now time.Time) []table.Column[relay.Client] {
			return []table.Column[relay.Client]{
				column("CLIENT ID", func(c relay.Client) string { return c.ID }),
				wide("NAME", func(c relay.Client) string { return c.Name }),
				column("STAFF", func(c relay.Client) string { return yes(c.Staff) }),
				stateColumn(func(c relay.Client) string { return c.State }),
				column("MADE", func(c relay.Client) string { return table.Age(c.CreatedAt, now) }),
			}
		},
		empty: "No client. `edrelay client create --name N --staff` makes one.",
	})
}

// newClient is a client with the secret made for it, as the API answers it.
type newClient struct {
	relay.Client
	Secret string `json:"client_secret"`
}

func (a *App) printClient(made newClient) error {
	return a.printFields([]field{{"client_id", made.ID, table.Plain}, {"staff", yes(made.Staff), table.Plain},
		{"client_secret", made.Secret, table.Good}})
}

func clientCreate(a *App) *cobra.Command {
	var name string
	var staff bool
	cmd := &cobra.Command{
		Use: "create", Short: "Make a client; its secret is printed this once",
		Example: "  edrelay client create --name mitx-lms --staff\n" +
			"  curl -d grant_type=client_credentials -d client_id=ID -d client_secret=SECRET http://127.0.0.1:8080/oauth2/token",
		RunE: ordering(a, func([]string) order {
			return post("/clients", map[string]any{"name": name, "staff": staff})
		}, a.printClient),
	}
	cmd.Flags().StringVar(&name, "name", "", "who will use it")
	cmd.Flags().BoolVar(&staff, "staff", false, "its tokens may enrol; without, they are refused with 403")
	_ = cmd.MarkFlagRequired("name")
	return cmd
}

func clientRotate(a *App) *cobra.Command {
	var grace string
	cmd := &cobra.Command{
		Use: "rotate CLIENT_ID", Short: "Make a new secret for a client; the old one stays good for a while",
		Example: "  edrelay client rotate edrc_ABC --grace 24h",
		RunE: ordering(a, func(args []string) order {
			return post(at("clients", args[0], "rotate"), map[string]string{"grace": grace})
		}, a.printClient),
	}
	cmd.Flags().StringVar(&grace, "grace", "24h", "how long the old secrets are good beside the new one; 0s: no longer")
	return cmd
}

func clientDisable(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "disable CLIENT_ID", Short: "End a client and all its tokens at once",
		Example: "  edrelay client disable edrc_ABC",
		RunE: ordering(a, func(args []string) order { return post(at("clients", args[0], "disable"), nil) }, func(client relay.Client) error {
			a.note("Client %s (%s) is disabled, and its tokens with it.", client.ID, client.Name)
			return nil
		}),
	}
}
