package bus

import (
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// Bounds of what a shelf holds.
const (
	shelfSize   = 1024
	shelvedMost = 16 << 10 // bytes of a body
)

// shelf keeps the last messages of a stream that consumers were handed, for the other consumers of this process that
// come by them soon after: a message is decoded and held once instead of once for each.
type shelf struct {
	mu    sync.Mutex
	slots [shelfSize]shelved
}

// shelved is a message of the log. A stream that was made anew begins its sequences again, not its times.
type shelved struct {
	sequence uint64
	stored   time.Time
	message  *relay.Message
}

// take gives the message, decoded by the function unless it is on the shelf.
func (s *shelf) take(sequence uint64, stored time.Time, decoded func() relay.Message) relay.Message {
	slot := &s.slots[sequence%shelfSize]
	s.mu.Lock()
	found := *slot
	s.mu.Unlock()
	if found.message != nil && found.sequence == sequence && found.stored.Equal(stored) {
		return *found.message
	}
	message := decoded()
	if len(message.Body) <= shelvedMost {
		s.mu.Lock()
		*slot = shelved{sequence, stored, &message}
		s.mu.Unlock()
	}
	return message
}

// shelf gives the shelf of a stream.
func (b *Bus) shelf(stream string) *shelf {
	s, _ := b.shelves.LoadOrStore(stream, new(shelf))
	return s.(*shelf)
}
