package assembly

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/sealing"
	"github.com/edrelay/edrelay/services/edrelay/config"
)

// TokenFile is where `up` keeps the admin token that it made.
func TokenFile(dataDir string) string { return filepath.Join(dataDir, "admin.token") }

// AdminToken gives the configured admin token, or the one in the data dir, which is made when there is none. made
// tells that it is new, so that it can be shown this once.
func AdminToken(c *config.Config) (token string, made bool, err error) {
	if c.Admin.Token != "" {
		return c.Admin.Token, false, nil
	}
	name := TokenFile(c.DataDir)
	content, err := os.ReadFile(name)
	if err == nil && len(strings.TrimSpace(string(content))) >= 16 {
		return strings.TrimSpace(string(content)), false, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", false, fmt.Errorf("read the admin token: %w", err)
	}
	token = "edrelay_" + rand.Text()
	if err := os.MkdirAll(c.DataDir, 0o755); err != nil {
		return "", false, fmt.Errorf("make the data dir: %w", err)
	}
	if err := os.WriteFile(name, []byte(token+"\n"), 0o600); err != nil {
		return "", false, fmt.Errorf("keep the admin token: %w", err)
	}
	return token, true, nil
}

// openKeys gives the ring that seals secrets in the ledger: the configured key, or, where everything runs in one
// process, a key file in the data dir.
func (g *Ground) openKeys(own bool) (err error) {
	switch {
	case g.Config.EncryptionKey != "":
		g.Keys, err = sealing.New(strings.Fields(g.Config.EncryptionKey)...)
	case own:
		g.Keys, err = sealing.LoadOrCreate(filepath.Join(g.Config.DataDir, "encryption.key"))
	default:
		return &relay.Error{
			Code: relay.CodeInvalid, Message: "encryption_key is not set; it seals the subscriptions' secrets in the ledger.",
			Hint: "Set encryption_key (or encryption_key_file) to the same value for every service; `openssl rand -base64 32` makes one.",
		}
	}
	return err
}

// keys gives the ring that seals secrets in the ledger.
func (g *Ground) keys() (*sealing.Ring, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.Keys == nil {
		if err := g.openKeys(g.embedded); err != nil {
			return nil, err
		}
	}
	return g.Keys, nil
}
