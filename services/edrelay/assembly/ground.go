package assembly

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded"
	"github.com/edrelay/edrelay/internal/natsauth"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/sealing"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/telemetry"
	"github.com/edrelay/edrelay/internal/traffic"
	"github.com/edrelay/edrelay/services/edrelay/alarm"
	"github.com/edrelay/edrelay/services/edrelay/config"
	"github.com/edrelay/edrelay/services/notifier"
)

// Ground is what the services of one process stand on.
type Ground struct {
	Config  *config.Config
	Log     *slog.Logger
	Metrics Metrics
	Version string
	Tracer  *telemetry.Tracer // nil when no traces are wanted

	NATS  *embedded.NATS // nil when the log is elsewhere
	Bus   *bus.Bus
	Store *store.Store // nil for a service that needs no ledger
	Keys  *sealing.Ring

	authority *natsauth.Authority // nil when another operator's NATS is used
	registry  *notifier.Registry  // nil until the console has one
	watch     *alarm.Watch        // nil where nothing is watched

	live *traffic.Live // what senders and subscribers wait for in this process

	embedded  bool   // everything runs in this process
	door      string // where the door listens, once it does
	filtering filtering

	ending atomic.Bool // the process is about to end: it is ready for nothing new
	cutOff atomic.Bool // something had not ended in time

	mu      sync.Mutex
	closers []func()
}

// Metrics takes metrics and gives them out; *prometheus.Registry is one.
type Metrics interface {
	prometheus.Registerer
	prometheus.Gatherer
}

// Needs says what a process wants of its ground.
type Needs struct {
	Embedded bool // start NATS and Postgres where no URL is given; otherwise a missing URL is an error
	Ledger   bool
	Share    bool // where an edrelay runs with its own NATS and Postgres, use those
	Late     bool // begin without the ledger when it is away
	Bare     bool // make and change neither streams nor schema

	Metrics Metrics // default: a new registry
}

// Open opens the log and the ledger. Close ends what it began, also after an error half-way.
func Open(ctx context.Context, c *config.Config, log *slog.Logger, version string, needs Needs) (*Ground, error) {
	g := &Ground{Config: c, Log: log, Version: version, Metrics: needs.Metrics, live: traffic.New(), embedded: needs.Embedded}
	if g.Metrics == nil {
		g.Metrics = prometheus.NewRegistry()
	}
	g.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := g.open(ctx, needs); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

func (g *Ground) open(ctx context.Context, needs Needs) error {
	if err := errors.Join(g.missing(needs), g.wholeRestore(needs), g.openTelemetry()); err != nil {
		return err
	}
	database := make(chan error, 1)
	go func() { database <- g.openLedger(ctx, needs) }()
	err := g.openLog(ctx, needs)
	if ledger := <-database; err == nil {
		err = ledger
	}
	return err
}

// missing refuses a service that has no log or ledger, instead of a silent default.
func (g *Ground) missing(needs Needs) error {
	lacks := func(key, example string) error {
		return &relay.Error{
			Code: relay.CodeInvalid, Message: key + " is not set, and this service has no " + key[:4] + " of its own.",
			Hint: fmt.Sprintf("Set %s (for example %s), or run everything in one process with `edrelay up`.", key, example),
		}
	}
	switch {
	case needs.Embedded:
		return nil
	case g.Config.NATS.URL == "":
		return lacks("nats.url", "nats://nats.example:4222")
	case needs.Ledger && g.Config.Database.URL == "":
		return lacks("database.url", "postgres://edrelay@db.example/edrelay")
	}
	return nil
}

func (g *Ground) openLog(ctx context.Context, needs Needs) error {
	settings := bus.Config{
		URL: g.Config.NATS.URL, CredentialsFile: g.Config.NATS.CredentialsFile, Name: "edrelay", Replicas: g.Config.NATS.Replicas,
		Logger: g.Log, Retention: bus.Retention{
			Webhooks: g.Config.NATS.Retention.Webhooks, Rejected: g.Config.NATS.Retention.Rejected,
			RejectedBytes: int64(g.Config.NATS.Retention.RejectedBytes), Events: g.Config.NATS.Retention.Events,
			WebhooksBytes: int64(g.Config.NATS.Retention.WebhooksBytes), EventsBytes: int64(g.Config.NATS.Retention.EventsBytes),
		},
	}
	if err := g.openAuthority(); err != nil {
		return err
	}
	dir := filepath.Join(g.Config.DataDir, "nats")
	if settings.URL == "" && needs.Share && embedded.InUse(dir) {
		settings.URL, settings.CredentialsFile = "nats://"+g.Config.NATS.Embedded.Addr, g.authority.CredentialsFile()
	}
	if settings.URL == "" {
		server, err := embedded.StartNATS(embedded.NATSConfig{
			Dir: dir, Addr: g.Config.NATS.Embedded.Addr, Log: g.Log, Authority: g.authority,
			SyncEvery: syncEvery(g.Config.NATS.Embedded.Sync),
		})
		if err != nil {
			return err
		}
		g.NATS, settings.InProcess, settings.CredentialsFile = server, server, g.authority.CredentialsFile()
		g.onClose(server.Shutdown)
	}
	if err := g.joinLog(ctx, settings, needs); err != nil || needs.Bare {
		return err
	}
	if g.NATS != nil {
		if err := g.NATS.StageInMemory(relay.StreamWebhooks, relay.StreamRejected, relay.StreamEvents); err != nil {
			g.Log.Info("batches are staged on disk, which is slower", "error", err)
		}
	}
	return nil
}

// logPatience is how long a service that starts waits for a NATS server that is away or a cluster without a leader yet.
const logPatience = 10 * time.Second

// now is the ledger's time, which all processes share; this machine's where there is no ledger.
func (g *Ground) now() time.Time {
	if g.Store == nil {
		return time.Now()
	}
	return g.Store.Now()
}

// joinLog connects to the log and makes its streams ready.
func (g *Ground) joinLog(ctx context.Context, settings bus.Config, needs Needs) error {
	for deadline := time.Now().Add(logPatience); ; {
		connected, err := bus.Connect(ctx, settings)
		if err == nil && !needs.Bare {
			if err = connected.EnsureStreams(ctx); err != nil {
				connected.Close()
			}
		}
		if err == nil {
			g.Bus = connected
			g.onClose(connected.Close)
			return nil
		}
		if needs.Embedded || relay.CodeOf(err) != relay.CodeUnavailable || time.Now().After(deadline) {
			return err
		}
		g.Log.Warn("the log is not ready; asked again", "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// syncEvery reads nats.embedded.sync, which the configuration's check has held to its shape; 0 is always.
func syncEvery(text string) time.Duration {
	every, _ := time.ParseDuration(text)
	return every
}

// openAuthority reads the keys of NATS, making them for an embedded server; an external one trusts them only where they
// are there already.
func (g *Ground) openAuthority() error {
	if _, err := os.Stat(NATSKeys(g.Config)); g.Config.NATS.URL != "" && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	authority, err := natsauth.Open(NATSKeys(g.Config))
	g.authority = authority
	return err
}

func (g *Ground) openLedger(ctx context.Context, needs Needs) error {
	if !needs.Ledger {
		return nil
	}
	address := g.Config.Database.URL
	own := address == ""
	dir := filepath.Join(g.Config.DataDir, "postgres")
	if own && needs.Share {
		address, _ = embedded.RunningPostgres(dir)
	}
	if address == "" {
		server, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{Dir: dir, Log: g.Log})
		if err != nil {
			return err
		}
		g.onClose(server.Shutdown)
		address = server.URL()
	}
	open := store.Open
	if needs.Late {
		open = store.OpenLater
	}
	opened, err := open(ctx, address)
	if err != nil {
		return err
	}
	g.Store = opened
	g.onClose(opened.Close)
	if (own || needs.Embedded) && !needs.Bare {
		return opened.Migrate(ctx)
	}
	if needs.Bare {
		return nil
	}
	return g.judgeSchema(ctx, needs)
}

// judgeSchema refuses a ledger whose schema is older than this edrelay needs; a newer one is worked on beside the newer
// edrelay. A service that begins without the ledger only says what it finds.
func (g *Ground) judgeSchema(ctx context.Context, needs Needs) error {
	ctx, cancel := context.WithTimeout(ctx, schemaPatience)
	defer cancel()
	err := g.Store.CheckMigrated(ctx)
	if err != nil {
		if needs.Late {
			g.Log.Warn("the ledger is not as this edrelay needs it", "error", err)
			return nil
		}
		return err
	}
	newer, err := g.Store.NewerMigrations(ctx)
	if len(newer) > 0 {
		g.Log.Warn("the ledger's schema is newer than this edrelay, which works on; upgrade it soon", "unknown_migrations", newer)
	}
	return err
}

// schemaPatience bounds the look at the schema when a service starts.
const schemaPatience = 15 * time.Second
