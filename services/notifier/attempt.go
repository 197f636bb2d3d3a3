package notifier

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/relay"
)

// quickPause stands between a connection error and the one second try that belongs to the same attempt.
const quickPause = 100 * time.Millisecond

// maxRetryAfter is how far ahead a subscriber may ask us to come back.
const maxRetryAfter = 24 * time.Hour

// try is one attempt to make.
type try struct {
	key     relay.DeliveryKey
	event   *relay.Message
	number  int // of this attempt, from 1
	counted int // attempts made so far against the retry list
	replay  string
}

// verdict is what an attempt came to.
type verdict struct {
	outcome relay.Outcome
	ok      bool // the subscriber took it
	gone    bool // it said 410: it wants no more
	wrote   bool // a call was made; false when the event could not be written at all
}

// attempt makes one attempt and judges it. It reports false when it was cut off by ctx: then there is no outcome.
func (r *runner) attempt(ctx context.Context, t try) (verdict, bool) {
	at := r.n.now()
	v := verdict{outcome: relay.Outcome{DeliveryKey: t.key, EventID: t.event.ID, EventType: t.event.Type,
		Attempt: relay.DeliveryAttempt{Number: t.number, At: at, Replay: t.replay}, Counted: t.counted + 1}}
	w := r.n.bodies.of(r.target.format, t.key.Sequence, t.event)
	if w.err != nil {
		v.outcome.State = relay.DeliveryParked
		v.outcome.Attempt.Error = "the event can't be written as " + string(r.target.format) + ": " + clip(w.err.Error())
		return v, true
	}
	v.wrote = true
	span := r.span(&t)
	request := r.target.request(w, t.replay, at)
	if span != nil {
		request.Header["Traceparent"] = []string{span.Parent()}
	}
	answer, err := r.call(ctx, request)
	answered(span, answer, err)
	v.outcome.Attempt.DurationMS = float64(r.n.now().Sub(at).Microseconds()) / 1000
	if egress.KindOf(err) == egress.KindCanceled && ctx.Err() != nil {
		return v, false
	}
	r.judge(&v, answer, err)
	return v, true
}

// call posts, and once more after a moment when no connection came about.
func (r *runner) call(ctx context.Context, request egress.Request) (*egress.Answer, error) {
	answer, err := r.n.client.Do(ctx, request)
	switch egress.KindOf(err) {
	case egress.KindConnect, egress.KindReset:
	default:
		return answer, err
	}
	select {
	case <-ctx.Done():
		return answer, err
	case <-time.After(quickPause):
	}
	return r.n.client.Do(ctx, request)
}

func (r *runner) judge(v *verdict, answer *egress.Answer, err error) {
	o := &v.outcome
	switch {
	case err != nil:
		o.Attempt.Error = string(egress.KindOf(err))
		if egress.KindOf(err) == egress.KindRefused {
			o.Attempt.Error = clip(err.Error()) // names the address that is not allowed
		}
	case answer.Status/100 == 2 && answer.BodyErr == nil:
		o.Attempt.Status, o.Attempt.Answer = answer.Status, answer.Excerpt()
		o.State, v.ok = relay.DeliveryDelivered, true
		return
	default:
		o.Attempt.Status, o.Attempt.Answer = answer.Status, answer.Excerpt()
		o.Attempt.Error = "HTTP " + strconv.Itoa(answer.Status)
		if answer.Status/100 == 2 {
			o.Attempt.Error = "the answer did not end: " + string(egress.KindOf(answer.BodyErr))
		}
		v.gone = answer.Status == http.StatusGone
	}
	r.schedule(v, answer)
}

// schedule says when to try again, or that this was the last time.
func (r *runner) schedule(v *verdict, answer *egress.Answer) {
	o := &v.outcome
	switch {
	case v.gone:
		o.State = relay.DeliveryParked
		o.Attempt.Error = "HTTP 410: the subscriber wants no more"
		return
	case o.Counted > len(r.sub.Retry):
		o.State = relay.DeliveryParked
		o.Attempt.Error = "gave up after " + strconv.Itoa(o.Counted) + " attempts: " + o.Attempt.Error
		return
	}
	now := r.n.now()
	next := now.Add(jitter(time.Duration(r.sub.Retry[o.Counted-1])))
	if answer != nil {
		if wait, ok := egress.RetryAfter(answer.Header, now, maxRetryAfter); ok {
			next = now.Add(wait)
		}
	}
	next = next.Truncate(time.Microsecond)
	o.State, o.NextAttemptAt = relay.DeliveryWaiting, &next
}

// jitter spreads a wait by 20 % either way.
func jitter(wait time.Duration) time.Duration {
	return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64()))
}

func clip(text string) string { return egress.Printable([]byte(text), 300) }
