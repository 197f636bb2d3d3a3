package egress

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// raw is a server that answers each connection with what talk writes.
func raw(t testing.TB, talk func(net.Conn)) string {
	t.Helper()
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
				buffer := make([]byte, 4096)
				_, _ = conn.Read(buffer)
				talk(conn)
			}()
		}
	}()
	return "http://" + listener.Addr().String() + "/"
}

func TestFailuresHaveTheirKinds(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + free.Addr().String()
	_ = free.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	untrusted.Config.ErrorLog = nil
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	cases := []struct {
		name, url string
		want      Kind
	}{
		{"nobody listens", nobody, KindConnect},
		{"unknown certificate", untrusted.URL, KindTLS},
		{"plain HTTP where TLS is expected", strings.Replace(raw(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 no\r\n\r\n") }), "http:", "https:", 1), KindTLS},
		{"hangs", raw(t, func(net.Conn) { <-hang }), KindTimeout},
		{"half a header, then nothing", raw(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200"); <-hang }), KindTimeout},
		{"reset", raw(t, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }), KindReset},
		{"closed at once", raw(t, func(net.Conn) {}), KindReset},
		{"no HTTP", raw(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH\r\n\r\n") }), KindProtocol},
		{"endless headers", raw(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(c, "X-A: "+strings.Repeat("a", 4096)+"\r\n"); err != nil {
					return
				}
			}
		}), KindProtocol},
	}
	client := loopback(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := client.Do(t.Context(), Request{URL: parse(t, c.url), Body: []byte("x"), Timeout: 500 * time.Millisecond})
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != c.want {
				t.Fatalf("error %v, want %s", err, c.want)
			}
			if strings.Contains(err.Error(), "http://") {
				t.Errorf("the error tells the URL: %v", err)
			}
		})
	}
}

func TestAnAnswerIsReadUpToItsLimit(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte("a"), 1<<20)
		for range 100 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	answer, err := loopback(t).Do(t.Context(), Request{URL: u})
	if err != nil || len(answer.Body) != DefaultReadLimit || !answer.Truncated || answer.BodyErr != nil {
		t.Fatalf("%d bytes, truncated %v, error %v %v", len(answer.Body), answer.Truncated, err, answer.BodyErr)
	}
	if len(answer.Excerpt()) != ExcerptSize {
		t.Fatalf("excerpt of %d bytes", len(answer.Excerpt()))
	}
}

func TestAStatusCountsEvenWhenItsBodyNeverEnds(t *testing.T) {
	t.Parallel()
	slow := raw(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\nfirst")
		_, _ = c.Read(make([]byte, 1)) // until the client goes
	})
	answer, err := loopback(t).Do(t.Context(), Request{URL: parse(t, slow), Body: []byte("x"), Timeout: 300 * time.Millisecond})
	if err != nil || answer.Status != 200 || string(answer.Body) != "first" || KindOf(answer.BodyErr) != KindTimeout {
		t.Fatalf("answer %+v, error %v", answer, err)
	}
	if answer.Took > 2*time.Second {
		t.Fatalf("it took %v", answer.Took)
	}
}

func TestAWrongLengthIsTold(t *testing.T) {
	t.Parallel()
	lying := raw(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}") })
	answer, err := loopback(t).Do(t.Context(), Request{URL: parse(t, lying), Body: []byte("x")})
	if err != nil || !answer.Truncated || KindOf(answer.BodyErr) != KindReset {
		t.Fatalf("answer %+v, error %v", answer, err)
	}
}

func TestTLSIsVerifiedAgainstTheGivenRoots(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secure") }))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := loopback(t, func(o *Options) { o.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12} })
	answer, err := client.Do(t.Context(), Request{URL: parse(t, server.URL)})
	if err != nil || string(answer.Body) != "secure" {
		t.Fatalf("answer %v, error %v", answer, err)
	}
}
