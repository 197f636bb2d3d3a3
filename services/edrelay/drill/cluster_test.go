//go:build soak

package drill

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
)

// node is one nats-server process of a cluster.
type node struct {
	t       testing.TB
	name    string
	config  string
	store   string   // folder
	client  string   // host:port
	profile string   // host:port
	route   string   // host:port
	wrap    []string // a program that runs it; none: it runs by itself
	cmd     *exec.Cmd
	said    *logs
}

// cluster starts three nats-servers and gives the URL of all.
func cluster(t testing.TB) (nodes []*node, url string) {
	t.Helper()
	for range 3 {
		nodes = append(nodes, &node{t: t, client: embeddedtest.FreeAddr(t), profile: embeddedtest.FreeAddr(t), route: embeddedtest.FreeAddr(t)})
	}
	return nodes, clusterOf(t, nodes)
}

// clusterOf starts these nodes as one cluster.
func clusterOf(t testing.TB, nodes []*node) (url string) {
	t.Helper()
	dir := openDir(t)
	var routes, urls []string
	for _, n := range nodes {
		routes = append(routes, n.route)
	}
	for i, n := range nodes {
		n.name = fmt.Sprint("n", i)
		n.config, n.store = filepath.Join(dir, n.name+".conf"), filepath.Join(dir, n.name)
		_, profile, _ := net.SplitHostPort(n.profile)
		text := fmt.Sprintf(`server_name: %s
listen: %q
prof_port: %s
max_payload: 4MB
jetstream { store_dir: %q, max_file_store: 1GB }
lame_duck_duration: "30s"
lame_duck_grace_period: "2s"
cluster { name: drill, listen: %q, routes: [ %s ] }
`, n.name, n.client, profile, n.store, routes[i], `"nats://`+strings.Join(routes, `", "nats://`)+`"`)
		if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		n.start()
		urls = append(urls, "nats://"+n.client)
	}
	url = strings.Join(urls, ",")
	conn, err := nats.Connect(url, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the cluster has no leader", 60*time.Second, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := js.AccountInfo(ctx)
		return err == nil
	})
	return url
}

func (n *node) start() {
	n.t.Helper()
	self, err := os.Executable()
	if err != nil {
		n.t.Fatal(err)
	}
	n.said = &logs{}
	line := append(slices.Clone(n.wrap), self)
	n.cmd = exec.Command(line[0], line[1:]...)
	n.cmd.Env = append(os.Environ(), asNATS+"="+n.config)
	n.cmd.Stdout, n.cmd.Stderr = n.said, n.said
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(n.kill)
}

// kill is kill -9.
func (n *node) kill() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

// freeze cuts the node off: its connections stay and nothing passes.
func (n *node) freeze() { _ = n.cmd.Process.Signal(syscall.SIGSTOP) }

func (n *node) thaw() { _ = n.cmd.Process.Signal(syscall.SIGCONT) }

// duration reads how long a soak is to last.
func duration(t testing.TB, fallback time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("EDRELAY_SOAK")
	if text == "" {
		return fallback
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return length
}
