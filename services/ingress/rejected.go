package ingress

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// Bounds of what is kept of requests that failed verification. Anybody can send those.
const (
	rejectedBody  = 256 << 10       // bytes kept of a body
	rejectedBurst = 200             // of one source at once
	rejectedQueue = rejectedBurst   // waiting to be written: a source's burst fits, however slow the log is
	rejectedRate  = 10              // a second and source after that
	rejectedUnit  = 32 << 10        // a body costs one, and one more for each unit
	rejectedWait  = 5 * time.Second // for one write
)

// EventRejected is the ce-type of a rejected webhook.
const EventRejected = "io.edrelay.webhook.rejected.v1"

// HeaderCut is on a rejected webhook whose body was cut: its whole size in bytes. It can't be verified again.
const HeaderCut = "edrelay-cut"

// rejected keeps requests that failed verification, bounded in rate and size, without holding up their answers.
type rejected struct {
	publish source.Publisher
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time
	queue   chan relay.Message
	done    chan struct{}
	mu      sync.Mutex
	buckets map[string]*bucket // by source or kind; both are bounded by the configuration
	closed  bool
}

// bucket holds what a source may still have kept.
type bucket struct {
	tokens float64
	filled time.Time
}

func newRejected(o Options, m *metrics) *rejected {
	return &rejected{publish: o.Publish, log: o.Log, metrics: m, now: o.Now, queue: make(chan relay.Message, rejectedQueue),
		done: make(chan struct{}), buckets: map[string]*bucket{}}
}

// offer keeps a refused request when it is worth it and there is room. It never waits.
func (k *rejected) offer(v *visit, refusal *source.Refusal) {
	if refusal.Status >= 500 {
		k.log.Error("webhook not taken", "source", v.name(), "reason", refusal.Reason, "error", refusal)
		return
	}
	body := v.r.Body[:min(len(v.r.Body), rejectedBody)]
	if !k.spend(v.name(), 1+float64(len(body)/rejectedUnit)) {
		k.metrics.lost.Inc()
		return
	}
	k.log.Info("webhook refused", "source", v.name(), "reason", refusal.Reason, "status", refusal.Status, "remote", v.r.Remote,
		"error", refusal.Err)
	if !refusal.Keep {
		return
	}
	if !k.enqueue(rejectedMessage(v, refusal, body)) {
		k.metrics.lost.Inc()
	}
}

func (k *rejected) enqueue(m relay.Message) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return false
	}
	select {
	case k.queue <- m:
		return true
	default:
		return false
	}
}

func (k *rejected) spend(name string, cost float64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	b := k.buckets[name]
	if b == nil {
		b = &bucket{tokens: rejectedBurst, filled: now}
		k.buckets[name] = b
	}
	b.tokens = min(rejectedBurst, b.tokens+now.Sub(b.filled).Seconds()*rejectedRate)
	b.filled = now
	if b.tokens < cost {
		return false
	}
	b.tokens -= cost
	return true
}

// rejectedMessage keeps the body as received, so that it can be verified again once a secret is mended.
func rejectedMessage(v *visit, refusal *source.Refusal, body []byte) relay.Message {
	header := v.r.Keep(v.kind.Headers...)
	header[relay.HeaderSource] = v.name()
	header[relay.HeaderKind] = v.kind.Name
	header[relay.HeaderReason] = refusal.Reason
	header[relay.HeaderPath] = v.r.Path
	if v.r.Topic != "" {
		header[relay.HeaderTopic] = v.r.Topic
	}
	if len(body) < len(v.r.Body) {
		header[HeaderCut] = strconv.Itoa(len(v.r.Body))
	}
	parts := []string{v.name(), refusal.Reason, v.r.Path, string(body)}
	for _, name := range v.kind.Headers {
		parts = append(parts, v.r.Header.Get(name))
	}
	id := source.Fingerprint(parts...)
	return relay.Message{
		Subject:     relay.RejectedSubject(v.name(), refusal.Reason),
		ID:          id,
		Type:        EventRejected,
		Source:      "/sources/" + v.name(),
		Time:        v.r.Received,
		ContentType: source.ContentType(v.r),
		DedupID:     id,
		Header:      header,
		Body:        body,
	}
}

// run writes what was offered until stop.
func (k *rejected) run() {
	defer close(k.done)
	for m := range k.queue {
		ctx, cancel := context.WithTimeout(context.Background(), rejectedWait)
		if _, err := k.publish.Publish(ctx, m); err != nil {
			k.metrics.lost.Inc()
			k.log.Warn("rejected webhook not kept", "subject", m.Subject, "error", err)
		}
		cancel()
	}
}

// stop writes what is waiting and ends.
func (k *rejected) stop() {
	k.mu.Lock()
	k.closed = true
	close(k.queue)
	k.mu.Unlock()
	<-k.done
}
