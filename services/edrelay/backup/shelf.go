package backup

import (
	"context"
	"io"
)

// Shelf is where backups are kept. Names are paths with "/".
type Shelf interface {
	// Create makes or replaces a file, which is there, whole and durable, when Close has returned nil. When ctx has ended
	// before Close the file is not there.
	Create(ctx context.Context, name string) (io.WriteCloser, error)
	// Open reads a file; fs.ErrNotExist when there is none.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// List gives the names of all files, in any order.
	List(ctx context.Context) ([]string, error)
	// Remove removes a file. One that is gone already is no error.
	Remove(ctx context.Context, name string) error
}
