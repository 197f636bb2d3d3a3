//go:build soak

package drill

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
)

// retire has a nats-server move what it leads to others, let its clients go, and end.
func (n *node) retire() {
	n.t.Helper()
	_ = n.cmd.Process.Signal(syscall.SIGUSR2)
	ended := make(chan struct{})
	go func() { _ = n.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(3 * time.Minute):
		n.t.Fatal("the nats-server does not end")
	}
}

// underReplicated names the streams and consumers that lack a copy that is up to date on one of so many servers.
func underReplicated(t testing.TB, url string, copies int) (lacking []string) {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		return []string{err.Error()}
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	whole := func(name string, cluster *jetstream.ClusterInfo) {
		current := 0
		if cluster != nil && cluster.Leader != "" {
			current++
			for _, replica := range cluster.Replicas {
				if replica.Current && !replica.Offline {
					current++
				}
			}
		}
		if current != copies {
			lacking = append(lacking, fmt.Sprintf("%s has %d copies", name, current))
		}
	}
	streams := js.ListStreams(ctx)
	for info := range streams.Info() {
		whole(info.Config.Name, info.Cluster)
		stream, err := js.Stream(ctx, info.Config.Name)
		if err != nil {
			return append(lacking, err.Error())
		}
		consumers := stream.ListConsumers(ctx)
		for one := range consumers.Info() {
			whole(info.Config.Name+" "+one.Name, one.Cluster)
		}
		if consumers.Err() != nil {
			lacking = append(lacking, consumers.Err().Error())
		}
	}
	if streams.Err() != nil {
		lacking = append(lacking, streams.Err().Error())
	}
	return lacking
}

func replicated(t testing.TB, url string, copies int) {
	t.Helper()
	var lacking []string
	defer func() {
		if t.Failed() {
			t.Log(strings.Join(lacking, "; "))
		}
	}()
	await(t, "not everything has its copies", 3*time.Minute, func() bool {
		lacking = underReplicated(t, url, copies)
		return len(lacking) == 0
	})
}

// asked counts requests to the console, ten a second, and those that failed.
type asked struct{ all, failed atomic.Int64 }

func askConsole(addr string, stop <-chan struct{}) *asked {
	a := &asked{}
	client := &http.Client{Timeout: 10 * time.Second}
	go func() {
		for range pace(10, stop) {
			request, _ := http.NewRequest(http.MethodGet, "http://"+addr+"/api/v1/webhooks?limit=5", nil)
			request.Header.Set("Authorization", "Bearer "+adminToken)
			a.all.Add(1)
			if outcome(client.Do(request)) != 200 {
				a.failed.Add(1)
			}
		}
	}()
	return a
}

// roll restarts one of two of a service: it is told to end, the balancer takes it out when it says that it is not ready, and
// a new one takes its place.
func roll(p *parts, front *balancer, one *process, name, addr, other string) *process {
	one.tell()
	if front != nil {
		front.use(other)
	}
	one.over(60 * time.Second)
	next := p.start(name, addr)
	if front != nil {
		front.use(addr, other)
	}
	return next
}

// Everything but Postgres is restarted, one after the other, under 500 requests a second: three nats-servers, two doors,
// enrollers, notifiers, bridges and consoles. No request fails and nothing is doubled.
func TestSoakRollingRestartOfEverything(t *testing.T) {
	pace := soakPace(t, 250)
	sim, lmsURL := lms(t)
	nodes, natsURL := cluster(t)
	redis := newTopic(t)
	ledger := newLedger(t)
	p := footing{lms: lmsURL, nats: natsURL, ledger: ledger.URL(), replicas: 3, more: []string{redis.config()}}.parts(t)
	ears := newAudience(t, "127.0.0.1:0")
	ears.subscribe(p.site, map[string]string{"plain": "", "ordered": ", ordered: true"})
	running, addr := map[string][2]*process{}, map[string][2]string{}
	for _, name := range []string{"ingress", "enroller", "notifier", "bridge"} {
		addr[name] = [2]string{embeddedtest.FreeAddr(t), embeddedtest.FreeAddr(t)}
		running[name] = [2]*process{p.start(name, addr[name][0]), p.start(name, addr[name][1])}
	}
	consoles := [2]string{embeddedtest.FreeAddr(t), embeddedtest.FreeAddr(t)}
	startConsole := func(addr string) *process {
		console := start(t, p.dir, []string{"EDRELAY_ADMIN_ADDR=" + addr}, []string{"console"})
		console.admin = addr
		p.await(console)
		return console
	}
	desk := [2]*process{startConsole(consoles[0]), startConsole(consoles[1])}
	replicated(t, natsURL, 3)
	front, reception := newBalancer(t, addr["ingress"][0], addr["ingress"][1]), newBalancer(t, consoles[0], consoles[1])
	door := front.listener.Addr().String()
	stop := make(chan struct{})
	begun := time.Now()
	console := askConsole(reception.listener.Addr().String(), stop)
	orders, events := startPacedLoad(t, door, 48, pace), startTalk(t, door, 48, pace)
	redis.talk(20)
	said := func(what string) {
		t.Logf("%5.1f s: %s; %d orders, %d events, %d failed", time.Since(begun).Seconds(), what, len(orders.sent()), len(events.sent()),
			orders.failed.Load()+events.failed.Load()+console.failed.Load())
	}
	for i := range 2 {
		for _, name := range []string{"ingress", "enroller", "notifier", "bridge"} {
			both, at := running[name], addr[name]
			var balanced *balancer
			if name == "ingress" {
				balanced = front
			}
			both[i] = roll(p, balanced, both[i], name, at[i], at[1-i])
			running[name] = both
			said(fmt.Sprint(name, i+1, " restarted"))
		}
		desk[i].tell()
		reception.use(consoles[1-i])
		desk[i].over(60 * time.Second)
		desk[i] = startConsole(consoles[i])
		reception.use(consoles[:]...)
		said(fmt.Sprint("console", i+1, " restarted"))
	}
	for i, n := range nodes {
		n.retire()
		n.start()
		replicated(t, natsURL, 3)
		said(fmt.Sprint("nats-server ", i+1, " restarted"))
	}
	orders.end()
	events.end()
	redis.end()
	close(stop)
	took := time.Since(begun)
	spans := orders.spans
	requests := len(orders.sent()) + len(events.sent())
	t.Logf("%d requests in %s (%.0f a second): p50 %s, p99 %s, longest %s; %d to the console", requests, took.Round(time.Second), float64(requests)/took.Seconds(),
		quantile(spans, 0.5), quantile(spans, 0.99), quantile(spans, 1), console.all.Load())
	if failed := orders.failed.Load() + events.failed.Load(); failed > 0 || console.failed.Load() > 0 {
		t.Errorf("%d requests to the door and %d to the console failed", failed, console.failed.Load())
	}
	if float64(requests) < 0.95*2*float64(pace)*took.Seconds() {
		t.Errorf("%.0f requests a second, %d are wanted", float64(requests)/took.Seconds(), 2*pace)
	}
	settled(p.site, orders.sent(), 10*time.Minute)
	accounted(p.site, orders.sent())
	spoken := append(events.sent(), redis.sent()...)
	for _, name := range []string{"plain", "ordered"} {
		if repeated := heardAll(p.site, ears, name, spoken, 5*time.Minute); repeated > 0 {
			t.Errorf("%s heard of %d of %d events more than once", name, repeated, len(spoken))
		}
	}
	inOrder(p.site, ears, "ordered")
	for _, args := range [][]string{{"audit"}, {"audit", "--lms"}} {
		if out, err := p.command(args...); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	if stats := sim.Stats(); stats.MailsPerSeat > 1 || stats.BusiestMinute > 120 {
		t.Errorf("a learner was mailed %d times; %d calls to the LMS in a minute", stats.MailsPerSeat, stats.BusiestMinute)
	}
}
