package egress

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func loopback(t testing.TB, change ...func(*Options)) *Client {
	t.Helper()
	options := Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 5 * time.Second}
	for _, f := range change {
		f(&options)
	}
	client, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdle)
	return client
}

func serve(t testing.TB, handler http.HandlerFunc) *url.URL {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	u, err := ParseURL(server.URL + "/hook?token=s3cret")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func parse(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := ParseURL(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

type resolver map[string][]string

func (r resolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, text := range r[host] {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	if addrs == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return addrs, nil
}

func TestLoopbackIsRefusedUntilItsNetworkIsAllowed(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	u := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	closed, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := closed.Do(t.Context(), Request{URL: u}); KindOf(err) != KindRefused {
		t.Fatalf("error %v, want refused", err)
	}
	if calls.Load() != 0 {
		t.Fatal("the server was called")
	}
	answer, err := loopback(t).Do(t.Context(), Request{URL: u})
	if err != nil || answer.Status != 200 {
		t.Fatalf("answer %v, error %v", answer, err)
	}
}

func TestOneForbiddenAddressForbidsTheName(t *testing.T) {
	t.Parallel()
	client, err := New(Options{Resolver: resolver{
		"mixed.example":  {"8.8.8.8", "10.0.0.1"},
		"mapped.example": {"::ffff:127.0.0.1"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[string]Kind{
		"http://mixed.example/":                        KindRefused,
		"https://mapped.example/":                      KindRefused,
		"http://gone.example/":                         KindDNS,
		"http://[::ffff:127.0.0.1]/":                   KindRefused,
		"http://[::1]:99/":                             KindRefused,
		"http://[64:ff9b::7f00:1]/":                    KindRefused,
		"http://169.254.169.254/latest/meta-data":      KindRefused,
		"https://user:pw@192.168.0.1/?token=s3cret":    KindRefused,
		"http://0x7f000001/":                           KindDNS,
		"http://2130706433/":                           KindDNS,
		"http://[fe80::1]/":                            KindRefused,
		"http://[::ffff:169.254.169.254]/computeMeta/": KindRefused,
	} {
		_, err := client.Do(t.Context(), Request{URL: parse(t, raw)})
		if KindOf(err) != want {
			t.Errorf("%s: error %v, want %s", raw, err, want)
		}
		if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: the error tells a secret: %v", raw, err)
		}
	}
}

func TestAllAddressesOfANameAreTried(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	client := loopback(t, func(o *Options) { o.Resolver = resolver{"two.example": {"127.0.0.9", "127.0.0.1"}} })
	answer, err := client.Do(t.Context(), Request{URL: parse(t, "http://two.example:"+u.Port()+"/")})
	if err != nil || string(answer.Body) != "here" {
		t.Fatalf("answer %v, error %v", answer, err)
	}
}

func TestTheAddressReallyUsedIsJudgedAgain(t *testing.T) {
	t.Parallel()
	guard := &dialer{}
	for _, address := range []string{"127.0.0.1:80", "[::1]:80", "169.254.169.254:80", "nonsense"} {
		if err := guard.control(t.Context(), "tcp", address, nil); KindOf(err) != KindRefused {
			t.Errorf("%s: %v, want refused", address, err)
		}
	}
	if err := guard.control(t.Context(), "tcp", "8.8.8.8:443", nil); err != nil {
		t.Error(err)
	}
}

func TestConfiguredHostsAreCalledWhereverTheyAre(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	client, err := New(Options{AllowHosts: []string{HostPort(u)}})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(t.Context(), Request{URL: u})
	if err != nil || string(answer.Body) != "here" {
		t.Fatalf("answer %v, error %v", answer, err)
	}
}

func TestTheEnvironmentsProxyIsIgnoredAndTheConfiguredOneUsed(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "direct") })
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.String())
		_, _ = io.WriteString(w, "by proxy")
	}))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("ALL_PROXY", proxy.URL)
	direct, err := loopback(t).Do(t.Context(), Request{URL: u})
	if err != nil || string(direct.Body) != "direct" {
		t.Fatalf("answer %v, error %v", direct, err)
	}
	through, err := New(Options{Proxy: parse(t, proxy.URL), Resolver: resolver{"shop.example": {"8.8.8.8"}}})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := through.Do(t.Context(), Request{URL: parse(t, "http://shop.example/x")})
	if err != nil || string(answer.Body) != "by proxy" || asked.Load() != "http://shop.example/x" {
		t.Fatalf("answer %v, error %v, proxy saw %v", answer, err, asked.Load())
	}
	if _, err := through.Do(t.Context(), Request{URL: parse(t, "http://169.254.169.254/")}); KindOf(err) != KindRefused {
		t.Fatalf("error %v: the proxy was used to reach a forbidden address", err)
	}
}

func TestRedirectsAreAnswersAndNotFollowed(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	answer, err := loopback(t).Do(t.Context(), Request{URL: u, Body: []byte("x")})
	if err != nil || answer.Status != 307 || calls.Load() != 1 {
		t.Fatalf("answer %v, error %v, calls %d", answer, err, calls.Load())
	}
}

func TestTheRequestArrivesAsGiven(t *testing.T) {
	t.Parallel()
	type seen struct {
		method, body, agent, team, user, password, encoding string
		length                                              int64
	}
	got := make(chan seen, 1)
	u := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		got <- seen{r.Method, string(body), r.UserAgent(), r.Header.Get("X-Team"), user, password, r.Header.Get("Accept-Encoding"), r.ContentLength}
	})
	u.User = url.UserPassword("ana", "p w")
	header := Canonical(map[string]string{"x-team": "crm"})
	if _, err := loopback(t).Do(t.Context(), Request{URL: u, Body: []byte("hello"), Header: header, Repeatable: true}); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != (seen{"POST", "hello", "edrelay", "crm", "ana", "p w", "", 5}) {
		t.Fatalf("arrived as %+v", s)
	}
	if len(header) != 1 {
		t.Fatal("the caller's header was changed")
	}
}

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var made atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client, u := loopback(t), parse(t, server.URL)
	for range 20 {
		if _, err := client.Do(t.Context(), Request{URL: u, Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if made.Load() != 1 {
		t.Fatalf("%d connections for 20 calls", made.Load())
	}
}

func TestAKeptConnectionThatDiedIsNoFailureOfARepeatableCall(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	u := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if calls.Add(1) == 2 {
			panic(http.ErrAbortHandler) // the kept connection ends without an answer
		}
	})
	client := loopback(t)
	for range 2 {
		if _, err := client.Do(t.Context(), Request{URL: u, Body: []byte("x"), Repeatable: true}); err != nil {
			t.Fatal(err)
		}
	}
	if calls.Load() != 3 {
		t.Fatalf("%d calls", calls.Load())
	}
}

func TestACanceledCallerIsNotTheOtherSidesFault(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	u := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(started)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	_, err := loopback(t).Do(ctx, Request{URL: u, Body: []byte("x")})
	if KindOf(err) != KindCanceled || !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
}

func TestHeadersAreLeftAsGivenUnlessTheCallOwnsThem(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-Team")+" "+r.Header.Get("User-Agent"))
	})
	client := loopback(t)
	for _, own := range []bool{false, true} {
		header := http.Header{"X-Team": {"crm"}}
		for range 2 { // the same request may be made again
			answer, err := client.Do(t.Context(), Request{URL: u, Header: header, Own: own, Repeatable: true})
			if err != nil || string(answer.Body) != "crm edrelay" {
				t.Fatalf("own %t: %v, %v", own, answer, err)
			}
		}
		if !own && len(header) != 1 {
			t.Errorf("the caller's header became %v", header)
		}
	}
	if answer, err := client.Do(t.Context(), Request{URL: u, Own: true}); err != nil || string(answer.Body) != " edrelay" {
		t.Errorf("no header: %v, %v", answer, err)
	}
}
