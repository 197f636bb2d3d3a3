package assembly

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/backup"
	"github.com/edrelay/edrelay/services/edrelay/config"
)

// Backup keeps log and ledger of the configuration on a shelf, beside an edrelay that runs or without one. keys adds the
// keys of the data dir.
func Backup(ctx context.Context, c *config.Config, log *slog.Logger, version string, shelf backup.Shelf, keys bool) (backup.Manifest, error) {
	ground, err := Open(ctx, c, log, version, Needs{Embedded: true, Ledger: true, Share: true, Bare: true})
	if err != nil {
		return backup.Manifest{}, err
	}
	defer ground.Close()
	options := backup.Options{Shelf: shelf, Log: ground.Bus, Ledger: ground.Store, Version: version, Logger: log}
	if keys {
		options.DataDir = c.DataDir
	}
	return backup.Take(ctx, options)
}

// restoreMark stands in the data dir while a restore runs: an edrelay that started on half of a backup would do work again.
const restoreMark = "restore.unfinished"

// Restore brings a backup back onto the empty log and ledger of the configuration.
func Restore(ctx context.Context, c *config.Config, log *slog.Logger, version string, shelf backup.Shelf, manifest backup.Manifest) error {
	mark := filepath.Join(c.DataDir, restoreMark)
	if err := os.MkdirAll(c.DataDir, 0o755); err != nil {
		return fmt.Errorf("make the data dir: %w", err)
	}
	if err := backup.RestoreKeys(ctx, shelf, manifest, c.DataDir); err != nil {
		return err
	}
	ground, err := Open(ctx, c, log, version, Needs{Embedded: true, Ledger: true, Bare: true})
	if err != nil {
		return err
	}
	defer ground.Close()
	options := backup.Options{Shelf: shelf, Log: ground.Bus, Ledger: ground.Store, Logger: log}
	if err := backup.Check(ctx, options, manifest); err != nil {
		return err
	}
	if err := os.WriteFile(mark, []byte(manifest.Name+"\n"), 0o644); err != nil {
		return fmt.Errorf("mark the restore: %w", err)
	}
	if err := backup.Restore(ctx, options, manifest); err != nil {
		return fmt.Errorf("%w (what came back is incomplete: empty log and ledger, and restore again)", err)
	}
	return os.Remove(mark)
}

// wholeRestore refuses to work on a restore that was cut short.
func (g *Ground) wholeRestore(needs Needs) error {
	if needs.Bare {
		return nil
	}
	mark := filepath.Join(g.Config.DataDir, restoreMark)
	if _, err := os.Stat(mark); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return &relay.Error{Code: relay.CodeUnavailable, Message: "A restore into this data dir was cut short: log and ledger are incomplete.",
		Hint: "Empty the data dir (and the database and NATS account, where those are elsewhere), and run `edrelay restore` again."}
}
