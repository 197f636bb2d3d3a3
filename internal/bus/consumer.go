package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

// Start and ConsumerConfig describe a consumer in the words of the vocabulary.
type (
	Start          = relay.Start
	ConsumerConfig = relay.ConsumerConfig
	ConsumerInfo   = relay.ConsumerInfo
)

// Consumer reads one stream. Fetch may be called by several goroutines.
type Consumer struct {
	bus      *Bus
	stream   string
	messages chan arrived // holds all that may be fetched ahead, so that the time of arrival is the true one
	context  jetstream.ConsumeContext
	ordered  bool
	shelf    *shelf // nil: nobody else reads the same
	quit     chan struct{}
	once     sync.Once
	mu       sync.Mutex
	failed   error
}

// arrived is a message and when it came to this process.
type arrived struct {
	jetstream.Msg
	at time.Time
}

// ErrConsumerGone is what Fetch returns after the consumer was deleted on the server, ErrStopped after Stop.
var (
	ErrConsumerGone = errors.New("the consumer does not exist any more")
	ErrStopped      = errors.New("the consumer was stopped")
)

// Consumer makes the consumer, or changes the standing one to the configuration, and begins to fetch ahead.
func (b *Bus) Consumer(ctx context.Context, config ConsumerConfig) (*Consumer, error) {
	consumer, err := b.ensureConsumer(ctx, config)
	if err != nil {
		return nil, err
	}
	prefetch := or(config.Prefetch, 256)
	if config.MaxAckPending > 0 {
		prefetch = min(prefetch, config.MaxAckPending)
	}
	c := &Consumer{bus: b, stream: config.Stream, ordered: config.Durable == "",
		messages: make(chan arrived, max(1, prefetch)), quit: make(chan struct{})}
	if config.Shared {
		c.shelf = b.shelf(config.Stream)
	}
	c.context, err = consumer.Consume(c.take, jetstream.PullMaxMessages(max(prefetch, 1)),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { c.trouble(err) }))
	if err != nil {
		return nil, fmt.Errorf("start consumer of %s: %w", config.Stream, err)
	}
	return c, nil
}

// Reader is Consumer for those who know only the vocabulary.
func (b *Bus) Reader(ctx context.Context, config ConsumerConfig) (relay.Reader, error) {
	c, err := b.Consumer(ctx, config)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// EnsureConsumer makes or changes a durable consumer without reading from it.
func (b *Bus) EnsureConsumer(ctx context.Context, config ConsumerConfig) error {
	_, err := b.ensureConsumer(ctx, config)
	return err
}

func (b *Bus) ensureConsumer(ctx context.Context, config ConsumerConfig) (jetstream.Consumer, error) {
	return patiently(ctx, b, func(ctx context.Context) (jetstream.Consumer, error) { return b.consumer(ctx, config) })
}

func (b *Bus) consumer(ctx context.Context, config ConsumerConfig) (jetstream.Consumer, error) {
	subjects := joinSubjects(config.Subjects)
	policy, sequence, start := startPolicy(config.Start)
	if config.Durable == "" {
		consumer, err := b.js.OrderedConsumer(ctx, config.Stream, jetstream.OrderedConsumerConfig{
			FilterSubjects: subjects, DeliverPolicy: policy, OptStartSeq: sequence, OptStartTime: start,
		})
		return consumer, consumerError(config, err)
	}
	wanted := jetstream.ConsumerConfig{
		Durable: config.Durable, Description: config.Description, Metadata: config.Metadata,
		FilterSubjects: subjects, DeliverPolicy: policy, OptStartSeq: sequence, OptStartTime: start,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: or(config.AckWait, 30*time.Second),
		MaxAckPending: or(config.MaxAckPending, 1000), MaxDeliver: -1, MaxWaiting: 512,
	}
	standing, err := b.js.Consumer(ctx, config.Stream, config.Durable)
	if err == nil { // where it started can't be changed, and need not be
		was := standing.CachedInfo().Config
		wanted.DeliverPolicy, wanted.OptStartSeq, wanted.OptStartTime = was.DeliverPolicy, was.OptStartSeq, was.OptStartTime
		if stands(was, wanted) {
			return standing, nil
		}
	} else if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, consumerError(config, err)
	}
	consumer, err := b.js.CreateOrUpdateConsumer(ctx, config.Stream, wanted)
	return consumer, consumerError(config, err)
}

// stands tells whether a consumer is what is wanted already, so that nothing has to be written.
func stands(was, wanted jetstream.ConsumerConfig) bool {
	subjects := was.FilterSubjects
	if was.FilterSubject != "" {
		subjects = []string{was.FilterSubject}
	}
	for name, value := range wanted.Metadata {
		if was.Metadata[name] != value {
			return false
		}
	}
	return slices.Equal(subjects, wanted.FilterSubjects) && was.Description == wanted.Description && was.AckPolicy == wanted.AckPolicy &&
		was.AckWait == wanted.AckWait && was.MaxAckPending == wanted.MaxAckPending
}

func consumerError(config ConsumerConfig, err error) error {
	if err == nil {
		return nil
	}
	return &relay.Error{Code: relay.CodeUnavailable,
		Message: fmt.Sprintf("The consumer %q of %s can't be made ready.", config.Durable, config.Stream), Err: err}
}

func startPolicy(s Start) (jetstream.DeliverPolicy, uint64, *time.Time) {
	switch {
	case s.Sequence > 0:
		return jetstream.DeliverByStartSequencePolicy, s.Sequence, nil
	case !s.Time.IsZero():
		return jetstream.DeliverByStartTimePolicy, 0, &s.Time
	case s.New:
		return jetstream.DeliverNewPolicy, 0, nil
	}
	return jetstream.DeliverAllPolicy, 0, nil
}

// take hands a message on to Fetch, or back to the server once the consumer was stopped.
func (c *Consumer) take(message jetstream.Msg) {
	select {
	case c.messages <- arrived{message, time.Now()}:
	case <-c.quit:
		c.giveBack(message)
	}
}

func (c *Consumer) giveBack(message jetstream.Msg) {
	if !c.ordered {
		_ = message.Nak()
	}
}

// trouble ends the consumer when it can't come back; the client heals everything else.
func (c *Consumer) trouble(err error) {
	if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, jetstream.ErrConsumerDeleted) ||
		errors.Is(err, jetstream.ErrConsumerNotFound) {
		c.mu.Lock()
		c.failed = fmt.Errorf("%w: %w", ErrConsumerGone, err)
		c.mu.Unlock()
		c.once.Do(func() { close(c.quit) })
		return
	}
	c.bus.log.Debug("consumer trouble", "stream", c.stream, "error", err)
}

// Fetch waits for at least one message and returns up to most of those that are there. It ends with ctx, with
// ErrConsumerGone or ErrStopped.
func (c *Consumer) Fetch(ctx context.Context, most int) ([]relay.Received, error) {
	var batch []relay.Received
	select {
	case message := <-c.messages:
		batch = append(make([]relay.Received, 0, min(most, 1+len(c.messages))), c.received(message))
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.quit:
		return nil, c.ended()
	}
	for len(batch) < most {
		select {
		case message := <-c.messages:
			batch = append(batch, c.received(message))
		default:
			return batch, nil
		}
	}
	return batch, nil
}

func (c *Consumer) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return c.failed
	}
	return ErrStopped
}

// Stop ends the reading; what was fetched ahead is given back to be handed out again at once.
func (c *Consumer) Stop() {
	c.once.Do(func() { close(c.quit) })
	c.context.Drain()
	go func() {
		for closed := c.context.Closed(); ; {
			select {
			case message := <-c.messages:
				c.giveBack(message)
			case <-closed:
				if len(c.messages) == 0 {
					return
				}
			}
		}
	}()
}

func (c *Consumer) received(message arrived) relay.Received {
	r := relay.Received{Fetched: message.at, Stream: c.stream}
	decoded := func() relay.Message { return decode(message.Subject(), message.Headers(), message.Data()) }
	meta, err := message.Metadata()
	if err == nil {
		r.Sequence, r.Stored, r.Attempt = meta.Sequence.Stream, meta.Timestamp, meta.NumDelivered
	}
	if err == nil && c.shelf != nil {
		r.Message = c.shelf.take(r.Sequence, r.Stored, decoded)
	} else {
		r.Message = decoded()
	}
	if !c.ordered {
		r.Reply = acker{bus: c.bus, reply: message.Reply()}
	}
	return r
}
