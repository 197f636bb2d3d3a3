// Package folder keeps backups in a folder of a file system.
package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Shelf is a folder; it is made when something is first written.
type Shelf struct{ root string }

// New gives the shelf of a folder.
func New(root string) Shelf { return Shelf{root: root} }

const unfinished = ".unfinished"

func (s Shelf) path(name string) (string, error) {
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) {
		return "", fmt.Errorf("%q is outside of the folder", name)
	}
	return filepath.Join(s.root, local), nil
}

// Create makes a file that takes its name when it has been written out to disk.
func (s Shelf) Create(ctx context.Context, name string) (io.WriteCloser, error) {
	path, err := s.path(name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path+unfinished, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &writing{File: file, path: path, ended: ctx.Err}, nil
}

type writing struct {
	*os.File
	path  string
	ended func() error
}

func (w *writing) Close() error {
	err := errors.Join(w.ended(), w.Sync(), w.File.Close())
	if err != nil {
		return errors.Join(err, os.Remove(w.Name()))
	}
	if err := os.Rename(w.Name(), w.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(w.path))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// Open reads a file.
func (s Shelf) Open(_ context.Context, name string) (io.ReadCloser, error) {
	path, err := s.path(name)
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// List gives the names of all files; a folder that is not there has none.
func (s Shelf) List(ctx context.Context) ([]string, error) {
	var names []string
	err := filepath.WalkDir(s.root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() || strings.HasSuffix(path, unfinished) {
			return err
		}
		relative, err := filepath.Rel(s.root, path)
		names = append(names, filepath.ToSlash(relative))
		return errors.Join(err, ctx.Err())
	})
	return names, err
}

// Remove removes a file, and its folders when they are empty.
func (s Shelf) Remove(_ context.Context, name string) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for dir := filepath.Dir(path); dir != filepath.Clean(s.root) && os.Remove(dir) == nil; {
		dir = filepath.Dir(dir)
	}
	return nil
}
