package drill

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
)

// tell sends SIGTERM.
func (p *process) tell() { _ = p.cmd.Process.Signal(syscall.SIGTERM) }

// over waits until the process has ended, and fails the test unless that was in order.
func (p *process) over(most time.Duration) {
	p.t.Helper()
	select {
	case <-p.ended:
		if p.err != nil {
			p.t.Errorf("%v ended with %v", p.args, p.err)
		}
	case <-time.After(most):
		p.t.Errorf("%v does not end within %s", p.args, most)
	}
}

// notReady waits until the process, which was told to end and has something under way, says that it is ready no more.
func (p *process) notReady() {
	p.t.Helper()
	client := http.Client{Timeout: 2 * time.Second}
	await(p.t, fmt.Sprint(p.args, " is still ready"), 20*time.Second, func() bool {
		response, err := client.Get("http://" + p.admin + "/readyz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode == 503 && strings.Contains(string(body), "edrelay is ending")
	})
}

// gate is a proxy before the LMS that holds enrolment calls until it is opened.
type gate struct {
	url    string
	open   chan struct{}
	inside atomic.Int64
}

func newGate(t testing.TB, lmsURL string) *gate {
	t.Helper()
	target, err := url.Parse(lmsURL)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{open: make(chan struct{})}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "bulk_enroll") {
			g.inside.Add(1)
			select {
			case <-g.open:
			case <-r.Context().Done():
				return
			}
		}
		proxy.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	g.url = "http://" + listener.Addr().String()
	return g
}

// Each service, told to end while something is under way, says so on /readyz, finishes it, and ends with status 0.
func TestEveryServiceFinishesWhatIsUnderWayWhenItIsToldToEnd(t *testing.T) {
	t.Parallel()
	sim, lmsURL := lms(t)
	held := newGate(t, lmsURL)
	redis := newTopic(t)
	p := footing{lms: held.url, nats: embeddedtest.NATS(t), ledger: embeddedtest.Postgres(t), replicas: 1, more: []string{redis.config()}}.parts(t,
		"ingress", "enroller", "notifier", "bridge")
	ears := newAudience(t, "127.0.0.1:0")
	answer := make(chan struct{})
	ears.answer = func(string, string) int { <-answer; return 200 }
	ears.subscribe(p.site, map[string]string{"ears": ""})

	t.Run("ingress", func(t *testing.T) {
		ingress := p.services["ingress"]
		reply := halfSent(t, order("http://"+p.door, 1))
		ingress.tell()
		ingress.notReady()
		if status := reply(); status != 200 {
			t.Errorf("the order under way: %d", status)
		}
		ingress.over(15 * time.Second)
		p.start("ingress", p.door)
	})
	t.Run("enroller", func(t *testing.T) {
		enroller := p.services["enroller"]
		await(t, "the LMS is not called", 30*time.Second, func() bool { return held.inside.Load() == 1 })
		enroller.tell()
		enroller.notReady()
		close(held.open)
		enroller.over(15 * time.Second)
		if state := accounted(p.site, []int64{1}); state[relay.EnrollmentWaiting] != 0 || held.inside.Load() != 1 || sim.Stats().MailsPerSeat > 1 {
			t.Errorf("after the call under way: %v, %d calls", state, held.inside.Load())
		}
	})
	t.Run("bridge", func(t *testing.T) {
		bridge := p.services["bridge"]
		redis.talk(500)
		await(t, "too few events on the bus", 30*time.Second, func() bool { return len(redis.sent()) > 200 })
		bridge.tell()
		bridge.over(15 * time.Second)
		redis.end()
		pending, err := redis.client.XPending(t.Context(), topicName, "edrelay").Result()
		if err != nil || pending.Count != 0 {
			t.Errorf("the bridge ended and left %+v unacknowledged: %v", pending, err)
		}
	})
	t.Run("notifier", func(t *testing.T) {
		notifier := p.services["notifier"]
		if status := outcome(http.DefaultClient.Do(registered("http://"+p.door, eventID(1, 1)))); status != 200 {
			t.Fatalf("an event: %d", status)
		}
		await(t, "nothing is delivered", 30*time.Second, func() bool { return len(ears.snapshot("ears").first) > 0 })
		notifier.tell()
		notifier.notReady()
		under := ears.snapshot("ears").first
		close(answer)
		notifier.over(15 * time.Second)
		delivered := map[string]bool{}
		for _, row := range rows[relay.Delivery](p.site, "/deliveries") {
			delivered[row.EventID] = row.State == relay.DeliveryDelivered
		}
		for _, id := range under {
			if !delivered[id] {
				t.Errorf("the delivery of %s was under way and is not on record", id)
			}
		}
		p.start("notifier", p.door)
		all := append(redis.sent(), eventID(1, 1))
		_ = p.start("bridge", p.door)
		if repeated := heardAll(p.site, ears, "ears", all, 60*time.Second); repeated > 0 {
			t.Errorf("%d events were delivered twice", repeated)
		}
	})
	t.Run("console", func(t *testing.T) {
		console := p.services["console"]
		request, _ := http.NewRequest(http.MethodPost, "http://"+p.admin+"/api/v1/subscriptions", strings.NewReader("not JSON"))
		request.Header.Set("Authorization", "Bearer "+adminToken)
		request.Header.Set("Content-Type", "application/json")
		reply := halfSent(t, request)
		console.tell()
		console.notReady()
		if status := reply(); status/100 != 4 {
			t.Errorf("the request under way: %d", status)
		}
		console.over(15 * time.Second)
	})
}

// halfSent sends a request but for the last byte of its body; finish sends that and gives the answer's status.
func halfSent(t testing.TB, request *http.Request) (finish func() int) {
	t.Helper()
	conn, err := net.Dial("tcp", request.URL.Host)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := request.Write(&text); err != nil {
		t.Fatal(err)
	}
	all := text.String()
	if _, err := io.WriteString(conn, all[:len(all)-1]); err != nil {
		t.Fatal(err)
	}
	return func() int {
		defer conn.Close()
		_, _ = io.WriteString(conn, all[len(all)-1:])
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		response, err := http.ReadResponse(bufio.NewReader(conn), request)
		return outcome(response, err)
	}
}

// A subscriber that never answers does not hold a process beyond shutdown.timeout.
func TestTheDeadlineEndsWhatWouldHoldAProcess(t *testing.T) {
	t.Parallel()
	p := footing{nats: embeddedtest.NATS(t), ledger: embeddedtest.Postgres(t), replicas: 1,
		more: []string{"shutdown: { lame_duck: 100ms, timeout: 3s }"}}.parts(t, "ingress", "notifier")
	ears := newAudience(t, "127.0.0.1:0")
	never, release := context.WithCancel(t.Context())
	t.Cleanup(release)
	ears.answer = func(string, string) int { <-never.Done(); return 200 }
	ears.subscribe(p.site, map[string]string{"ears": ", timeout: 60s"})
	if status := outcome(http.DefaultClient.Do(registered("http://"+p.door, eventID(1, 1)))); status != 200 {
		t.Fatalf("an event: %d", status)
	}
	await(t, "nothing is delivered", 30*time.Second, func() bool { return len(ears.snapshot("ears").first) > 0 })
	notifier := p.services["notifier"]
	notifier.tell()
	notifier.over(15 * time.Second)
}

func TestTheSecondSignalEndsAProcessAtOnce(t *testing.T) {
	t.Parallel()
	p := footing{nats: embeddedtest.NATS(t), ledger: embeddedtest.Postgres(t), replicas: 1,
		more: []string{"shutdown: { timeout: 10m }"}}.parts(t, "ingress")
	reply := halfSent(t, order("http://"+p.door, 1))
	ingress := p.services["ingress"]
	ingress.tell()
	ingress.notReady()
	ingress.tell()
	select {
	case <-ingress.ended:
	case <-time.After(10 * time.Second):
		t.Error("the second signal does not end the process")
	}
	if status := reply(); status != 0 {
		t.Errorf("an order that was never wholly sent: %d", status)
	}
}
