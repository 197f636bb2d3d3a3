package lmssim_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/edrelay/edrelay/services/lmssim"
)

func TestTLSFailsAsAsked(t *testing.T) {
	t.Parallel()
	for kind, want := range map[lmssim.TLSKind]string{
		lmssim.TLSGood: "", lmssim.TLSExpired: "expired", lmssim.TLSWrongHost: "127.0.0.1", lmssim.TLSHandshake: "tls:",
	} {
		_, client, url := serveTLS(t, kind)
		resp, err := client.Get(url + "/login")
		if err == nil {
			_ = resp.Body.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestFaultResetsTLSConnections(t *testing.T) {
	t.Parallel()
	sim, client, url := serveTLS(t, lmssim.TLSGood)
	if _, err := sim.SetFault(lmssim.Fault{Kind: lmssim.FaultReset}); err != nil {
		t.Fatal(err)
	}
	resp, err := client.Post(url+"/login", "text/plain", strings.NewReader("x"))
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v", err)
	}
}

func serveTLS(t *testing.T, kind lmssim.TLSKind) (*lmssim.Server, *http.Client, string) {
	t.Helper()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln, pool, err := lmssim.ListenTLS(plain, kind)
	if err != nil {
		t.Fatal(err)
	}
	sim := lmssim.New(lmssim.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- sim.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	t.Cleanup(client.CloseIdleConnections)
	return sim, client, "https://" + ln.Addr().String()
}
