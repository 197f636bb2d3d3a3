package backup

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
)

// Log is what a backup needs of the log.
type Log interface {
	Positions(ctx context.Context, stream string) ([]bus.ConsumerPosition, error)
	Snapshot(ctx context.Context, stream string, w io.Writer) (bus.StreamSnapshot, error)
	CheckEmpty(ctx context.Context, stream string) error
	RestoreStream(ctx context.Context, snapshot bus.StreamSnapshot, r io.Reader) error
	RestorePosition(ctx context.Context, position bus.ConsumerPosition) error
}

// Ledger is what a backup needs of the ledger.
type Ledger interface {
	Snapshot(ctx context.Context, create func(table string) (io.WriteCloser, error)) (store.LedgerSnapshot, error)
	CheckEmpty(ctx context.Context, snapshot store.LedgerSnapshot) error
	Restore(ctx context.Context, snapshot store.LedgerSnapshot, open func(table string) (io.ReadCloser, error)) error
}

// Options say what is kept and where.
type Options struct {
	Shelf   Shelf
	Log     Log
	Ledger  Ledger
	DataDir string // whose keys belong to the backup; "" for none
	Version string
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // default: none
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// streams of the log, in the order in which they are kept.
func streams() []string {
	return []string{relay.StreamWebhooks, relay.StreamRejected, relay.StreamEvents}
}

// keyFiles are the files of the data dir without which log and ledger can't be used: the key that seals secrets, the
// keys of NATS users, the admin token.
func keyFiles() []string { return []string{"encryption.key", "admin.token", "nats-auth"} }

// Take makes a backup while edrelay runs. A backup that fails half-way has no manifest and is never listed.
func Take(ctx context.Context, o Options) (Manifest, error) {
	o = o.withDefaults()
	now := o.Now().UTC()
	t := &taking{Options: o, manifest: Manifest{Format: format, Name: now.Format(nameLayout), MadeAt: now, Version: o.Version}}
	for _, step := range []func(context.Context) error{t.positions, t.ledger, t.streams, t.keys, t.finish} {
		if err := step(ctx); err != nil {
			return Manifest{}, fmt.Errorf("back up: %w", err)
		}
	}
	return t.manifest, nil
}

// taking is a backup in the making.
type taking struct {
	Options
	manifest Manifest
}

func (t *taking) positions(ctx context.Context) error {
	for _, stream := range streams() {
		list, err := t.Log.Positions(ctx, stream)
		if err != nil {
			return err
		}
		t.manifest.Positions = append(t.manifest.Positions, list...)
	}
	return nil
}

func (t *taking) ledger(ctx context.Context) (err error) {
	t.manifest.Ledger, err = t.Ledger.Snapshot(ctx, func(table string) (io.WriteCloser, error) {
		file, err := t.create(ctx, tableFile(table))
		if err != nil {
			return nil, err
		}
		packed, _ := gzip.NewWriterLevel(file, gzip.BestSpeed)
		return stacked{packed, []io.Closer{packed, file}}, nil
	})
	if err == nil {
		t.Logger.Info("ledger kept", "tables", len(t.manifest.Ledger.Tables))
	}
	return err
}

func (t *taking) streams(ctx context.Context) error {
	for _, stream := range streams() {
		file, err := t.create(ctx, streamFile(stream))
		if err != nil {
			return err
		}
		snapshot, err := t.Log.Snapshot(ctx, stream, file)
		if err != nil {
			file.abandon()
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
		t.manifest.Streams = append(t.manifest.Streams, snapshot)
		t.Logger.Info("stream kept", "stream", stream, "messages", snapshot.Messages, "last", snapshot.Last)
	}
	return nil
}

func (t *taking) keys(ctx context.Context) error {
	if t.DataDir == "" {
		return nil
	}
	for _, name := range keyFiles() {
		err := filepath.WalkDir(filepath.Join(t.DataDir, name), func(path string, entry os.DirEntry, err error) error {
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			relative, err := filepath.Rel(t.DataDir, path)
			if err != nil {
				return err
			}
			return t.key(ctx, path, filepath.ToSlash(relative))
		})
		if err != nil {
			return fmt.Errorf("keep keys: %w", err)
		}
	}
	return nil
}

func (t *taking) key(ctx context.Context, path, relative string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	t.manifest.Keys = append(t.manifest.Keys, relative)
	return t.write(ctx, keyFile(relative), content)
}

func (t *taking) finish(ctx context.Context) error {
	content, err := json.MarshalIndent(t.manifest, "", "  ")
	if err != nil {
		return err
	}
	return t.write(ctx, manifestFile, content)
}

func (t *taking) write(ctx context.Context, name string, content []byte) error {
	file, err := t.create(ctx, name)
	if err != nil {
		return err
	}
	if _, err := file.Write(content); err != nil {
		file.abandon()
		return err
	}
	return file.Close()
}

// Prune removes all but the newest backups, and what was left of those that failed before the oldest kept one.
func Prune(ctx context.Context, shelf Shelf, keep int) (removed int, err error) {
	list, err := List(ctx, shelf)
	if err != nil || len(list) <= keep {
		return 0, err
	}
	oldest := list[keep-1].Name
	files, err := shelf.List(ctx)
	if err != nil {
		return 0, err
	}
	slices.SortFunc(files, func(a, b string) int { // manifests first, so that no half backup is listed
		return strings.Compare(manifestRank(a)+a, manifestRank(b)+b)
	})
	for _, file := range files {
		name, _, found := strings.Cut(file, "/")
		if _, err := time.Parse(nameLayout, name); !found || err != nil || name >= oldest {
			continue
		}
		if err := shelf.Remove(ctx, file); err != nil {
			return removed, fmt.Errorf("remove an old backup: %w", err)
		}
	}
	return len(list) - keep, nil
}

func manifestRank(file string) string {
	if strings.HasSuffix(file, "/"+manifestFile) {
		return "0"
	}
	return "1"
}

func tableFile(table string) string   { return "ledger/" + table + ".copy.gz" }
func streamFile(stream string) string { return "log/" + stream + ".snapshot" }
func keyFile(relative string) string  { return "keys/" + relative }
