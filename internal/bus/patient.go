package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A server that ends takes questions with it, and until another one leads the cluster answers that it can't. So what may
// be asked twice, reads above all, is asked again for a while before it counts as failed.
const (
	questionWait = 3 * time.Second        // for the first answer; after one that did not come, twice as long
	longestWait  = 12 * time.Second       // for any other
	firstPause   = 50 * time.Millisecond  // before the second try
	longestPause = 500 * time.Millisecond // before any other
)

// errNoAnswer is why a question is asked again whose answer was given up.
var errNoAnswer = errors.New("the server did not answer, or the connection to it broke")

// patiently asks one question, which must be safe to ask twice.
func patiently[T any](ctx context.Context, b *Bus, question func(context.Context) (T, error)) (answer T, err error) {
	wait := questionWait
	err = b.patient(ctx, func() error {
		once, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		defer context.AfterFunc(b.epoch.now(), cancel)()
		answer, err = question(once)
		if once.Err() != nil {
			wait = min(2*wait, longestWait)
		}
		if err != nil && once.Err() != nil && ctx.Err() == nil { // our own impatience is no end of the caller's context
			err = errNoAnswer
		}
		return err
	})
	return answer, err
}

// patient tries until it works, what is wrong won't pass, or the patience of a read is over.
func (b *Bus) patient(ctx context.Context, try func() error) error {
	spell := trouble{begun: time.Now()}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := try()
		if err == nil || lasting(err) || ctx.Err() != nil {
			return err
		}
		if spell.tooLong(b) {
			return err
		}
		b.log.Debug("the log is asked again", "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// trouble is a time in which reads got nowhere.
type trouble struct {
	begun time.Time
	away  time.Time // since when there is no connection; zero while there is one
}

// tooLong tells, after one more read that failed, whether it was the last.
func (t *trouble) tooLong(b *Bus) bool {
	switch {
	case b.conn.IsConnected():
		t.away = time.Time{}
	case t.away.IsZero():
		t.away = time.Now()
	}
	return time.Since(t.begun) > b.config.ReadPatience || !t.away.IsZero() && time.Since(t.away) > b.config.AwayPatience
}

// lasting tells whether asking again can't change the answer.
func lasting(err error) bool {
	return final(err) || errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) ||
		errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrNotPullConsumer)
}
