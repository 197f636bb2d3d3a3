package ingress_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress"
	"github.com/edrelay/edrelay/services/ingress/source"
	"github.com/edrelay/edrelay/services/ingress/source/lernito"
	"github.com/edrelay/edrelay/services/ingress/source/sourcetest"
)

// replies lets the door hear outcomes on a real bus.
type replies struct{ *bus.Bus }

func (r replies) Hear(subject string) (func(context.Context) (relay.Message, error), func(), error) {
	listener, err := r.Listen(subject)
	if err != nil {
		return nil, nil, err
	}
	return listener.Next, listener.Stop, nil
}

// enroll plays the enroller: it answers each webhook with the verdict that stands in for its first course.
func enroll(t *testing.T, log *bus.Bus, source source.Source) {
	consumer, err := log.Consumer(t.Context(), bus.ConsumerConfig{Stream: relay.StreamWebhooks, Durable: "enroller"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(consumer.Stop)
	go func() {
		for {
			messages, err := consumer.Fetch(t.Context(), 100)
			if err != nil {
				return
			}
			for _, m := range messages {
				order, err := source.Read(m.Header[relay.HeaderTopic], m.Header, m.Body)
				if err != nil || order.Direct.Courses[0] == "silence" {
					continue
				}
				first := order.Direct.Courses[0]
				body, _ := json.Marshal(relay.DirectOutcome{Verdict: relay.Verdict(first), Course: first, Courses: len(order.Direct.Courses)})
				_ = log.Send(t.Context(), m.Header[relay.HeaderReplyTo], relay.Message{Body: body})
				_ = m.Reply.Ack(t.Context())
			}
		}
	}()
}

func lernitoSample(courses string) source.Sample {
	body := fmt.Sprintf(`{"email":"a@example.com","name":"n","family":"f","username":"u","courseIds":%s}`, courses)
	mac := hmac.New(sha256.New, []byte("s"))
	mac.Write([]byte(body))
	return source.Sample{Path: "/lernito/webhook/", Body: []byte(body), Header: map[string]string{
		"Content-Type": "application/json", "X-Lernito-Signature": hex.EncodeToString(mac.Sum(nil))}}
}

func TestTheSenderThatWaitsHearsTheOutcome(t *testing.T) {
	t.Parallel()
	log := connect(t, embeddedtest.NATS(t))
	sender, err := sourcetest.Make(lernito.Kind(), "lernito", lernito.Settings{Secrets: []string{"s"}, Wait: 2 * time.Second}, source.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	door := sourcetest.Open(t, func(o *ingress.Options) { o.Publish, o.Outcomes = log, replies{log} }, sender)
	enroll(t, log, sender)
	var wg sync.WaitGroup
	for courses, want := range map[string]struct {
		status int
		body   string
	}{
		`["enrolled"]`:            {200, `{"success":true,"message":"User enrollment status verified for 1 course(s)"}`},
		`["allowed","b","b"]`:     {200, `{"success":true,"message":"Enrollment allowance verified for 3 course(s)"}`},
		`["invalid_course","b"]`:  {400, `{"success":false,"message":"Invalid course key format: invalid_course"}`},
		`["unknown_course","b"]`:  {400, `{"success":false,"message":"Course unknown_course does not exist"}`},
		`["failed"]`:              {500, `{"success":false,"message":"Internal server error"}`},
		`["something new there"]`: {500, `{"success":false,"message":"Internal server error"}`},
	} {
		for range 5 {
			wg.Go(func() {
				if answer := door.Post(t, lernitoSample(courses)); answer.Status != want.status || answer.Body != want.body {
					t.Errorf("%s: %d %s, want %d %s", courses, answer.Status, answer.Body, want.status, want.body)
				}
			})
		}
	}
	wg.Wait()
}

func TestTheSenderThatWaitedTooLongHearsThatItIsAccepted(t *testing.T) {
	t.Parallel()
	log := connect(t, embeddedtest.NATS(t))
	sender, err := sourcetest.Make(lernito.Kind(), "lernito", lernito.Settings{Secrets: []string{"s"}, Wait: 100 * time.Millisecond}, source.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	door := sourcetest.Open(t, func(o *ingress.Options) { o.Publish, o.Outcomes = log, replies{log} }, sender)
	enroll(t, log, sender)
	answer := door.Post(t, lernitoSample(`["silence"]`))
	m, err := log.Message(t.Context(), relay.StreamWebhooks, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"success":true,"message":"Enrollment accepted for 1 course(s)","id":"` + m.ID + `"}`
	if answer.Status != 202 || strings.TrimSpace(answer.Body) != want {
		t.Errorf("%d %s, want 202 %s", answer.Status, answer.Body, want)
	}
}
