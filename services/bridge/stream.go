package bridge

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/edrelay/edrelay/internal/openedx"
)

// stream is one Redis stream on its way to the log.
type stream struct {
	*Service
	key   string
	log   *slog.Logger
	watch watch
}

func newStream(s *Service, key string) *stream {
	return &stream{Service: s, key: key, log: s.options.Log.With("stream", key)}
}

// run reads the stream until ctx is done. A session ends with its first trouble; what it had read and not
// acknowledged is pending, and the next session begins with that.
func (st *stream) run(ctx context.Context) {
	var wait backoff
	troubled := false
	for ctx.Err() == nil {
		healthy := sync.OnceFunc(func() {
			wait.reset()
			if troubled {
				st.log.Info("event bus is read again")
				troubled = false
			}
		})
		err := st.session(ctx, healthy)
		if ctx.Err() != nil {
			return
		}
		if !troubled {
			st.log.Warn("event bus can't be read, trying again", "error", err)
			troubled = true
		}
		st.metrics.trouble.Inc()
		sleep(ctx, wait.next())
	}
}

// batch is what one read gave.
type batch struct {
	entries []openedx.StreamEntry
	work    []outcome // of each entry
}

// lastRead is how long the answer of a read may take beyond its wait for entries, when the bridge ends meanwhile.
const lastRead = 2 * time.Second

// session reads and decodes on one side and publishes on the other, one batch ahead, in the stream's order. It calls
// healthy when something landed or there was nothing to do, and returns when both sides have ended.
func (st *stream) session(parent context.Context, healthy func()) error {
	if err := st.ensureGroup(parent); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	batches := make(chan batch, 1)
	landed := make(chan struct{})
	go func() {
		defer close(landed)
		for b := range batches {
			if err := st.land(ctx, b); err != nil {
				cancel(err)
				return
			}
			healthy()
		}
	}()
	// A read that is under way at the end is not cut off: what Redis had handed out would wait for another bridge to claim it.
	reading, release := drained(ctx, min(st.options.Block+lastRead, st.options.Drain))
	defer release()
	err := st.read(reading, func(entries []openedx.StreamEntry) bool {
		if len(entries) == 0 && !st.watch.owesReport() {
			healthy()
			return ctx.Err() == nil
		}
		select {
		case batches <- batch{entries, st.decode(entries)}:
			return ctx.Err() == nil
		case <-landed:
			return false
		}
	})
	close(batches)
	<-landed
	if parent.Err() == nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// ensureGroup makes the group at the beginning of the stream, and the stream when it is not there yet.
func (st *stream) ensureGroup(ctx context.Context) error {
	err := st.redis.XGroupCreateMkStream(ctx, st.key, st.options.Group, "0").Err()
	if err != nil && !hasPrefix(err, "BUSYGROUP") {
		return redisError("make the consumer group", err)
	}
	return nil
}

func hasPrefix(err error, prefix string) bool {
	return len(err.Error()) >= len(prefix) && err.Error()[:len(prefix)] == prefix
}

// read hands on what is pending for this consumer, then what is new, and from time to time what dead consumers
// hold. It returns nil when take gives false.
func (st *stream) read(ctx context.Context, take func([]openedx.StreamEntry) bool) error {
	if more, err := st.readPending(ctx, take); err != nil || !more {
		return err
	}
	var claimed time.Time
	for {
		if time.Since(claimed) > st.options.ClaimIdle/2 {
			if more, err := st.claim(ctx, take); err != nil || !more {
				return err
			}
			claimed = time.Now()
		}
		entries, err := st.readNew(ctx)
		if err != nil {
			return err
		}
		if !take(entries) {
			return nil
		}
	}
}

// readPending hands on what an earlier run of this consumer read and did not acknowledge.
func (st *stream) readPending(ctx context.Context, take func([]openedx.StreamEntry) bool) (more bool, err error) {
	for last := "0"; ; {
		reply, err := st.redis.Do(ctx, "XREADGROUP", "GROUP", st.options.Group, st.options.Consumer, "COUNT", st.options.Batch,
			"STREAMS", st.key, last).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return false, redisError("read pending entries", err)
		}
		entries := st.entries(reply)
		if len(entries) == 0 {
			return true, nil
		}
		last = entries[len(entries)-1].ID
		if !take(entries) {
			return false, nil
		}
	}
}

// readNew reads what nobody of the group has, and looks in the same moment at what was trimmed. With nothing new it
// waits for the next entry.
func (st *stream) readNew(ctx context.Context) ([]openedx.StreamEntry, error) {
	entries, err := st.readWatched(ctx)
	if len(entries) > 0 || err != nil {
		return entries, err
	}
	reply, err := st.redis.Do(ctx, "XREADGROUP", "GROUP", st.options.Group, st.options.Consumer, "COUNT", st.options.Batch,
		"BLOCK", st.options.Block.Milliseconds(), "STREAMS", st.key, ">").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, redisError("read new entries", err)
	}
	return st.entries(reply), nil
}

// claim takes over what other consumers of the group have held too long, dead ones most likely. An entry that is
// published twice is one message on the log.
func (st *stream) claim(ctx context.Context, take func([]openedx.StreamEntry) bool) (more bool, err error) {
	for cursor := "0-0"; ; {
		reply, err := st.redis.Do(ctx, "XAUTOCLAIM", st.key, st.options.Group, st.options.Consumer,
			st.options.ClaimIdle.Milliseconds(), cursor, "COUNT", st.options.Batch).Slice()
		if err != nil {
			return false, redisError("claim entries of dead consumers", err)
		}
		if len(reply) < 2 {
			return true, nil
		}
		entries := st.list(reply[1])
		if len(entries) > 0 {
			st.metrics.claimed.WithLabelValues(st.key).Add(float64(len(entries)))
			st.log.Info("entries of a dead consumer claimed", "entries", len(entries))
		}
		if len(reply) > 2 {
			gone, _ := reply[2].([]any)
			st.pendingGone(len(gone))
		}
		if !take(entries) {
			return false, nil
		}
		if cursor, _ = reply[0].(string); cursor == "" || cursor == "0-0" {
			return true, nil
		}
	}
}

// pendingGone reports entries that were trimmed while a consumer held them. A consumer that died between the log's
// confirmation and its own acknowledgement had brought them over; any other one had not.
func (st *stream) pendingGone(count int) {
	if count == 0 {
		return
	}
	st.metrics.pendingGone.WithLabelValues(st.key).Add(float64(count))
	st.log.Error("entries were trimmed while they were pending; they may be lost", "entries", count)
}
