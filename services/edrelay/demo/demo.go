// Package demo runs edrelay on this machine with a simulated Open edX, sample shops and a sample subscriber, sends real
// signed webhooks through it, and shows and checks each step as it happens.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// Options say how a demo runs.
type Options struct {
	Out     io.Writer
	Color   bool
	Version string
	Program string   // how it was called, for commands to copy
	Environ []string // may name a Postgres and a NATS elsewhere: EDRELAY_DATABASE_URL, EDRELAY_NATS_URL
	Once    bool     // end after the last step instead of waiting for ctx
	AnyPort bool     // take free ports at once instead of the usual ones first
}

// Run starts everything, goes through the script and, unless Once, waits until ctx is done. Any step that can't be
// verified ends it with an error. What it wrote to disk goes when it ends well.
func Run(ctx context.Context, options Options) error {
	s := &screen{out: options.Out, color: options.Color}
	dir, err := os.MkdirTemp("", "edrelay-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // as root, Postgres runs as another user
		return fmt.Errorf("open the folder of the demo: %w", err)
	}
	err = perform(ctx, s, dir, options)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
		s.line("Stopped before the last step.")
	}
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

func perform(ctx context.Context, s *screen, dir string, options Options) (err error) {
	s.line("edrelay demo: two shops, a partner, a simulated Open edX and a subscriber, all on this machine.")
	s.line("Nothing is faked on the way: real HTTP, real signatures, every 2xx after an fsync.")
	began := time.Now()
	st, err := build(ctx, dir, options)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	defer func() {
		if ended := st.end(); err == nil {
			err = ended
		}
	}()
	s.line("Ready after %s.", round(time.Since(began)))
	for i, step := range script() {
		s.title(i+1, step.title)
		if err := step.do(ctx, st, s); err != nil {
			return failure(s, st, step.title, err)
		}
	}
	s.closing(st, options.Program, options.Once)
	if options.Once {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-st.failed:
		return fmt.Errorf("edrelay ended: %w", err)
	}
}

func failure(s *screen, st *stage, title string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	s.bad("%v", err)
	return &relay.Error{
		Code: relay.CodeInternal, Message: fmt.Sprintf("the demo could not verify the step %q", title),
		Hint: "read " + st.logFile, Err: err,
	}
}
