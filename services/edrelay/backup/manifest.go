package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
)

const (
	format       = 1
	manifestFile = "manifest.json" // written last: a backup that has one is whole
	nameLayout   = "20060102T150405.000Z"
)

// Manifest describes one backup.
type Manifest struct {
	Format    int                    `json:"format"`
	Name      string                 `json:"name"`
	MadeAt    time.Time              `json:"made_at"`
	Version   string                 `json:"version"` // of the edrelay that made it
	Positions []bus.ConsumerPosition `json:"positions"`
	Ledger    store.LedgerSnapshot   `json:"ledger"`
	Streams   []bus.StreamSnapshot   `json:"streams"`
	Keys      []string               `json:"keys"` // files of the data dir, with their paths there
	Files     []File                 `json:"files"`
}

// File is one file of a backup.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Row is a backup as people and programs see it in lists.
type Row struct {
	Name     string    `json:"name"`
	MadeAt   time.Time `json:"made_at"`
	Version  string    `json:"version"`
	Bytes    int64     `json:"bytes"`
	Messages uint64    `json:"messages"`
	Rows     int64     `json:"rows"`
}

// Row sums a backup up.
func (m Manifest) Row() Row {
	row := Row{Name: m.Name, MadeAt: m.MadeAt, Version: m.Version}
	for _, file := range m.Files {
		row.Bytes += file.Bytes
	}
	for _, stream := range m.Streams {
		row.Messages += stream.Messages
	}
	for _, table := range m.Ledger.Tables {
		row.Rows += table.Rows
	}
	return row
}

// List gives the whole backups of a shelf, newest first.
func List(ctx context.Context, shelf Shelf) ([]Manifest, error) {
	files, err := shelf.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list backups: %w", err)
	}
	var list []Manifest
	for _, file := range files {
		name, found := strings.CutSuffix(file, "/"+manifestFile)
		if !found {
			continue
		}
		manifest, err := read(ctx, shelf, name)
		if err != nil {
			return nil, err
		}
		list = append(list, manifest)
	}
	slices.SortFunc(list, func(a, b Manifest) int { return strings.Compare(b.Name, a.Name) })
	return list, nil
}

// Find gives the backup of a name, or the newest for "". relay.ErrNotFound when there is none.
func Find(ctx context.Context, shelf Shelf, name string) (Manifest, error) {
	if name != "" {
		return read(ctx, shelf, name)
	}
	list, err := List(ctx, shelf)
	if err != nil {
		return Manifest{}, err
	}
	if len(list) == 0 {
		return Manifest{}, fmt.Errorf("find the newest backup: %w", relay.ErrNotFound)
	}
	return list[0], nil
}

func read(ctx context.Context, shelf Shelf, name string) (Manifest, error) {
	file, err := shelf.Open(ctx, name+"/"+manifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fmt.Errorf("backup %s: %w", name, relay.ErrNotFound)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("backup %s: %w", name, err)
	}
	defer file.Close()
	var manifest Manifest
	if err := json.NewDecoder(file).Decode(&manifest); err != nil {
		return Manifest{}, fmt.Errorf("manifest of backup %s: %w", name, err)
	}
	if manifest.Format != format {
		return Manifest{}, relay.Errorf(relay.CodeConflict, "backup %s has format %d; this edrelay reads %d", name, manifest.Format, format)
	}
	return manifest, nil
}
