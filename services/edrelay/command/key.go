package command

import (
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func keyCommand(a *App) *cobra.Command {
	return family("key", "API keys of operators, with roles", keyList(a), keyCreate(a), keyRevoke(a))
}

func keyList(a *App) *cobra.Command {
	return listCommand(a, listing[relay.APIKey]{
		short: "List API keys, newest first", example: "  edrelay key ls\n  edrelay key ls --state active", path: "/keys", states: tokenStates(),
		columns: func(now time.Time) []table.Column[relay.APIKey] {
			return []table.Column[relay.APIKey]{
				column("ID", func(k relay.APIKey) string { return k.ID }),
				wide("NAME", func(k relay.APIKey) string { return k.Name }),
				column("ROLE", func(k relay.APIKey) string { return string(k.Role) }),
				stateColumn(func(k relay.APIKey) string { return string(k.State) }),
				column("MADE", func(k relay.APIKey) string { return table.Age(k.CreatedAt, now) }),
				column("EXPIRES", func(k relay.APIKey) string { return table.Until(k.ExpiresAt, now) }),
			}
		},
		empty: "No API key. `edrelay key create --name N --role viewer` makes one.",
	})
}

// newKey is a made key as the API answers it.
type newKey struct {
	relay.APIKey
	Key string `json:"key"`
}

func keyCreate(a *App) *cobra.Command {
	var name, role, ttl string
	cmd := &cobra.Command{
		Use: "create", Short: "Make an API key; it is printed this once",
		Example: "  edrelay key create --name dashboards --role viewer --ttl 8760h",
		RunE: ordering(a, func([]string) order {
			return post("/keys", map[string]string{"name": name, "role": role, "ttl": ttl})
		}, func(made newKey) error {
			return a.printFields([]field{{"id", made.ID, table.Plain}, {"role", string(made.Role), table.Plain}, {"key", made.Key, table.Good}})
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "who will use it")
	cmd.Flags().StringVar(&role, "role", "viewer", "viewer, operator or admin")
	cmd.Flags().StringVar(&ttl, "ttl", "", "how long it lives, e.g. 8760h; empty: until it is revoked")
	_ = cmd.MarkFlagRequired("name")
	_ = cmd.RegisterFlagCompletionFunc("role", cobra.FixedCompletions([]string{"viewer", "operator", "admin"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func keyRevoke(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "End an API key at once",
		Example: "  edrelay key revoke 7QK2M4ZC9T1A",
		RunE: ordering(a, func(args []string) order { return order{method: http.MethodDelete, path: at("keys", args[0], "")} }, func(key relay.APIKey) error {
			a.note("Key %s (%s) is revoked.", key.ID, key.Name)
			return nil
		}),
	}
}
