package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

// Bus is one connection to the log. It may be used by many goroutines; it reconnects by itself for ever.
type Bus struct {
	config        Config
	log           *slog.Logger
	conn          *nats.Conn
	js            jetstream.JetStream
	publishers    map[string]*publisher // by stream
	replies       *replies
	epoch         epoch
	noBatches     atomic.Bool // a stream has refused atomic batches as such
	streamHandles sync.Map    // jetstream.Stream by name
	shelves       sync.Map    // *shelf by stream
	close         sync.Once
	closed        chan struct{}
}

// Connect joins the server and checks that it can hold the log: version 2.14 or newer, JetStream enabled. It does
// not wait for a server that is away: that is a relay.CodeUnavailable error. Close ends the connection.
func Connect(ctx context.Context, config Config) (*Bus, error) {
	config = config.withDefaults()
	b := &Bus{config: config, log: config.Logger, closed: make(chan struct{})}
	b.epoch.next()
	conn, err := nats.Connect(config.URL, b.options()...)
	if err != nil {
		return nil, connectError(err)
	}
	b.conn = conn
	if b.js, err = jetstream.New(conn); err == nil {
		err = b.Check(ctx)
	}
	if err == nil {
		b.replies, err = newReplies(conn)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	b.publishers = map[string]*publisher{}
	for _, stream := range []string{relay.StreamWebhooks, relay.StreamRejected, relay.StreamEvents} {
		b.publishers[stream] = newPublisher(b, stream)
	}
	if config.InProcess == nil {
		go b.watch()
	}
	return b, nil
}

// options never buffer while the server is away: a publish fails at once, so that its caller hears of it.
func (b *Bus) options() []nats.Option {
	options := []nats.Option{
		nats.Name(b.config.Name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.PingInterval(5 * time.Second), // two without an answer: the connection is dead,
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			b.epoch.next()
			if err != nil { // nil: closed by us
				b.log.Warn("connection to the log lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			b.noBatches.Store(false)
			b.log.Info("connection to the log restored")
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.Warn("log client error", "error", err)
		}),
	}
	if b.config.InProcess != nil {
		options = append(options, nats.InProcessServer(b.config.InProcess))
	}
	if b.config.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(b.config.CredentialsFile))
	}
	if b.config.Credentials != nil {
		options = append(options, nats.UserCredentialBytes(b.config.Credentials))
	}
	if b.config.Token != "" {
		options = append(options, nats.Token(b.config.Token))
	}
	if b.config.User != "" {
		options = append(options, nats.UserInfo(b.config.User, b.config.Password))
	}
	if b.config.InboxPrefix != "" {
		options = append(options, nats.CustomInboxPrefix(b.config.InboxPrefix))
	}
	return options
}

func connectError(err error) error {
	failure := &relay.Error{Code: relay.CodeUnavailable, Message: "The NATS server can't be reached.",
		Hint: "Start it, or set nats.url to where it listens.", Err: err}
	if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) {
		failure.Message = "The NATS server refused the credentials."
		failure.Hint = "Check nats.credentials_file."
	}
	return failure
}

// Check tells whether the server is there and can hold the log; nil when all is well.
func (b *Bus) Check(ctx context.Context) error {
	if !b.conn.IsConnected() {
		return relay.Errorf(relay.CodeUnavailable, "The NATS server is away.")
	}
	version := b.conn.ConnectedServerVersion()
	if !atLeast(version, 2, 14) {
		return &relay.Error{Code: relay.CodeUnavailable,
			Message: fmt.Sprintf("The NATS server is version %s; edrelay needs 2.14 or newer.", version),
			Hint:    "Upgrade the NATS server."}
	}
	ctx, cancel := context.WithTimeout(ctx, b.config.PublishTimeout)
	defer cancel()
	if _, err := b.js.AccountInfo(ctx); err != nil {
		return &relay.Error{Code: relay.CodeUnavailable, Message: "JetStream is not there on the NATS server.",
			Hint: "Enable JetStream on the server and for edrelay's account; of a cluster more than half of the servers must run.", Err: err}
	}
	return nil
}

// Reach tells whether the server answers at all; nil when it does. It needs no leader of the cluster.
func (b *Bus) Reach(ctx context.Context) error {
	if err := b.conn.FlushWithContext(ctx); err != nil {
		return unavailable("The NATS server is away.", err)
	}
	return nil
}

// Server describes the server that holds the log.
type Server struct {
	Version    string
	URL        string // without credentials
	MaxPayload int64  // largest message in bytes, headers included
	Cluster    string // name of the cluster that it belongs to; "" for none
}

// Server gives what the connected server said of itself.
func (b *Bus) Server() Server {
	return Server{Version: b.conn.ConnectedServerVersion(), URL: b.conn.ConnectedUrlRedacted(), MaxPayload: b.conn.MaxPayload(),
		Cluster: b.conn.ConnectedClusterName()}
}

// Close lets what is under way finish for a moment and ends the connection.
func (b *Bus) Close() {
	b.close.Do(func() {
		close(b.closed)
		for _, p := range b.publishers {
			p.stop()
		}
		_ = b.conn.FlushTimeout(time.Second)
		b.conn.Close()
	})
}

func atLeast(version string, major, minor int) bool {
	var gotMajor, gotMinor int
	if _, err := fmt.Sscanf(version, "%d.%d", &gotMajor, &gotMinor); err != nil {
		return false
	}
	return gotMajor > major || gotMajor == major && gotMinor >= minor
}
