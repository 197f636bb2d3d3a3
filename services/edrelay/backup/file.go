package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/edrelay/edrelay/internal/relay"
)

// counted is a file of a backup that is being written; Close enters it in the manifest.
type counted struct {
	io.WriteCloser
	taking *taking
	cancel context.CancelFunc
	file   File
	hash   hash.Hash
}

func (t *taking) create(ctx context.Context, name string) (*counted, error) {
	ctx, cancel := context.WithCancel(ctx)
	file, err := t.Shelf.Create(ctx, t.manifest.Name+"/"+name)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	return &counted{WriteCloser: file, taking: t, cancel: cancel, file: File{Name: name}, hash: sha256.New()}, nil
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.WriteCloser.Write(p)
	c.hash.Write(p[:n])
	c.file.Bytes += int64(n)
	return n, err
}

func (c *counted) Close() error {
	defer c.cancel()
	if err := c.WriteCloser.Close(); err != nil {
		return fmt.Errorf("write %s: %w", c.file.Name, err)
	}
	c.file.SHA256 = hex.EncodeToString(c.hash.Sum(nil))
	c.taking.manifest.Files = append(c.taking.manifest.Files, c.file)
	return nil
}

// abandon drops the file.
func (c *counted) abandon() {
	c.cancel()
	_ = c.WriteCloser.Close()
}

// stacked writes to its writer and closes one after the other.
type stacked struct {
	io.Writer
	closers []io.Closer
}

func (s stacked) Close() error {
	var failed error
	for _, closer := range s.closers {
		failed = errors.Join(failed, closer.Close())
	}
	return failed
}

// Verify reads all files of a backup and holds them against the manifest. relay.CodeConflict when one is not what it was.
func Verify(ctx context.Context, shelf Shelf, manifest Manifest) error {
	for _, file := range manifest.Files {
		if err := verify(ctx, shelf, manifest.Name, file); err != nil {
			return fmt.Errorf("verify backup %s: %w", manifest.Name, err)
		}
	}
	return nil
}

func verify(ctx context.Context, shelf Shelf, backup string, file File) error {
	in, err := shelf.Open(ctx, backup+"/"+file.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", file.Name, err)
	}
	defer in.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, in)
	if err != nil {
		return fmt.Errorf("read %s: %w", file.Name, err)
	}
	if n != file.Bytes || hex.EncodeToString(sum.Sum(nil)) != file.SHA256 {
		return &relay.Error{Code: relay.CodeConflict, Message: file.Name + " is not what was kept: its checksum differs",
			Hint: "Use another backup."}
	}
	return nil
}
