package drill

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
)

// What one machine carries when a service has several processes on it. docs/capacity.md has the figures.
const (
	scalingTime          = 3 * time.Second
	scalingCallers       = 64
	scalingSubscriptions = 8
	scalingEvents        = 4000
)

// BenchmarkScaling runs a nats-server that fsyncs before it answers, a Postgres and one, two and four processes of
// ingress and of notifier, all on this machine with the callers and the subscriber.
func BenchmarkScaling(b *testing.B) {
	for _, count := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("processes=%d", count), func(b *testing.B) {
			for b.Loop() {
				log := oneNode(b)
				p := newParts(b, "", log, embeddedtest.Postgres(b), 1)
				b.ReportMetric(ordersTaken(b, p, count), "orders/s")
				b.ReportMetric(eventsDelivered(b, p, log, count), "deliveries/s")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// oneNode starts a nats-server as a process and gives its URL.
func oneNode(b *testing.B) string {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	dir, addr := openDir(b), embeddedtest.FreeAddr(b)
	config := filepath.Join(dir, "nats.conf")
	text := fmt.Sprintf("listen: %q\nmax_payload: 4MB\njetstream { store_dir: %q, sync_interval: always }\n", addr, dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	node := exec.Command(self)
	node.Env = append(os.Environ(), asNATS+"="+config)
	if err := node.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = node.Process.Kill(); _ = node.Wait() })
	await(b, "nats-server does not listen", 20*time.Second, func() bool {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return "nats://" + addr
}

// ordersTaken tells how many orders a second so many doors take together.
func ordersTaken(b *testing.B, p *parts, doors int) float64 {
	b.Helper()
	var clients []*fasthttp.HostClient
	for range doors {
		door := embeddedtest.FreeAddr(b)
		p.start("ingress", door)
		clients = append(clients, &fasthttp.HostClient{Addr: door, MaxConns: scalingCallers})
	}
	var taken atomic.Int64
	var callers sync.WaitGroup
	began := time.Now()
	for caller := range scalingCallers {
		callers.Go(func() {
			client := clients[caller%doors]
			for n := 0; time.Since(began) < scalingTime; n++ {
				if err := deliver(client, order("http://"+client.Addr, int64(1+caller*1_000_000+n))); err != nil {
					b.Error(err)
					return
				}
				taken.Add(1)
			}
		})
	}
	callers.Wait()
	return float64(taken.Load()) / time.Since(began).Seconds()
}

// deliver sends a request with a client that leaves more of the machine to the doors than net/http does.
func deliver(client *fasthttp.HostClient, r *http.Request) error {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(r.URL.String())
	request.Header.SetMethod(r.Method)
	for name := range r.Header {
		request.Header.Set(name, r.Header.Get(name))
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	request.SetBodyRaw(body)
	if err := client.DoTimeout(request, response, 20*time.Second); err != nil {
		return err
	}
	if response.StatusCode() != http.StatusOK {
		return fmt.Errorf("the door answers %d", response.StatusCode())
	}
	return nil
}

// eventsDelivered tells how many deliveries a second so many notifiers make together, from a backlog.
func eventsDelivered(b *testing.B, p *parts, log string, notifiers int) float64 {
	b.Helper()
	var heard atomic.Int64
	sink := &fasthttp.Server{Handler: func(*fasthttp.RequestCtx) { heard.Add(1) }}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = sink.Serve(listener) }()
	b.Cleanup(func() { _ = listener.Close() })
	for i := range scalingSubscriptions {
		p.mustCommand("subscription", "add", fmt.Sprint("s", i), "--url", "http://"+listener.Addr().String()+"/hook", "--events", registration)
	}
	publish(b, log, scalingEvents)
	for range notifiers {
		p.begin("notifier", embeddedtest.FreeAddr(b))
	}
	await(b, "nothing is delivered", time.Minute, func() bool { return heard.Load() > 0 })
	began, first := time.Now(), heard.Load()
	await(b, "not all is delivered", 2*time.Minute, func() bool { return heard.Load() >= scalingEvents*scalingSubscriptions })
	return float64(scalingEvents*scalingSubscriptions-first) / time.Since(began).Seconds()
}

// publish puts so many events on the log.
func publish(b *testing.B, url string, count int) {
	b.Helper()
	log, err := bus.Connect(b.Context(), bus.Config{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	batch := make([]relay.Message, count)
	for i := range batch {
		id := eventID(0, i)
		batch[i] = relay.Message{Subject: "events." + registration, ID: id, DedupID: id, Type: registration, Source: "/openedx/lms/web",
			Time: time.Now(), ContentType: "application/json", Body: []byte(`{"user":{"id":7,"is_active":true,"pii":{"username":"u","email":"u@drill.example","name":"U"}}}`)}
	}
	if _, err := log.PublishBatch(b.Context(), batch); err != nil {
		b.Fatal(err)
	}
}
