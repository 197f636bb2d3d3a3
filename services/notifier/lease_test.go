package notifier

import (
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

func TestAClaimOutlastsTheWaitForTheRate(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.05, 0.5, 5} {
		sub := relay.Subscriber{Subscription: relay.Subscription{URL: "https://example.org/hook", MaxInFlight: 16, Rate: rate}}
		r, err := newRunner(&Notifier{metrics: newMetrics(nil)}, sub)
		if err != nil {
			t.Fatal(err)
		}
		if wait := time.Duration(16 / rate * float64(time.Second)); r.lease()/2 < wait {
			t.Errorf("at %v a second the last of 16 waits %v, and is given up after %v", rate, wait, r.lease()/2)
		}
	}
}
