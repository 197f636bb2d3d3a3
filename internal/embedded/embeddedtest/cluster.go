package embeddedtest

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// clusterPatience bounds each wait for a cluster on a busy machine.
const clusterPatience = 90 * time.Second

// Cluster is three NATS servers that are one cluster. A test may end and start each.
type Cluster struct {
	t       testing.TB
	options []*server.Options
	servers []*server.Server // nil: it does not run
}

// NATSCluster starts three servers for the test and returns when they have agreed on a leader.
func NATSCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{t: t, servers: make([]*server.Server, 3)}
	var routes []*url.URL
	for range c.servers {
		routes = append(routes, &url.URL{Scheme: "nats", Host: FreeAddr(t)})
	}
	for i, route := range routes {
		c.options = append(c.options, &server.Options{
			ServerName: fmt.Sprint("n", i+1), Host: "127.0.0.1", Port: portOf(t, FreeAddr(t)), NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), MaxPayload: 4 << 20,
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: portOf(t, route.Host)}, Routes: routes,
			LameDuckDuration: time.Second, LameDuckGracePeriod: 100 * time.Millisecond,
		})
		c.Start(i)
	}
	t.Cleanup(func() {
		for i := range c.servers {
			c.Stop(i)
		}
	})
	c.led()
	return c
}

// URL names all servers of the cluster, as nats.url does.
func (c *Cluster) URL() string {
	var all []string
	for _, o := range c.options {
		all = append(all, fmt.Sprintf("nats://127.0.0.1:%d", o.Port))
	}
	return strings.Join(all, ",")
}

// Name is how the others call this server.
func (c *Cluster) Name(i int) string { return c.options[i].ServerName }

// Start starts a server that does not run; what its disk held is there again.
func (c *Cluster) Start(i int) {
	c.t.Helper()
	one, err := server.NewServer(c.options[i].Clone())
	if err != nil {
		c.t.Fatalf("set up a NATS server: %v", err)
	}
	c.servers[i] = one
	one.Start()
	if !one.ReadyForConnections(clusterPatience) {
		c.t.Fatalf("NATS server %s is not ready", c.Name(i))
	}
}

// Stop ends a server at once. Stopping a stopped one does nothing.
func (c *Cluster) Stop(i int) { c.end(i, func(one *server.Server) { one.Shutdown() }) }

// Retire has a server hand over what it leads, let its clients go, and end.
func (c *Cluster) Retire(i int) { c.end(i, func(one *server.Server) { one.LameDuckShutdown() }) }

func (c *Cluster) end(i int, how func(*server.Server)) {
	if one := c.servers[i]; one != nil {
		how(one)
		one.WaitForShutdown()
		c.servers[i] = nil
	}
}

// led waits until JetStream answers.
func (c *Cluster) led() {
	c.t.Helper()
	conn, err := nats.Connect(c.URL())
	if err != nil {
		c.t.Fatalf("connect to the cluster: %v", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		c.t.Fatal(err)
	}
	for deadline := time.Now().Add(clusterPatience); ; <-time.After(50 * time.Millisecond) {
		if _, err = js.AccountInfo(c.t.Context()); err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the cluster has no leader: %v", err)
		}
	}
}

// FreeAddr gives an address of this machine on which nobody listens yet.
func FreeAddr(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func portOf(t testing.TB, addr string) int {
	t.Helper()
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return at.Port
}
