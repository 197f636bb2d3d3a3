package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/edrelay/edrelay/internal/bus"
)

const headerRoom = 64 << 10 // what the headers of a message may take beside its body

// natsServer tests the connection to the log, the server's version, JetStream, and the size of its messages.
func natsServer(ctx context.Context, p Patient) []Finding {
	settings := bus.Config{URL: p.Config.NATS.URL, CredentialsFile: p.Config.NATS.CredentialsFile, Name: "edrelay doctor"}
	embedded := settings.URL == ""
	if embedded {
		settings.URL = "nats://" + p.Config.NATS.Embedded.Addr
		settings.CredentialsFile = filepath.Join(p.Config.DataDir, "nats-auth", "edrelay.creds")
		if _, err := os.Stat(settings.CredentialsFile); errors.Is(err, os.ErrNotExist) {
			return []Finding{warning("nats", "embedded, and never started here", "start it with `edrelay up`")}
		}
	}
	connected, err := bus.Connect(ctx, settings)
	if err != nil && embedded {
		return []Finding{warning("nats", "embedded, and not running", "start it with `edrelay up`")}
	}
	if err != nil {
		return []Finding{broken("nats", err, "is the server of nats.url running, and is nats.credentials_file right?")}
	}
	defer connected.Close()
	server := connected.Server()
	found := []Finding{good("nats", fmt.Sprintf("version %s with JetStream", server.Version))}
	need := int64(p.Config.HTTP.BodyLimit) + headerRoom
	if server.MaxPayload < need {
		return append(found, bad("nats max_payload", fmt.Sprintf("%d bytes; a webhook at http.body_limit needs %d", server.MaxPayload, need),
			"set max_payload: 4MB in the server's configuration, or a smaller http.body_limit"))
	}
	return append(append(found, good("nats max_payload", fmt.Sprintf("%d bytes", server.MaxPayload))), logRoom(ctx, p, connected)...)
}
