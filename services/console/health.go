package console

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Readiness is the answer of /readyz.
type Readiness struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"` // name: "ok" or what is wrong
}

func (s *Service) health() {
	s.app.Get("/healthz", func(c fiber.Ctx) error { return c.JSON(map[string]string{"status": "ok"}) })
	s.app.Get("/readyz", s.ready)
	if s.opts.Metrics != nil {
		s.app.Get("/metrics", adaptor.HTTPHandler(promhttp.HandlerFor(s.opts.Metrics, promhttp.HandlerOpts{})))
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		s.app.All(path, func(c fiber.Ctx) error { return otherMethod(c, fiber.MethodGet) })
	}
}

func (s *Service) ready(c fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.Context(), 3*time.Second)
	defer cancel()
	result := s.readiness(ctx)
	status := http.StatusOK
	if !result.Ready {
		status = http.StatusServiceUnavailable
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(status).JSON(result)
}

// readiness runs all checks at once, so that one that hangs does not hide the others.
func (s *Service) readiness(ctx context.Context) Readiness {
	result := Readiness{Ready: true, Checks: make(map[string]string, len(s.opts.Checks))}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, check := range s.opts.Checks {
		wg.Go(func() {
			err := check.Test(ctx)
			mu.Lock()
			defer mu.Unlock()
			result.Checks[check.Name] = "ok"
			if err != nil {
				result.Ready = result.Ready && check.Advice
				result.Checks[check.Name] = relay.PublicMessage(err)
			}
		})
	}
	wg.Wait()
	return result
}
