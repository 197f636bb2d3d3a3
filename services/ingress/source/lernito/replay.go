package lernito

import (
	"crypto/sha256"
	"sync"
	"time"
)

// mostSeen bounds what is remembered of webhooks, about 10 MiB.
const mostSeen = 100_000

// seen remembers when the same bytes first came, for Lernito signs no time: what was captured is good for ever
// without it. It forgets the oldest first, and everything at a restart.
type seen struct {
	window time.Duration // 0: nothing is remembered
	mu     sync.Mutex
	first  map[[32]byte]time.Time
	order  [][32]byte // a ring once it is full
	next   int
}

// tooLate tells whether the bytes come again later than the window after they first came. Within it a repeat is a
// retry.
func (s *seen) tooLate(body []byte, at time.Time) bool {
	if s.window == 0 {
		return false
	}
	sum := sha256.Sum256(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, known := s.first[sum]; known {
		return at.Sub(first) > s.window
	}
	if s.first == nil {
		s.first = map[[32]byte]time.Time{}
	}
	s.first[sum] = at
	if len(s.order) < mostSeen {
		s.order = append(s.order, sum)
		return false
	}
	delete(s.first, s.order[s.next])
	s.order[s.next] = sum
	s.next = (s.next + 1) % mostSeen
	return false
}
