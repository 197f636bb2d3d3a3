// Command edrelay carries events between the world and Open edX over NATS JetStream.
package main

import (
	"os"
	"runtime/debug"

	"github.com/redis/go-redis/v9/logging"

	"github.com/edrelay/edrelay/services/edrelay/command"
)

// version is set when a release is built.
var version = "dev"

// collectAt is how far the memory in use may grow before it is collected, in percent: twice what Go does by itself. It takes
// less of the processor under load and no more memory at rest; with more, new memory costs what is saved. GOGC wins.
const collectAt = 200

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	logging.Disable() // the Redis client writes to stderr by itself; the bridge says what matters
	ctx, stop := command.Signalled()
	app := &command.App{Version: version, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ()}
	status := app.Run(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}
