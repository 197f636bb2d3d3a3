package bus

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
)

// A cluster without a leader refuses at once, many times; the question that is lost after that is given up as soon as the first.
func TestRefusalsDoNotStretchTheWaitForAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &Bus{config: Config{}.withDefaults(), conn: &nats.Conn{}}
		b.log = b.config.Logger
		b.epoch.next()
		begun, asked := time.Now(), 0
		_, err := patiently(t.Context(), b, func(ctx context.Context) (int, error) {
			if asked++; time.Since(begun) < b.config.AwayPatience-longestPause {
				return 0, errors.New("no leader")
			}
			<-ctx.Done()
			return 0, ctx.Err()
		})
		if took := time.Since(begun); took > b.config.AwayPatience+2*questionWait || !errors.Is(err, errNoAnswer) || asked < 5 {
			t.Errorf("given up after %s and %d tries: %v", took, asked, err)
		}
	})
}
