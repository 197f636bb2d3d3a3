package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/edrelay/edrelay/services/edrelay/assembly"
	"github.com/edrelay/edrelay/services/edrelay/client"
	"github.com/edrelay/edrelay/services/edrelay/config"
	"github.com/edrelay/edrelay/services/lmssim"
)

// stage is everything that runs: edrelay as `up` runs it, and the world around it.
type stage struct {
	configFile, logFile string
	doorURL, adminURL   string
	lmsURL, token       string
	natsURL             string

	lms    *lmssim.Server
	admin  *client.Client
	first  int64 // number of the first order
	failed chan error
	enders []func() error
}

// end stops everything, newest first, and gives the first error.
func (st *stage) end() error {
	var errs []error
	for i := len(st.enders) - 1; i >= 0; i-- {
		errs = append(errs, st.enders[i]())
	}
	return errors.Join(errs...)
}

func build(ctx context.Context, dir string, options Options) (*stage, error) {
	st := &stage{
		configFile: filepath.Join(dir, "edrelay.yaml"), logFile: filepath.Join(dir, "edrelay.log"),
		token: "demo_" + rand.Text(), first: time.Now().Unix(), failed: make(chan error, 1),
	}
	err := st.startLMS(options)
	if err == nil {
		err = st.startEdrelay(ctx, dir, options)
	}
	if err != nil {
		return nil, errors.Join(err, st.end())
	}
	return st, nil
}

func (st *stage) startLMS(options Options) error {
	listener, err := options.listen("127.0.0.1:18000")
	if err != nil {
		return err
	}
	st.lmsURL = "http://" + listener.Addr().String()
	st.lms = lmssim.New(lmssim.Options{})
	if err := st.lms.Load(world()); err != nil {
		return fmt.Errorf("arrange the simulated Open edX: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- st.lms.Serve(ctx, listener) }()
	st.enders = append(st.enders, func() error { stop(); return <-ended })
	return nil
}

// startEdrelay runs what `edrelay up` runs, on a configuration file of its own.
func (st *stage) startEdrelay(ctx context.Context, dir string, options Options) error {
	loaded, err := st.configure(dir, options)
	if err != nil {
		return err
	}
	logFile, err := os.OpenFile(st.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	st.enders = append(st.enders, logFile.Close)
	log := slog.New(slog.NewTextHandler(logFile, nil))
	ground, err := assembly.Open(ctx, loaded, log, options.Version, assembly.Needs{Embedded: true, Ledger: true})
	if err != nil {
		return err
	}
	st.enders = append(st.enders, func() error { ground.Close(); return nil })
	services, err := ground.All(ctx, st.token)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := ground.Run(running, services...); err != nil {
			st.failed <- err
		}
	}()
	st.enders = append(st.enders, func() error { stop(); <-ended; return nil })
	st.admin, err = client.New(client.Options{Server: st.adminURL, Token: st.token})
	return err
}

// configure writes the configuration that a person would, and reads it as `up` does.
func (st *stage) configure(dir string, options Options) (*config.Config, error) {
	addrs := make([]string, 3)
	for i, wanted := range []string{"127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:4222"} {
		listener, err := options.listen(wanted)
		if err != nil {
			return nil, err
		}
		addrs[i] = listener.Addr().String()
		defer listener.Close()
	}
	st.doorURL, st.adminURL = "http://"+addrs[0], "http://"+addrs[1]
	st.natsURL = "nats://" + addrs[2]
	text := fmt.Sprintf(configText, filepath.Join(dir, "data"), addrs[0], addrs[1], st.token, addrs[2],
		st.lmsURL, clientID, clientSecret, shopDomain, shopifySecret, wooSource, wooSecret,
		lernitoSecret, pluginUser, pluginSecret)
	if err := os.WriteFile(st.configFile, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	loaded, _, err := config.Load(config.Options{File: st.configFile, Environment: elsewhere(options.Environ), Kinds: assembly.Kinds()})
	if err != nil {
		return nil, err
	}
	if loaded.NATS.URL != "" {
		st.natsURL = loaded.NATS.URL
	}
	return loaded, os.MkdirAll(loaded.DataDir, 0o711)
}

// elsewhere keeps of the environment what names servers that are used instead of the embedded ones.
func elsewhere(environ []string) []string {
	var kept []string
	for _, pair := range environ {
		switch name, _, _ := strings.Cut(pair, "="); name {
		case "EDRELAY_DATABASE_URL", "EDRELAY_NATS_URL", "EDRELAY_NATS_CREDENTIALS_FILE":
			kept = append(kept, pair)
		}
	}
	return kept
}

// listen listens on the wanted address or, when it is taken, on a free port.
func (o Options) listen(wanted string) (net.Listener, error) {
	if !o.AnyPort {
		if listener, err := net.Listen("tcp", wanted); err == nil {
			return listener, nil
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	return listener, nil
}
