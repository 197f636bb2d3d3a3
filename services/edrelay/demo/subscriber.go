package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/signing"
	"github.com/edrelay/edrelay/services/edrelay/client"
)

// subscriber is somebody's URL that wants events. It fails the first time, as URLs do.
type subscriber struct {
	came  atomic.Int64
	first atomic.Value // string: webhook-id of the first attempt
	taken chan signing.Delivery
}

func (u *subscriber) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	got := signing.Delivery{
		ID: r.Header.Get("Webhook-Id"), Timestamp: r.Header.Get("Webhook-Timestamp"), Signature: r.Header.Get("Webhook-Signature"), Body: body,
	}
	if u.came.Add(1) == 1 {
		u.first.Store(got.ID)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	select {
	case u.taken <- got:
	default:
	}
}

func subscriberStep(ctx context.Context, st *stage, s *screen) error {
	sink := &subscriber{taken: make(chan signing.Delivery, 1)}
	address, err := st.serve(sink)
	if err != nil {
		return err
	}
	secret, err := st.subscribe(ctx, address+"/hook", s)
	if err != nil {
		return err
	}
	a, err := st.postEvent(ctx, newEventID(), "grace", grace)
	if err != nil {
		return err
	}
	s.sent("the plugin posts "+registration, st.doorURL+eventsPath, a)
	if err := a.expect(200); err != nil {
		return err
	}
	select {
	case got := <-sink.taken:
		if err := signing.Verify([]signing.Secret{secret}, got, time.Now(), signing.Tolerance); err != nil {
			return fmt.Errorf("the signature: %w", err)
		}
		if sink.first.Load() != got.ID {
			return fmt.Errorf("the second attempt has another webhook-id than the first")
		}
		s.good("the URL answered 503 the first time; a second later it got the event again, with the same webhook-id")
		s.good("its Standard Webhooks signature is right: %.30s…", got.Signature)
	case <-time.After(patience):
		return fmt.Errorf("the event did not come within %s", patience)
	}
	return await(ctx, "the delivery in state delivered", func() (bool, error) {
		rows, err := client.List[relay.Delivery](ctx, st.admin, "/deliveries", url.Values{"subscription": {"crm"}}, 1)
		if err != nil || len(rows) == 0 || rows[0].State != relay.DeliveryDelivered {
			return false, err
		}
		s.good("edrelay delivery ls says: %s after %d attempts", rows[0].State, rows[0].Attempts)
		return true, nil
	})
}

// subscribe declares the subscription and gives the secret that was made for it.
func (st *stage) subscribe(ctx context.Context, address string, s *screen) (signing.Secret, error) {
	var made relay.Subscription
	declared := map[string]any{
		"name": "crm", "url": address, "events": []string{"org.openedx.learning.*"}, "format": relay.FormatCloudEvents, "retry": []string{"1s", "2s", "4s"},
	}
	if err := st.admin.Post(ctx, "/subscriptions", declared, &made); err != nil {
		return signing.Secret{}, err
	}
	if len(made.Secrets) != 1 {
		return signing.Secret{}, fmt.Errorf("the answer holds %d secrets, not one", len(made.Secrets))
	}
	s.good("edrelay subscription add crm --url %s --events 'org.openedx.learning.*' made a signing secret", address)
	return signing.Parse(made.Secrets[0])
}
