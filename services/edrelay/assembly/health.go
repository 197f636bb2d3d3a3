package assembly

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/edrelay/edrelay/internal/relay"
)

// health answers /healthz, /readyz and /metrics for a service that runs without the console.
type health struct {
	server   *http.Server
	listener net.Listener
}

// Health makes the listener at admin.addr for a service that runs alone. Where another service of this machine has the
// address, there is none, and the log says so. late says that the service is ready without the ledger, which is reported
// all the same.
func (g *Ground) Health(late bool) Runner {
	listener, err := net.Listen("tcp", g.Config.Admin.Addr)
	if err != nil {
		g.Log.Warn("no health and no metrics of this service: admin.addr is taken", "addr", g.Config.Admin.Addr)
		return idle{}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { g.ready(w, r, late) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(g.Metrics, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	return &health{server: server, listener: listener}
}

// Run serves until ctx is done.
func (h *health) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = h.server.Close() })
	defer stop()
	if err := h.server.Serve(h.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (g *Ground) ready(w http.ResponseWriter, r *http.Request, late bool) {
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	status, checks := http.StatusOK, map[string]string{}
	for _, check := range g.checks() {
		checks[check.Name] = "ok"
		if err := check.Test(ctx); err != nil {
			checks[check.Name] = relay.PublicMessage(err)
			if !late && !check.Advice || check.Name == checkLog || check.Name == checkServing {
				status = http.StatusServiceUnavailable
			}
		}
	}
	answer(w, status, map[string]any{"ready": status == http.StatusOK, "checks": checks})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// idle runs and does nothing.
type idle struct{}

func (idle) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
