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

type written struct {
	once        sync.Once
	contentType string
	body        []byte
	err         error
}

func newBodies(encoder Encoder) *bodies {
	return &bodies{encoder: encoder, kept: make(map[bodyKey]*written, bodiesKept), ring: make([]bodyKey, bodiesKept)}
}

// encode gives the body of the event of that sequence; nobody may change it.
func (b *bodies) encode(format relay.Format, sequence uint64, m *relay.Message) (string, []byte, error) {
	if len(m.Body) > bodyKeptAtMost {
		return b.encoder.Encode(format, *m)
	}
	w := b.slot(bodyKey{sequence, format})
	w.once.Do(func() { w.contentType, w.body, w.err = b.encoder.Encode(format, *m) })
	return w.contentType, w.body, w.err
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
