package drill

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
)

// An outage of outageTime shows how much each process says and takes while it lasts; an hour is so much of it, for no
// wait between two tries is longer.
const (
	outageTime   = 20 * time.Second
	mostLines    = 60       // of one process in that time
	mostGrowth   = 48 << 20 // of its memory, in bytes
	recoveryTime = 20 * time.Second
)

// resident is a process' memory, in bytes.
func resident(t *testing.T, p *process) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0 // only Linux tells
	}
	var size, pages int
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// endure measures the processes during an outage.
func (p *parts) endure(outage func()) {
	p.t.Helper()
	t := p.t.(*testing.T)
	lines, memory := map[string]int{}, map[string]int{}
	for name, service := range p.services {
		lines[name], memory[name] = strings.Count(service.out.String(), "\n"), resident(t, service)
	}
	outage()
	for name, service := range p.services {
		said := strings.Count(service.out.String(), "\n") - lines[name]
		grown := resident(t, service) - memory[name]
		t.Logf("%s: %d lines in %s, %.1f MiB more", name, said, outageTime, float64(grown)/(1<<20))
		if said > mostLines || grown > mostGrowth {
			t.Errorf("%s said %d lines and grew by %d bytes", name, said, grown)
		}
	}
}

// last keeps a sender at work for a while and counts what it hears.
func (p *parts) last(first int64) (accepted []int64, heard map[int]int) {
	heard = map[int]int{}
	for id, end := first, time.Now().Add(outageTime); time.Now().Before(end); id++ {
		status := send(http.DefaultClient, "http://"+p.door, id)
		if heard[status]++; status == 200 {
			accepted = append(accepted, id)
		}
		<-time.After(100 * time.Millisecond)
	}
	return accepted, heard
}

func TestALongOutageOfPostgresIsQuietAndOverInSeconds(t *testing.T) {
	t.Parallel()
	_, lmsURL := lms(t)
	server := newLedger(t)
	p := newParts(t, lmsURL, embeddedtest.NATS(t), server.URL(), 1, "ingress", "enroller", "notifier")
	accepted := offer(t, p.site, 1, 5)
	p.endure(func() {
		server.Shutdown()
		during, heard := p.last(5)
		if len(heard) != 1 || heard[200] == 0 {
			t.Errorf("senders heard %v", heard)
		}
		accepted = append(accepted, during...)
	})
	server.start()
	back := time.Now()
	settled(p.site, accepted, time.Minute)
	if took := time.Since(back); took > recoveryTime {
		t.Errorf("%d orders were worked %s after Postgres came back", len(accepted), took)
	}
	accounted(p.site, accepted)
}

func TestALongOutageOfNATSIsQuietAndOverInSeconds(t *testing.T) {
	t.Parallel()
	_, lmsURL := lms(t)
	nats := embeddedtest.NATSServer(t)
	p := newParts(t, lmsURL, nats.URL(), embeddedtest.Postgres(t), 1, "ingress", "enroller", "notifier")
	accepted := offer(t, p.site, 1, 5)
	p.endure(func() {
		nats.Stop()
		during, heard := p.last(5)
		if len(during) > 0 || heard[503] == 0 || heard[0] > 0 {
			t.Errorf("senders heard %v", heard)
		}
	})
	nats.Start()
	back := time.Now()
	await(t, "orders are not taken again", time.Minute, func() bool { return send(http.DefaultClient, "http://"+p.door, 9000) == 200 })
	accepted = append(accepted, 9000)
	settled(p.site, accepted, time.Minute)
	if took := time.Since(back); took > recoveryTime {
		t.Errorf("an order was worked %s after NATS came back", took)
	}
	accounted(p.site, accepted)
}
