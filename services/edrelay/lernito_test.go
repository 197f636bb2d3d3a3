package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/services/lmssim"
)

// The budget of answers that wait for the LMS.
const (
	lernitoRate   = 50 // requests a second
	lernitoBudget = 250 * time.Millisecond
	lernitoCourse = "course-v1:Bench+Lernito+1"
)

// BenchmarkLernitoBudget prints how long Lernito waits for its 200 at 50 requests a second, while Open edX itself needs
// next to nothing and its throttle is off.
func BenchmarkLernitoBudget(b *testing.B) {
	u := newUp(b, site(b))
	u.start(b)
	defer u.stop(b)
	for b.Loop() {
		took := u.lernito(b, 10*lernitoRate)
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2].Seconds()*1000, "ms/p50")
		b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "ms/p99")
		b.ReportMetric(lernitoBudget.Seconds()*1000, "ms/p99-budget")
		b.ReportMetric(0, "ns/op")
	}
}

// site starts a simulated Open edX and gives the configuration that leads to it.
func site(t testing.TB) string {
	t.Helper()
	sim := lmssim.New(lmssim.Options{Settings: lmssim.Settings{ThrottleOff: true}})
	if _, err := sim.AddUser(lmssim.User{Username: "edrelay", Email: "edrelay@lms.example", Active: true, Staff: true}); err != nil {
		t.Fatal(err)
	}
	if err := sim.AddClient(lmssim.Client{ID: "id", Secret: "secret", Owner: "edrelay"}); err != nil {
		t.Fatal(err)
	}
	if err := sim.AddCourse(lmssim.Course{Key: lernitoCourse}); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sim.Serve(ctx, listener) }()
	t.Cleanup(func() { stop(); <-ended })
	return fmt.Sprintf("lms: { url: \"http://%s\", client_id: id, client_secret: secret, calls_per_minute: 100000 }\n"+
		"sources: [{ name: lernito, kind: lernito, secrets: [s] }]\n", listener.Addr())
}

// lernito posts n requests at the budget's rate, each for a learner of its own, and tells how long each took.
func (u *up) lernito(t testing.TB, n int) []time.Duration {
	t.Helper()
	took := make([]time.Duration, n)
	tick := time.NewTicker(time.Second / lernitoRate)
	defer tick.Stop()
	var posts sync.WaitGroup
	for i := range n {
		<-tick.C
		posts.Go(func() { took[i] = u.postLernito(t, fmt.Sprintf("l%d-%d@learner.example", i, time.Now().UnixNano())) })
	}
	posts.Wait()
	return took
}

func (u *up) postLernito(t testing.TB, learner string) time.Duration {
	body := fmt.Appendf(nil, `{"courseIds":[%q],"email":%q,"family":"B","name":"A","username":"c"}`, lernitoCourse, learner)
	mac := hmac.New(sha256.New, []byte("s"))
	mac.Write(body)
	request, err := http.NewRequest(http.MethodPost, "http://"+u.door+"/api/lernito/webhook/", bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Lernito-Signature", hex.EncodeToString(mac.Sum(nil)))
	began := time.Now()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		t.Errorf("%d: %s", answer.StatusCode, text)
	}
	return time.Since(began)
}
