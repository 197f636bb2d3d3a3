package egress

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// The guarded client beside the bare transport, against the same sink.
func BenchmarkCall(b *testing.B) {
	body := bytes.Repeat([]byte("a"), 1024)
	sink := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "ok")
	}
	b.Run("guarded", func(b *testing.B) {
		u, client := serve(b, sink), loopback(b)
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if _, err := client.Do(b.Context(), Request{URL: u, Body: body, Repeatable: true}); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("net-http", func(b *testing.B) {
		u := serve(b, sink)
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				response, err := client.Post(u.String(), "application/json", bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					continue
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
		})
	})
}
