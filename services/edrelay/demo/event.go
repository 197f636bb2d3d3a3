package demo

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/client"
)

const (
	eventsPath   = "/webhooks/openedx/events"
	registration = "org.openedx.learning.student.registration.completed.v1"
)

// pluginEvent is what the openedx-webhooks plugin posts when somebody registered.
func pluginEvent(id, username, email string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"openedx_events.learning.data.UserData": {"id": 7, "is_active": true, "pii": {"username": %q, `+
		`"email": %q, "name": "Linus"}}, "event_metadata": {"event_type": %q, "id": %q, "minorversion": 0, `+
		`"source": "openedx/lms/web", "sourcehost": "lms.example", "time": %q, "sourcelib": [10, 5, 0]}}`,
		username, email, registration, id, at.UTC().Format("2006-01-02 15:04:05.000000-07:00"))
}

// postEvent lets Open edX say that somebody registered.
func (st *stage) postEvent(ctx context.Context, id, username, email string) (answer, error) {
	return st.post(ctx, eventsPath, pluginEvent(id, username, email, time.Now()), pluginProof())
}

// pluginProof is how the plugin shows who it is: HTTP Basic.
func pluginProof() map[string]string {
	return map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(pluginUser+":"+pluginSecret))}
}

// newEventID is a UUID as the plugin makes one for each event.
func newEventID() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	id[6], id[8] = id[6]&0x0f|0x10, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func eventStep(ctx context.Context, st *stage, s *screen) error {
	reader, err := st.reader(ctx, s)
	if err != nil {
		return err
	}
	defer reader.close()
	id := newEventID()
	a, err := st.postEvent(ctx, id, "linus", linus)
	if err != nil {
		return err
	}
	s.sent("the plugin inside Open edX posts "+registration, st.doorURL+eventsPath, a)
	if err := a.expect(200); err != nil {
		return err
	}
	rows, err := client.List[relay.Event](ctx, st.admin, "/events", url.Values{"type": {registration}}, 1)
	if err != nil {
		return err
	}
	if len(rows) != 1 || rows[0].ID != id {
		return fmt.Errorf("the event is not the newest of the log: %v", rows)
	}
	s.good("it is message %d of the stream EVENTS, on %s", rows[0].Sequence, relay.EventSubject(registration))
	message, err := reader.consumer.Next(jetstream.FetchMaxWait(patience))
	if err != nil {
		return fmt.Errorf("read with the NATS credentials: %w", err)
	}
	if got := message.Headers().Get("ce-id"); got != id {
		return fmt.Errorf("the service read event %s, not %s", got, id)
	}
	s.good("the service has read it: %s", message.Data())
	return message.DoubleAck(ctx)
}

// reader is a service that reads events with credentials of its own.
type reader struct {
	conn     *nats.Conn
	consumer jetstream.Consumer
}

func (r reader) close() { r.conn.Close() }

func (st *stage) reader(ctx context.Context, s *screen) (reader, error) {
	var made relay.NATSCredentials
	ask := map[string]any{"name": "crm", "allow": []string{"events.org.openedx.learning.>"}}
	if err := st.admin.Post(ctx, "/nats-users", ask, &made); err != nil {
		return reader{}, err
	}
	file := filepath.Join(filepath.Dir(st.configFile), made.Name+".creds")
	if err := os.WriteFile(file, []byte(made.Creds), 0o600); err != nil {
		return reader{}, fmt.Errorf("keep the credentials: %w", err)
	}
	s.good("edrelay nats-user add crm --allow 'events.org.openedx.learning.>' made credentials: %s", file)
	conn, err := nats.Connect(st.natsURL, nats.UserCredentials(file), nats.CustomInboxPrefix(made.InboxPrefix))
	if err != nil {
		return reader{}, fmt.Errorf("connect to NATS: %w", err)
	}
	js, err := jetstream.New(conn)
	if err == nil {
		var consumer jetstream.Consumer
		consumer, err = js.CreateOrUpdateConsumer(ctx, relay.StreamEvents, jetstream.ConsumerConfig{
			Durable: "crm", FilterSubject: "events." + registration, AckPolicy: jetstream.AckExplicitPolicy,
		})
		if err == nil {
			return reader{conn: conn, consumer: consumer}, nil
		}
	}
	conn.Close()
	return reader{}, fmt.Errorf("read from NATS: %w", err)
}
