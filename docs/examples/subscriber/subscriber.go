// A durable subscriber of edrelay's events with the official Go client. Needs the settings that `edrelay nats-user add`
// gives: NATS_URL, NATS_CREDS (the .creds file) and NATS_INBOX_PREFIX.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	nc, err := nats.Connect(os.Getenv("NATS_URL"), nats.UserCredentials(os.Getenv("NATS_CREDS")),
		nats.CustomInboxPrefix(os.Getenv("NATS_INBOX_PREFIX")), nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, "EVENTS", jetstream.ConsumerConfig{
		Durable: "registrations", FilterSubject: "events.org.openedx.learning.student.registration.completed.v1",
		AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		return err
	}
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		var event struct {
			User struct {
				ID int64 `json:"id"`
			} `json:"user"`
		}
		if err := json.Unmarshal(m.Data(), &event); err != nil {
			m.Term() // it will not get better
			return
		}
		fmt.Println(m.Headers().Get("ce-type"), m.Headers().Get("ce-id"), "user", event.User.ID)
		m.DoubleAck(ctx) // only now it is done; without it the event comes again
	})
	if err != nil {
		return err
	}
	defer consuming.Stop()
	<-ctx.Done()
	return nil
}
