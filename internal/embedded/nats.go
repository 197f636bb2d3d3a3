package embedded

import (
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/edrelay/edrelay/internal/natsauth"
	"github.com/edrelay/edrelay/internal/relay"
)

// MaxPayload is the largest message of an embedded NATS server in bytes: a webhook of the largest body_limit in use,
// with its headers, fits.
const MaxPayload = 4 << 20

const natsStartTimeout = 20 * time.Second

// NATSConfig says where an embedded NATS server keeps its streams and where clients find it.
type NATSConfig struct {
	Dir  string       // of this server alone; made when missing
	Addr string       // host:port; port 0 takes a free one
	Log  *slog.Logger // nil discards the server's own lines

	// SyncEvery is how often writes are fsynced; 0 is before each acknowledgement. With an interval an acknowledged
	// write survives a kill and not a power loss.
	SyncEvery time.Duration

	// Authority says who may connect; nil lets everybody in, which is for tests.
	Authority *natsauth.Authority
}

// NATS is a NATS server with JetStream in this process.
type NATS struct {
	server  *server.Server
	lock    *dirLock
	staging string // directory in memory for atomic batches; "" for none
}

// StartNATS starts the server and returns when clients can connect. A directory that is in use, an address that is
// taken and a broken store are relay.Errors that say so.
func StartNATS(cfg NATSConfig) (*NATS, error) {
	opts, err := natsOptions(cfg)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(cfg.Dir, 0o700)
	if err != nil {
		return nil, err
	}
	srv, err := admitAndRun(opts, cfg)
	if err != nil {
		lock.Release()
		return nil, err
	}
	return &NATS{server: srv, lock: lock}, nil
}

// URL is what clients connect to.
func (n *NATS) URL() string { return n.server.ClientURL() }

// InProcessConn gives a connection that doesn't pass through the network; it makes a NATS usable as
// nats.InProcessServer.
func (n *NATS) InProcessConn() (net.Conn, error) { return n.server.InProcessConn() }

// Shutdown closes all connections, writes out the streams and returns when nothing of the server runs any more.
func (n *NATS) Shutdown() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
	n.unstage()
	n.lock.Release()
}

func natsOptions(cfg NATSConfig) (*server.Options, error) {
	host, portText, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, relay.Errorf(relay.CodeInvalid, "nats.embedded.addr %q is not host:port", cfg.Addr)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, relay.Errorf(relay.CodeInvalid, "nats.embedded.addr %q has no port number", cfg.Addr)
	}
	opts := &server.Options{
		ServerName: "edrelay",
		Host:       host,
		Port:       int(port),
		JetStream:  true,
		StoreDir:   cfg.Dir,
		SyncAlways: cfg.SyncEvery == 0,
		MaxPayload: MaxPayload,
		NoSigs:     true,
	}
	if cfg.SyncEvery > 0 {
		opts.SyncInterval = cfg.SyncEvery
	}
	if port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return opts, nil
}

func addrFree(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return &relay.Error{
			Code:    relay.CodeConflict,
			Message: fmt.Sprintf("the embedded NATS server cannot listen on %s: %v", addr, err),
			Hint:    "stop what listens there, or set nats.embedded.addr",
		}
	}
	return listener.Close()
}

func admitAndRun(opts *server.Options, cfg NATSConfig) (*server.Server, error) {
	if opts.Port != server.RANDOM_PORT {
		if err := addrFree(cfg.Addr); err != nil {
			return nil, err
		}
	}
	if cfg.Authority != nil {
		if err := admit(opts, cfg.Authority); err != nil {
			return nil, err
		}
	}
	return runNATS(opts, cfg.Log)
}

// admit has the server trust the authority as its operator and know all of its accounts; anonymous clients are refused.
func admit(opts *server.Options, authority *natsauth.Authority) error {
	operator, err := authority.Operator()
	if err != nil {
		return err
	}
	accounts, err := authority.Accounts()
	if err != nil {
		return err
	}
	resolver, err := server.NewDirAccResolver(filepath.Join(opts.StoreDir, "accounts"), 0, 0, server.NoDelete)
	if err != nil {
		return fmt.Errorf("open the accounts of the embedded NATS server: %w", err)
	}
	for key, token := range accounts {
		if err := resolver.Store(key, token); err != nil {
			return fmt.Errorf("store an account of the embedded NATS server: %w", err)
		}
	}
	opts.TrustedOperators = []*jwt.OperatorClaims{operator}
	opts.SystemAccount = authority.SystemAccount()
	opts.AccountResolver = resolver
	return nil
}

func runNATS(opts *server.Options, log *slog.Logger) (*server.Server, error) {
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("set up the embedded NATS server: %w", err)
	}
	lines := newNATSLog(log)
	srv.SetLogger(lines, false, false)
	started := make(chan bool, 1)
	go srv.Start()
	go func() { started <- srv.ReadyForConnections(natsStartTimeout) }()
	select {
	case text := <-lines.fatal:
		srv.Shutdown()
		return nil, relay.Errorf(relay.CodeUnavailable, "the embedded NATS server does not start: %s", text)
	case ok := <-started:
		if !ok {
			srv.Shutdown()
			return nil, relay.Errorf(relay.CodeUnavailable, "the embedded NATS server was not ready after %s", natsStartTimeout)
		}
		return srv, nil
	}
}
