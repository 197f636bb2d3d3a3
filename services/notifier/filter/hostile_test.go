package filter_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/notifier/filter"
)

// hostile gives URLs that lie, hang, reset or flood. Each is asked with a time-out of 300 ms.
func hostile(t *testing.T) map[string]string {
	t.Helper()
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	page := func(handler http.HandlerFunc) string { return serving(t, handler).URL }
	talk := func(answer string, after func(net.Conn)) string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					_, _ = conn.Read(make([]byte, 4096))
					_, _ = io.WriteString(conn, answer)
					after(conn)
				}()
			}
		}()
		return "http://" + listener.Addr().String()
	}
	return map[string]string{
		"hangs":            page(hang),
		"resets":           talk("", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }),
		"closes":           talk("", func(net.Conn) {}),
		"wrong length":     talk("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"data\":{}}", func(net.Conn) {}),
		"no HTTP":          talk("hello\r\n\r\n", func(net.Conn) {}),
		"nobody there":     "http://127.0.0.1:1",
		"forbidden by us":  "http://169.254.169.254/latest",
		"drips":            talk("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", func(c net.Conn) { drip(c, hold) }),
		"100 MB":           page(func(w http.ResponseWriter, _ *http.Request) { flood(w) }),
		"100 MB of header": talk("HTTP/1.1 200 OK\r\nX-A: ", func(c net.Conn) { flood(c) }),
	}
}

// hang holds a request until its sender goes.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func flood(w io.Writer) {
	chunk := bytes.Repeat([]byte(" "), 1<<20)
	for range 100 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func drip(c net.Conn, hold chan struct{}) {
	for {
		select {
		case <-hold:
			return
		case <-time.After(20 * time.Millisecond):
			if _, err := c.Write([]byte(" ")); err != nil {
				return
			}
		}
	}
}

func TestALearnerIsAnsweredInTimeAsThePolicySaysWhateverTheURLDoes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, address := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			h.clear()
			after := answering(t, 200, `{"data":{"mode":"after"}}`)
			h.declare(relay.Filter{Name: "bad", URL: address, Timeout: relay.Duration(300 * time.Millisecond)}, relay.Filter{Name: "good", URL: after.URL})
			start := time.Now()
			same(t, h.ask(enrollment), `{"data":{"mode":"after"}}`)
			if _, err := h.declarations.Edit(t.Context(), "bad", []byte(`{"halt_on_request_exception":true,"redirect_on_request_exception":"https://rx.example/"}`)); err != nil {
				t.Fatal(err)
			}
			halted := h.ask(enrollment)
			if !strings.Contains(halted, `"PreventEnrollment"`) || !strings.Contains(halted, `"redirect_to":"https://rx.example/"`) || strings.Contains(halted, "after\":") {
				t.Errorf("%s", halted)
			}
			if took := time.Since(start); took > 4*time.Second {
				t.Errorf("two questions took %v", took)
			}
		})
	}
}

func TestAllFiltersOfAQuestionShareOneDeadline(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *filter.Options) { o.Deadline = 400 * time.Millisecond })
	for _, parallel := range []bool{false, true} {
		h.clear()
		for _, name := range []string{"a", "b", "c", "d"} {
			u := serving(t, hang)
			h.declare(relay.Filter{Name: name, URL: u.URL, Parallel: parallel})
		}
		start := time.Now()
		same(t, h.ask(enrollment), `{}`)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("parallel %v: answered after %v", parallel, took)
		}
	}
}

func TestParallelFiltersAreAskedTogether(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var missing sync.WaitGroup
	missing.Add(3)
	meet := func(w http.ResponseWriter, _ *http.Request) { // answers only when all three were asked
		missing.Done()
		missing.Wait()
		_, _ = io.WriteString(w, `{"data":{"mode":"together"}}`)
	}
	h.declare(
		relay.Filter{Name: "a", URL: serving(t, meet).URL, Parallel: true},
		relay.Filter{Name: "b", URL: serving(t, meet).URL, Parallel: true},
		relay.Filter{Name: "c", URL: serving(t, meet).URL, Parallel: true},
	)
	same(t, h.ask(enrollment), `{"data":{"mode":"together"}}`)
}

func TestAHaltInAParallelGroupWaitsForNobodyBehindIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	slow := serving(t, hang)
	h.declare(
		relay.Filter{Name: "gate", URL: answering(t, 403, "").URL, HaltOn4xx: true, Parallel: true},
		relay.Filter{Name: "slow", URL: slow.URL, Parallel: true},
	)
	start := time.Now()
	if got := h.ask(enrollment); !strings.Contains(got, "PreventEnrollment") {
		t.Error(got)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("the halt took %v", took)
	}
}

func TestAURLThatDoesNotAnswerIsLeftAloneAndItsPolicyDecides(t *testing.T) {
	t.Parallel()
	cases := []struct {
		filter relay.Filter
		halts  bool
	}{
		{relay.Filter{}, false},
		{relay.Filter{WhenUnavailable: relay.PolicyHalt}, true},
		{relay.Filter{HaltOnRequestException: true}, true},
		{relay.Filter{HaltOnRequestException: true, WhenUnavailable: relay.PolicyLetThrough}, false},
	}
	h := newHouse(t)
	for _, c := range cases {
		h.clear() // forgets what it knew of the URL
		f := c.filter
		f.Name, f.URL = "gone", "http://127.0.0.1:1/"
		h.declare(f)
		for range 5 {
			h.ask(enrollment)
		}
		if got := h.ask(enrollment); strings.Contains(got, "PreventEnrollment") != c.halts || c.halts && !strings.Contains(got, "breaker open") {
			t.Errorf("%+v: %s", c.filter, got)
		}
	}
	h.stop()
	calls, err := h.ledger.FilterCalls(context.Background(), relay.FilterCallQuery{Page: relay.Page{Limit: 1}})
	if err != nil || len(calls) != 1 || calls[0].Error != "breaker open" || calls[0].Status != 0 {
		t.Errorf("%+v, error %v", calls, err)
	}
}

func TestAnAnswerTooLargeToPassOnIsLeftOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const question = `{"mode":"honor","status":null,"event_metadata":{"event_type":"CertificateCreationRequested","time":""}}`
	large := strings.Repeat("é", 120_000) // three times as many bytes as ASCII
	for _, key := range []string{"mode", "status"} {
		u := answering(t, 200, `{"data":{"`+key+`":"`+large+`"},"exception":{"PreventCertificateCreation":"no"}}`)
		h.declare(relay.Filter{Name: key, URL: u.URL, Filter: "CertificateCreationRequested"})
	}
	same(t, h.ask(question), `{"exception":{"PreventCertificateCreation":{"message":"no"}}}`)
}
