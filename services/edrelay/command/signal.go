package command

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Signalled gives a context that is done at the first SIGINT or SIGTERM, which asks for an orderly end. The second one
// ends the process at once.
func Signalled() (ctx context.Context, stop func()) {
	ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // gives the signals back their own effect
	return ctx, stop
}
