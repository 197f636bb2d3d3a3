// Package embeddedtest gives tests real servers: a NATS server of their own, a database of their own.
package embeddedtest

import (
	"net/url"
	"sync"
	"testing"

	"github.com/edrelay/edrelay/internal/embedded"
)

// NATS starts a server for the test, lets anybody in, and gives its URL. It ends with the test.
func NATS(t testing.TB) string {
	t.Helper()
	return NATSServer(t).URL()
}

// Server is a NATS server that a test may stop and start again at the same address with the same streams.
type Server struct {
	t    testing.TB
	dir  string
	addr string

	mu   sync.Mutex
	nats *embedded.NATS
}

// NATSServer starts a server for the test.
func NATSServer(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), addr: "127.0.0.1:0"}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Start starts a stopped server.
func (s *Server) Start() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nats != nil {
		return
	}
	server, err := embedded.StartNATS(embedded.NATSConfig{Dir: s.dir, Addr: s.addr})
	if err != nil {
		s.t.Fatalf("start NATS: %v", err)
	}
	at, err := url.Parse(server.URL())
	if err != nil {
		s.t.Fatalf("parse the URL of NATS: %v", err)
	}
	s.nats, s.addr = server, at.Host
}

// Stop ends the server; its streams stay. Stopping a stopped server does nothing.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nats != nil {
		s.nats.Shutdown()
		s.nats = nil
	}
}

// URL is what clients connect to; it stays the same over Stop and Start.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "nats://" + s.addr
}
