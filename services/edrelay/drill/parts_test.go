package drill

import (
	"fmt"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
)

// parts is a site whose services are processes of their own, on servers that the test holds.
type parts struct {
	*site
	services map[string]*process // the newest of each
}

// footing is what the parts of a site stand on.
type footing struct {
	lms, nats, ledger string // URLs
	replicas          int
	retention         string   // YAML of nats.retention; "" for the defaults
	more              []string // lines of YAML
}

const drillKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// newParts starts the console, which has the site's admin address, and further services; "ingress" has the site's door.
func newParts(t testing.TB, lmsURL, natsURL, databaseURL string, replicas int, services ...string) *parts {
	t.Helper()
	return footing{lms: lmsURL, nats: natsURL, ledger: databaseURL, replicas: replicas}.parts(t, services...)
}

func (f footing) parts(t testing.TB, services ...string) *parts {
	t.Helper()
	s := f.site(t)
	s.mustCommand("migrate", "up")
	p := &parts{site: s, services: map[string]*process{}}
	console := start(t, s.dir, nil, []string{"console"})
	console.admin = s.admin
	p.services["console"] = console
	s.ready(console)
	for _, name := range services {
		p.start(name, s.door)
	}
	return p
}

func (f footing) site(t testing.TB) *site {
	t.Helper()
	retention := ""
	if f.retention != "" {
		retention = ", retention: " + f.retention
	}
	return newSite(t, f.lms, append([]string{fmt.Sprintf("nats: { url: %q, replicas: %d%s }", f.nats, f.replicas, retention),
		fmt.Sprintf("database: { url: %q }", f.ledger), "encryption_key: " + drillKey}, f.more...)...)
}

// start starts one more service and waits until it is ready.
func (p *parts) start(name, door string) *process {
	p.t.Helper()
	service := p.begin(name, door)
	p.await(service)
	return service
}

// begin starts one more service without waiting.
func (p *parts) begin(name, door string, wrap ...string) *process {
	p.t.Helper()
	admin := embeddedtest.FreeAddr(p.t)
	service := start(p.t, p.dir, []string{"EDRELAY_ADMIN_ADDR=" + admin, "EDRELAY_HTTP_ADDR=" + door}, []string{name}, wrap...)
	service.admin = admin
	p.services[name] = service
	return service
}

func (p *parts) await(service *process) {
	p.t.Helper()
	await(p.t, fmt.Sprint(service.args, " is not ready"), 90*time.Second, func() bool {
		select {
		case <-service.ended:
			p.t.Fatalf("%v ended: %v", service.args, service.err)
		default:
		}
		return answers("http://"+service.admin+"/readyz", 200)
	})
}
