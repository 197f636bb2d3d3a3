package backup

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/edrelay/edrelay/internal/relay"
)

// RestoreKeys puts the keys of a backup into the data dir. Keys that stand there and differ are relay.CodeConflict.
// They come before log and ledger, which may need them.
func RestoreKeys(ctx context.Context, shelf Shelf, manifest Manifest, dataDir string) error {
	for _, relative := range manifest.Keys {
		if !filepath.IsLocal(relative) {
			return relay.Errorf(relay.CodeConflict, "the backup names a key outside of the data dir")
		}
		if err := restoreKey(ctx, shelf, manifest, filepath.Join(dataDir, filepath.FromSlash(relative)), relative); err != nil {
			return fmt.Errorf("restore the key %s: %w", relative, err)
		}
	}
	return nil
}

func restoreKey(ctx context.Context, shelf Shelf, manifest Manifest, path, relative string) error {
	in, err := shelf.Open(ctx, manifest.Name+"/"+keyFile(relative))
	if err != nil {
		return err
	}
	defer in.Close()
	content, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return err
	}
	if standing, err := os.ReadFile(path); err == nil {
		if slices.Equal(standing, content) {
			return nil
		}
		return &relay.Error{Code: relay.CodeConflict, Message: path + " is there and differs", Hint: "Restore into an empty data_dir."}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// Check verifies a backup and tells whether it may be restored: relay.CodeConflict when log or ledger is not empty.
func Check(ctx context.Context, o Options, manifest Manifest) error {
	o = o.withDefaults()
	if err := Verify(ctx, o.Shelf, manifest); err != nil {
		return err
	}
	o.Logger.Info("backup verified", "backup", manifest.Name, "files", len(manifest.Files))
	for _, stream := range manifest.Streams {
		if err := o.Log.CheckEmpty(ctx, stream.Name); err != nil {
			return fmt.Errorf("restore the log: %w", err)
		}
	}
	if err := o.Ledger.CheckEmpty(ctx, manifest.Ledger); err != nil {
		return fmt.Errorf("restore the ledger: %w", err)
	}
	return nil
}

// Restore brings log and ledger back. Call Check before. No service may run meanwhile; what an error leaves is
// incomplete.
func Restore(ctx context.Context, o Options, manifest Manifest) error {
	o = o.withDefaults()
	for _, snapshot := range manifest.Streams {
		in, err := o.Shelf.Open(ctx, manifest.Name+"/"+streamFile(snapshot.Name))
		if err != nil {
			return fmt.Errorf("restore the log: %w", err)
		}
		err = o.Log.RestoreStream(ctx, snapshot, in)
		in.Close()
		if err != nil {
			return fmt.Errorf("restore the log: %w", err)
		}
		o.Logger.Info("stream restored", "stream", snapshot.Name, "last", snapshot.Last)
	}
	for _, position := range manifest.Positions {
		if err := o.Log.RestorePosition(ctx, position); err != nil {
			return fmt.Errorf("restore the log: %w", err)
		}
	}
	err := o.Ledger.Restore(ctx, manifest.Ledger, func(table string) (io.ReadCloser, error) {
		return unpack(o.Shelf.Open(ctx, manifest.Name+"/"+tableFile(table)))
	})
	if err == nil {
		o.Logger.Info("ledger restored", "tables", len(manifest.Ledger.Tables))
	}
	return err
}

// unpacked reads a packed file.
type unpacked struct {
	*gzip.Reader
	file io.Closer
}

func (u unpacked) Close() error { return u.file.Close() }

func unpack(file io.ReadCloser, err error) (io.ReadCloser, error) {
	if err != nil {
		return nil, err
	}
	reader, err := gzip.NewReader(file)
	if err != nil {
		file.Close()
		return nil, err
	}
	return unpacked{reader, file}, nil
}
