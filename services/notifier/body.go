package notifier

import (
	"sync"

	"github.com/edrelay/edrelay/internal/relay"
)

// Bounds of the bodies kept for the other subscriptions that want the same event in the same format.
const (
	bodiesKept     = 2048
	bodyKeptAtMost = 16 << 10
)

// bodies writes events in the subscriptions' formats, each event and format once for all who read it at about the
// same time.
type bodies struct {
	encoder Encoder
	mu      sync.Mutex
	kept    map[bodyKey]*written
	ring    []bodyKey
	next    int
}

type bodyKey struct {
	sequence uint64
	format   relay.Format
}

// written is an event in a format, with the headers that are the same for all who get it. Nobody may change it.
type written struct {
	once   sync.Once
	body   []byte
	header []field
	id     string // webhook-id
	err    error
}

func (w *written) write(encoder Encoder, format relay.Format, m *relay.Message) {
	var contentType string
	if contentType, w.body, w.err = encoder.Encode(format, *m); w.err == nil {
		w.id, w.header = webhookID(m.ID), eventHeader(format, m, contentType)
	}
}

func newBodies(encoder Encoder) *bodies {
	return &bodies{encoder: encoder, kept: make(map[bodyKey]*written, bodiesKept), ring: make([]bodyKey, bodiesKept)}
}

// of gives the event of that sequence in the format.
func (b *bodies) of(format relay.Format, sequence uint64, m *relay.Message) *written {
	if len(m.Body) > bodyKeptAtMost {
		w := &written{}
		w.write(b.encoder, format, m)
		return w
	}
	w := b.slot(bodyKey{sequence, format})
	w.once.Do(func() { w.write(b.encoder, format, m) })
	return w
}

func (b *bodies) slot(key bodyKey) *written {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w := b.kept[key]; w != nil {
		return w
	}
	delete(b.kept, b.ring[b.next])
	w := &written{}
	b.kept[key], b.ring[b.next] = w, key
	b.next = (b.next + 1) % len(b.ring)
	return w
}
