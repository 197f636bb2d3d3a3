//go:build soak && linux

package drill

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
)

// inNetworks names the environment variable that tells a test that it runs in a network of its own; it holds the URL of
// the ledger, whose socket is a file and so is reached from every network.
const inNetworks = "EDRELAY_DRILL_NETWORKS"

// ownNetwork runs the test once more in a network of its own, where this process may make hosts and links and cut them, and
// which goes with it. ours is false in the outer run, which has nothing left to do then.
func ownNetwork(t *testing.T) (ledger string, ours bool) {
	t.Helper()
	if ledger = os.Getenv(inNetworks); ledger != "" {
		shell(t, "ip", "link", "set", "lo", "up")
		return ledger, true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unshare := []string{"--mount", "--net"}
	if os.Geteuid() != 0 {
		unshare = append(unshare, "--user", "--map-root-user")
	}
	if out, err := exec.Command("unshare", append(unshare, "ip", "link", "set", "lo", "up")...).CombinedOutput(); err != nil {
		t.Fatalf("This test makes networks of its own and may not, or iproute2 is missing (apt-get install iproute2): run it as root, or allow user namespaces "+
			"(sysctl kernel.unprivileged_userns_clone=1). %v: %s", err, out)
	}
	args := append(unshare, "sh", "-c", `mount -t tmpfs none /run && mkdir /run/netns && exec "$0" "$@"`, self,
		"-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "0")
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), inNetworks+"="+embeddedtest.Postgres(t))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	if err := cmd.Run(); err != nil {
		t.Fatalf("in a network of its own: %v", err)
	}
	return "", false
}

func shell(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// hub is the address of the test itself in the network of its hosts.
const hub = "10.213.0.1"

// host is a machine of the network: a network namespace with one link to the others.
type host struct {
	t        testing.TB
	name, ip string
}

// hosts makes the network: a switch, and a machine for each name.
func hosts(t testing.TB, names ...string) map[string]*host {
	t.Helper()
	shell(t, "ip", "link", "add", "hub", "type", "bridge")
	shell(t, "ip", "addr", "add", hub+"/16", "dev", "hub")
	shell(t, "ip", "link", "set", "hub", "up")
	all := map[string]*host{}
	for i, name := range names {
		h := &host{t: t, name: name, ip: fmt.Sprintf("10.213.0.%d", 11+i)}
		shell(t, "ip", "netns", "add", name)
		shell(t, "ip", "link", "add", h.port(), "type", "veth", "peer", "name", "eth0", "netns", name)
		shell(t, "ip", "link", "set", h.port(), "master", "hub", "up")
		shell(t, "ip", "-n", name, "addr", "add", h.ip+"/16", "dev", "eth0")
		shell(t, "ip", "-n", name, "link", "set", "eth0", "up")
		shell(t, "ip", "-n", name, "link", "set", "lo", "up")
		all[name] = h
	}
	return all
}

func (h *host) port() string { return "to-" + h.name }

// wrap runs a program on the host.
func (h *host) wrap() []string { return []string{"nsenter", "--net=/run/netns/" + h.name} }

// unplug cuts the host off from everybody; nobody is told.
func (h *host) unplug() { shell(h.t, "ip", "link", "set", h.port(), "down") }

func (h *host) plug() { shell(h.t, "ip", "link", "set", h.port(), "up") }

// lose has what this host sends to the other one get lost on the way; what comes from there arrives.
func (h *host) lose(other *host) {
	shell(h.t, "ip", "-n", h.name, "neigh", "replace", other.ip, "lladdr", "02:00:00:00:00:01", "dev", "eth0", "nud", "permanent")
}

func (h *host) find(other *host) {
	shell(h.t, "ip", "-n", h.name, "neigh", "del", other.ip, "dev", "eth0")
}
