package command

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// page is a terminal that a test reads while a command writes to it.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *page) Write(raw []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(raw)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// background runs a command until the test ends and publishes events until its page shows the text.
func (o *operated) background(shows string, args ...string) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 30*time.Second)
	defer cancel()
	out := &page{}
	ended := make(chan int, 1)
	go func() {
		app := &App{Version: "test", In: strings.NewReader(""), Out: out, Err: io.Discard, Environ: o.env}
		ended <- app.Run(ctx, args)
	}()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for !strings.Contains(out.String(), shows) {
		if got := o.run("event", "publish", "shop.sold.v1", "--data", `{"sale":{"id":7}}`, "--subject", "s"); got.status != 0 {
			o.t.Fatalf("publish: %s", got.err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			o.t.Fatalf("%v never shows %q: %s", args, shows, out.String())
		}
	}
	cancel()
	if status := <-ended; status != 0 {
		o.t.Errorf("%v ends with %d when interrupted", args, status)
	}
}

func TestEventsAreFollowedLive(t *testing.T) {
	t.Parallel()
	o := operate(t)
	o.background("shop.sold.v1", "event", "tail", "--type", "shop.*")
	o.background(`"sale`, "event", "tail", "--output", "json")
	if rows := o.rows("event", "ls", "--type", "shop.sold.v1", "--limit", "1"); len(rows) != 1 || rows[0]["subject"] != "s" {
		t.Errorf("%v", rows)
	}
}

func TestAListenerForwardsWhatASubscriberWouldGet(t *testing.T) {
	t.Parallel()
	o := operate(t)
	got := make(chan string, 100)
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.Header.Get("Webhook-Id") + " " + string(body)
	}))
	defer sink.Close()
	o.background("200 OK", "listen", "--forward", sink.URL+"/hook", "--format", "cloudevents")
	if body := <-got; !strings.Contains(body, `"type":"shop.sold.v1"`) || strings.HasPrefix(body, " ") {
		t.Errorf("forwarded %s", body)
	}
}

func TestAListenerFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	o := operate(t)
	var elsewhere atomic.Bool
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.CompareAndSwap(false, r.URL.Path != "/hook")
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer sink.Close()
	o.background("302 Found", "listen", "--forward", sink.URL+"/hook")
	if elsewhere.Load() {
		t.Error("a redirect was followed")
	}
}

func TestAnEventThatIsNoneIsNotPublished(t *testing.T) {
	t.Parallel()
	o := operate(t)
	for _, args := range [][]string{
		{"event", "publish", "a b"}, {"event", "publish", "a.*"}, {"event", "publish", "a.b", "--data", "[]"}, {"event", "publish", "a.b", "--data", "{"},
		{"event", "publish", "a.b", "--data", "@/nothing/there"}, {"event", "publish"},
	} {
		if got := o.run(args...); got.status == 0 || got.err == "" {
			t.Errorf("%v: %d %s", args, got.status, got.out)
		}
	}
	first := o.run("event", "publish", "a.b", "--id", "one", "--output", "json")
	if again := o.run("event", "publish", "a.b", "--id", "one", "--output", "json"); !strings.Contains(first.out, `"duplicate": false`) || !strings.Contains(again.out, `"duplicate": true`) {
		t.Errorf("%s%s", first.out, again.out)
	}
}
