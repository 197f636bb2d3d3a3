package relay

import (
	"context"
	"time"
)

// Start says where a new consumer begins to read. A durable one that exists goes on where it was.
type Start struct {
	Sequence uint64    // from this sequence on
	Time     time.Time // from what was stored then on
	New      bool      // only what comes from now on; the zero Start is everything kept
}

// ConsumerConfig describes a reader of one stream.
type ConsumerConfig struct {
	Stream        string
	Durable       string            // name; "" is an ordered reader without acknowledgements that leaves nothing behind
	Description   string            // for people who look at the server
	Subjects      []string          // empty: all of the stream; overlapping ones are joined, which may read more than each asks
	Start         Start             // for a consumer that does not exist yet
	MaxAckPending int               // messages handed out and not settled; default 1000, 1 keeps the order
	AckWait       time.Duration     // unsettled for so long, a message is handed out again; default 30s
	Prefetch      int               // messages fetched ahead; default 256, at most MaxAckPending
	Metadata      map[string]string // kept with the consumer
	Shared        bool              // others of this process read the same: a message is decoded once, and nobody may change it
}

// Reader hands out the messages of one consumer.
type Reader interface {
	// Fetch waits for at least one message and returns up to most of those that are there.
	Fetch(ctx context.Context, most int) ([]Received, error)
	// Stop ends the reading and gives back what was fetched ahead.
	Stop()
}

// ConsumerInfo is how a durable consumer stands.
type ConsumerInfo struct {
	Stream      string
	Name        string
	Description string
	Pending     uint64 // not handed out yet
	InFlight    int    // handed out, not settled
	Delivered   uint64 // stream sequence of the last one handed out
	AckFloor    uint64 // all up to this stream sequence are settled
	Subjects    []string
	Metadata    map[string]string
	Created     time.Time
}
