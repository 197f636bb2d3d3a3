package command

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/assembly"
	"github.com/edrelay/edrelay/services/edrelay/client"
	"github.com/edrelay/edrelay/services/edrelay/config"
)

// remote gives a client of the running edrelay: what the flags and variables don't say, the configuration does.
func (a *App) remote() (*client.Client, error) {
	server, token := a.server, a.adminToken()
	if server == "" || token == "" {
		loaded, err := a.config()
		if err != nil {
			return nil, err
		}
		if server == "" {
			server = adminAddress(loaded.Admin.Addr)
		}
		if token == "" {
			if token, err = keptToken(loaded); err != nil {
				return nil, err
			}
		}
	}
	return client.New(client.Options{Server: server, Token: token})
}

// adminAddress gives where a client reaches a listener: one on all addresses is reached on this machine.
func adminAddress(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return client.DefaultServer
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// keptToken gives the token of the configuration or of the data dir; "" when there is none.
func keptToken(loaded *config.Config) (string, error) {
	if loaded.Admin.Token != "" {
		return loaded.Admin.Token, nil
	}
	raw, err := os.ReadFile(assembly.TokenFile(loaded.DataDir))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", &relay.Error{
			Code: relay.CodeForbidden, Message: "the admin token of the data dir can't be read",
			Hint: "run as the user that runs edrelay, or set EDRELAY_ADMIN_TOKEN", Err: err,
		}
	}
	return strings.TrimSpace(string(raw)), nil
}
