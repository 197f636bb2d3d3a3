// Command edrelay carries events between the world and Open edX over NATS JetStream.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/edrelay/edrelay/services/edrelay/command"
)

// version is set when a release is built.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	app := &command.App{Version: version, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ()}
	status := app.Run(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}
