package command

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/natsauth"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/assembly"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func natsUserCommand(a *App) *cobra.Command {
	return family("nats-user", "NATS credentials of services that read events", natsUserList(a), natsUserAdd(a), natsUserRevoke(a), natsUserServer(a))
}

func natsUserList(a *App) *cobra.Command {
	return listCommand(a, listing[relay.NATSUser]{
		short: "List NATS users, newest first", example: "  edrelay nats-user ls\n  edrelay nats-user ls --state active", path: "/nats-users",
		states: []string{string(relay.TokenActive), string(relay.TokenRevoked)},
		columns: func(now time.Time) []table.Column[relay.NATSUser] {
			return []table.Column[relay.NATSUser]{
				column("NAME", func(u relay.NATSUser) string { return u.Name }),
				stateColumn(func(u relay.NATSUser) string { return string(u.State) }),
				wide("MAY READ", func(u relay.NATSUser) string { return strings.Join(u.Allow, " ") }),
				column("MADE", func(u relay.NATSUser) string { return table.Age(u.CreatedAt, now) }),
				column("REVOKED", func(u relay.NATSUser) string { return table.Until(u.RevokedAt, now) }),
			}
		},
		empty: "No NATS user. `edrelay nats-user add NAME --allow 'events.org.openedx.learning.>'` makes one.",
	})
}

func natsUserAdd(a *App) *cobra.Command {
	var allow []string
	var out string
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Make NATS credentials that read some events and nothing else",
		Long: `Make NATS credentials that read the events on the allowed subjects, live and from the stream EVENTS, and nothing else.
They are written to a .creds file that every NATS client understands. The client must use the inbox prefix that is printed.`,
		Example: "  edrelay nats-user add crm --allow 'events.org.openedx.learning.>' --out crm.creds",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.remote()
			if err != nil {
				return err
			}
			if out == "" && !a.wantsJSON() {
				out = filepath.Base(args[0]) + ".creds"
			}
			file, err := createCreds(out)
			if err != nil {
				return err
			}
			var made relay.NATSCredentials
			if err := c.Post(cmd.Context(), "/nats-users", map[string]any{"name": args[0], "allow": allow}, &made); err != nil {
				discardCreds(file)
				return err
			}
			if err := writeCreds(file, made.Creds); err != nil {
				return err
			}
			if a.wantsJSON() {
				return a.printJSON(made)
			}
			return a.printFields([]field{
				{"name", made.Name, table.Plain}, {"inbox prefix", made.InboxPrefix, table.Plain}, {"credentials", out, table.Good},
			})
		},
	}
	cmd.Flags().StringArrayVar(&allow, "allow", nil, "a subject that it may read, e.g. 'events.org.openedx.learning.>'; may be given several times")
	cmd.Flags().StringVar(&out, "out", "", "file to write; default NAME.creds (with --output json: none)")
	_ = cmd.MarkFlagRequired("allow")
	return cmd
}

// createCreds makes the file before the credentials are made, so that they are not lost for want of a place; nil for
// no file.
func createCreds(path string) (*os.File, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, &relay.Error{Code: relay.CodeConflict, Message: fmt.Sprintf("the file %s can't be made", path), Hint: "choose another with --out", Err: err}
	}
	return file, nil
}

func discardCreds(file *os.File) {
	if file != nil {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}
}

func writeCreds(file *os.File, text string) error {
	if file == nil {
		return nil
	}
	if _, err := file.WriteString(text); err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	return file.Close()
}

func natsUserRevoke(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME", Short: "End NATS credentials; their connections are closed at once",
		Example: "  edrelay nats-user revoke crm",
		RunE: ordering(a, func(args []string) order {
			return order{method: http.MethodDelete, path: at("nats-users", args[0], "")}
		}, func(user relay.NATSUser) error {
			a.note("NATS user %s is revoked.", user.Name)
			return nil
		}),
	}
}

// natsUserServer works without a running edrelay: an external server must trust the keys before edrelay can connect.
func natsUserServer(a *App) *cobra.Command {
	var listen, store, out string
	cmd := &cobra.Command{
		Use: "server-config", Short: "Print the configuration of an external nats-server that trusts this edrelay's keys",
		Long: `Print the configuration of an external nats-server that trusts the keys in the data dir, which are made when they are
missing. Set nats.credentials_file to nats-auth/edrelay.creds of the data dir for every edrelay service.`,
		Example: "  edrelay nats-user server-config --listen 0.0.0.0:4222 --store /data > nats.conf",
		RunE: func(*cobra.Command, []string) error {
			loaded, err := a.config()
			if err != nil {
				return err
			}
			authority, err := natsauth.Open(assembly.NATSKeys(loaded))
			if err != nil {
				return err
			}
			text, err := authority.ServerConfig(listen, store)
			if err != nil {
				return err
			}
			if out == "" {
				fmt.Fprint(a.Out, text)
				return nil
			}
			if err := os.WriteFile(out, []byte(text), 0o600); err != nil {
				return fmt.Errorf("write the configuration of the server: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "0.0.0.0:4222", "host:port where clients connect")
	cmd.Flags().StringVar(&out, "out", "", "file to write; default standard output")
	cmd.Flags().StringVar(&store, "store", "/data", "folder where the server keeps streams and accounts")
	return cmd
}
