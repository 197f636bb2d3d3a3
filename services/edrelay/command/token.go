package command

import (
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func tokenCommand(a *App) *cobra.Command {
	return family("token", "Bearer tokens of the enrolment endpoint", tokenList(a), tokenCreate(a), tokenRevoke(a))
}

func tokenStates() []string {
	return []string{string(relay.TokenActive), string(relay.TokenExpired), string(relay.TokenRevoked)}
}

func tokenList(a *App) *cobra.Command {
	return listCommand(a, listing[relay.Token]{
		short: "List bearer tokens", example: "  edrelay token ls --state active", path: "/tokens",
		states: tokenStates(),
		columns: func(now time.Time) []table.Column[relay.Token] {
			return []table.Column[relay.Token]{
				column("ID", func(t relay.Token) string { return t.ID }),
				wide("NAME", func(t relay.Token) string { return t.Name }),
				column("STAFF", func(t relay.Token) string { return yes(t.Staff) }),
				stateColumn(func(t relay.Token) string { return string(t.State) }),
				column("MADE", func(t relay.Token) string { return table.Age(t.CreatedAt, now) }),
				column("EXPIRES", func(t relay.Token) string { return table.Until(&t.ExpiresAt, now) }),
				column("USED", func(t relay.Token) string { return table.Until(t.UsedAt, now) }),
			}
		},
		empty: "No bearer token. `edrelay token create --name N --staff` makes one.",
	})
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// newToken is a made token as the API answers it.
type newToken struct {
	relay.Token
	Text string `json:"token"`
}

func tokenCreate(a *App) *cobra.Command {
	var name, ttl string
	var staff bool
	cmd := &cobra.Command{
		Use: "create", Short: "Make a bearer token; it is printed this once",
		Long: `Make a bearer token for POST /api/openedx_webhook/enrollment/. Only tokens of staff may enrol.
Clients that can fetch tokens themselves are better served by ` + "`edrelay client create`.",
		Example: "  edrelay token create --name mitx-lms --staff --ttl 8760h",
		RunE: ordering(a, func([]string) order {
			return post("/tokens", map[string]any{"name": name, "staff": staff, "ttl": ttl})
		}, func(made newToken) error {
			return a.printFields([]field{{"id", made.ID, table.Plain}, {"staff", yes(made.Staff), table.Plain},
				{"expires", made.ExpiresAt.Format(time.RFC3339), table.Plain}, {"token", made.Text, table.Good}})
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "who will use it")
	cmd.Flags().BoolVar(&staff, "staff", false, "it may enrol; without, it is refused with 403")
	cmd.Flags().StringVar(&ttl, "ttl", "8760h", "how long it lives")
	_ = cmd.MarkFlagRequired("name")
	return cmd
}

func tokenRevoke(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "End a bearer token at once",
		Example: "  edrelay token revoke 7QK2M4ZC9T1A",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.remote()
			if err != nil {
				return err
			}
			if err := c.Delete(cmd.Context(), "/tokens/"+url.PathEscape(args[0]), nil); err != nil {
				return err
			}
			if a.wantsJSON() {
				return a.printJSON(map[string]string{"id": args[0], "state": string(relay.TokenRevoked)})
			}
			a.note("Token %s is revoked.", args[0])
			return nil
		},
	}
}
