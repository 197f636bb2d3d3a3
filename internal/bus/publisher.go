package bus

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nuid"

	"github.com/edrelay/edrelay/internal/relay"
)

// Publish writes m to the log and returns when the log has confirmed that it is durable. Callers at the same time
// share one commit. A DedupID that the log has already is success with Duplicate set. Errors: relay.CodeUnavailable
// when the log is away, full or too slow (the message may still get there, sending it again with the same DedupID is
// safe); relay.CodeTooLarge; relay.CodeInvalid when no stream takes the subject.
func (b *Bus) Publish(ctx context.Context, m relay.Message) (relay.Receipt, error) {
	item, err := b.accept(ctx, m)
	if err != nil {
		return relay.Receipt{}, err
	}
	defer item.cancel()
	if err := b.publishers[item.stream].enqueue(item); err != nil {
		return relay.Receipt{}, err
	}
	return item.wait()
}

// PublishBatch writes many messages, of one stream or several, and returns one receipt for each, in order. On an
// error some may have been written; sending all again with the same DedupIDs is safe.
func (b *Bus) PublishBatch(ctx context.Context, messages []relay.Message) ([]relay.Receipt, error) {
	items := make([]*item, 0, len(messages))
	defer func() {
		for _, it := range items {
			it.cancel()
		}
	}()
	for _, m := range messages {
		it, err := b.accept(ctx, m)
		if err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	for _, it := range items {
		if err := b.publishers[it.stream].enqueueWaiting(it); err != nil {
			return nil, err
		}
	}
	receipts := make([]relay.Receipt, len(items))
	var failed error
	for i, it := range items {
		receipt, err := it.wait()
		if err != nil && failed == nil {
			failed = err
		}
		receipts[i] = receipt
	}
	if failed != nil {
		return nil, failed
	}
	return receipts, nil
}

// accept checks what can be known before the log is asked.
func (b *Bus) accept(ctx context.Context, m relay.Message) (*item, error) {
	stream := StreamOf(m.Subject)
	if stream == "" {
		return nil, relay.Errorf(relay.CodeInvalid, "No stream takes this subject.")
	}
	headers := headerSize(m)
	if size := int64(headers + len(m.Body)); headers > maxHeader || size > b.conn.MaxPayload() && b.conn.MaxPayload() > 0 {
		return nil, relay.Errorf(relay.CodeTooLarge, "The message is larger than the log takes.")
	}
	if m.DedupID == "" {
		m.DedupID = nuid.Next() // makes sending it twice safe, should the first answer get lost
	}
	it := &item{message: m, stream: stream, size: headers + len(m.Body), done: make(chan struct{})}
	it.ctx, it.cancel = context.WithTimeout(ctx, b.config.PublishTimeout)
	return it, nil
}

// maxHeader keeps below the 64 KiB that the server can count.
const maxHeader = 60 << 10

// item is one message on its way. Exactly one settle ends it.
type item struct {
	message relay.Message
	stream  string
	size    int
	ctx     context.Context // the caller's, with the publish timeout
	cancel  context.CancelFunc
	once    sync.Once
	done    chan struct{}
	receipt relay.Receipt
	err     error
}

func (it *item) settle(receipt relay.Receipt, err error) {
	it.once.Do(func() {
		it.receipt, it.err = receipt, err
		close(it.done)
	})
}

func (it *item) wait() (relay.Receipt, error) {
	select {
	case <-it.done:
		return it.receipt, it.err
	case <-it.ctx.Done():
		return relay.Receipt{}, unavailable("The log did not confirm in time.", context.Cause(it.ctx))
	}
}

// publisher groups the messages of one stream: while one group is being committed the next one fills.
type publisher struct {
	bus     *Bus
	stream  string
	queue   chan *item
	crowd   crowd
	recent  recent
	quit    chan struct{}
	running sync.WaitGroup
	stopped sync.Once
}

func newPublisher(b *Bus, stream string) *publisher {
	p := &publisher{bus: b, stream: stream, queue: make(chan *item, b.config.PublishQueue), quit: make(chan struct{})}
	p.running.Go(p.run)
	return p
}

func (p *publisher) enqueue(it *item) error {
	select {
	case p.queue <- it:
		return nil
	default:
		return unavailable("Too many messages are waiting for the log.", nil)
	}
}

func (p *publisher) enqueueWaiting(it *item) error {
	select {
	case p.queue <- it:
		return nil
	case <-it.ctx.Done():
		return unavailable("Too many messages are waiting for the log.", context.Cause(it.ctx))
	}
}

// run has one group under way at a time. A second one would find few messages to take and still cost an fsync of its
// own: the callers of the first are not back yet.
func (p *publisher) run() {
	var carried *item // did not fit into the group before
	var group []*item
	for {
		if group, carried = p.next(carried); group == nil {
			return
		}
		began := time.Now()
		p.land(p.send(group))
		p.crowd.landed(len(group), len(p.queue), time.Since(began))
	}
}

// next waits for a message and takes what stands behind it or joins it soon, as much as fits. What it took but could
// not fit is carried to the next group.
func (p *publisher) next(carried *item) (group []*item, over *item) {
	if carried == nil {
		select {
		case carried = <-p.queue:
		case <-p.quit:
			return nil, nil
		}
	}
	group = append(make([]*item, 0, 1+min(len(p.queue), p.bus.config.GroupMax)), carried)
	size, join := carried.size, p.crowd.joining(p.queue)
	for len(group) < p.bus.config.GroupMax {
		it := join(len(group))
		if it == nil {
			break
		}
		if size += it.size; size > p.bus.config.GroupBytes {
			return group, it
		}
		group = append(group, it)
	}
	return group, nil
}

func (p *publisher) stop() {
	p.stopped.Do(func() { close(p.quit) })
	done := make(chan struct{})
	go func() { p.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(p.bus.config.PublishTimeout):
	}
}

func unavailable(message string, cause error) error {
	return &relay.Error{Code: relay.CodeUnavailable, Message: message, Hint: "Try again in a moment.", Err: cause}
}
