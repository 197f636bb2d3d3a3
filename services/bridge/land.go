package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/telemetry"
)

// outcome is what an entry became: an event, or a parked entry with why.
type outcome struct {
	message relay.Message
	parked  openedx.Reason // "" for an event
	gone    bool           // trimmed while it was pending: there is nothing to bring over
	left    bool           // too large even to be parked: it stays pending in Redis
}

// decode says what each entry becomes.
func (st *stream) decode(entries []openedx.StreamEntry) []outcome {
	work := make([]outcome, len(entries))
	for i, entry := range entries {
		if entry.Fields == nil {
			work[i].gone = true
			continue
		}
		message, err := st.options.Catalogue.DecodeEntry(entry)
		if err == nil {
			work[i].message = message
			continue
		}
		reason := openedx.ReasonAvro
		if failure, ok := errors.AsType[*openedx.BusError](err); ok {
			reason = failure.Reason
		}
		st.log.Warn("entry parked", "entry", entry.ID, "reason", reason, "error", err)
		work[i] = outcome{message: entry.Park(reason), parked: reason}
	}
	return work
}

// land makes a batch durable and only then acknowledges it to Redis. At the end of the bridge the batch under way has
// the drain time to land.
func (st *stream) land(ctx context.Context, b batch) error {
	ctx, cancel := drained(ctx, st.options.Drain)
	defer cancel()
	ctx, span := st.options.Tracer.Start(ctx, telemetry.Beginning{Name: "land entries of the event bus", Root: true})
	defer span.End()
	span.Text(telemetry.Stream, st.key)
	span.Number(telemetry.BatchCount, len(b.entries))
	reports := st.watch.owed()
	messages := append(make([]relay.Message, 0, len(reports)+len(b.work)), reports...)
	gone := 0
	for _, o := range b.work {
		if o.gone {
			gone++
			continue
		}
		messages = append(messages, o.message)
	}
	st.pendingGone(gone)
	receipts, err := st.options.Publish.PublishBatch(ctx, messages)
	if code := relay.CodeOf(err); code == relay.CodeTooLarge || code == relay.CodeInvalid {
		receipts, err = st.landSingly(ctx, reports, b)
	}
	if err != nil {
		span.Fail(string(relay.CodeOf(err)))
		return fmt.Errorf("publish entries of the event bus: %w", err)
	}
	st.watch.reported(len(reports))
	if err := st.acknowledge(ctx, b); err != nil {
		span.Fail("acknowledge")
		return err
	}
	st.count(b.work, receipts[len(reports):])
	return nil
}

// landSingly parks those of a batch that the log does not take, and publishes the others. What is too large even for
// that must not hold up the rest: it is left in Redis, unacknowledged, and said so each time it is met.
func (st *stream) landSingly(ctx context.Context, reports []relay.Message, b batch) ([]relay.Receipt, error) {
	receipts, err := st.options.Publish.PublishBatch(ctx, reports)
	if err != nil {
		return nil, err
	}
	for i := range b.work {
		o := &b.work[i]
		if o.gone {
			continue
		}
		one, err := st.options.Publish.PublishBatch(ctx, []relay.Message{o.message})
		if code := relay.CodeOf(err); o.parked == "" && (code == relay.CodeTooLarge || code == relay.CodeInvalid) {
			st.log.Warn("entry parked", "entry", b.entries[i].ID, "reason", openedx.ReasonSize, "error", err)
			*o = outcome{message: b.entries[i].Park(openedx.ReasonSize), parked: openedx.ReasonSize}
			one, err = st.options.Publish.PublishBatch(ctx, []relay.Message{o.message})
		}
		if relay.CodeOf(err) == relay.CodeTooLarge {
			st.log.Error("entry is too large for the log even to be parked, it is left in Redis; raise max_payload of the NATS server",
				"entry", b.entries[i].ID)
			o.left = true
			continue
		}
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, one...)
	}
	return receipts, nil
}

// acknowledge tells Redis that the log has the entries.
func (st *stream) acknowledge(ctx context.Context, b batch) error {
	ids := make([]string, 0, len(b.entries))
	for i, entry := range b.entries {
		if !b.work[i].left {
			ids = append(ids, entry.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := st.redis.XAck(ctx, st.key, st.options.Group, ids...).Err(); err != nil {
		return redisError("acknowledge entries", err)
	}
	return nil
}

func (st *stream) count(work []outcome, receipts []relay.Receipt) {
	var published, repeated, parked, unknown, left, i float64
	for _, o := range work {
		if o.left {
			left++
		}
		if o.gone || o.left {
			continue
		}
		switch duplicate := receipts[int(i)].Duplicate; {
		case o.parked != "":
			parked++
			if o.parked == openedx.ReasonUnknown {
				unknown++
			}
		case duplicate:
			repeated++
		default:
			published++
		}
		i++
	}
	st.metrics.entries.WithLabelValues(st.key, "published").Add(published)
	st.metrics.entries.WithLabelValues(st.key, "duplicate").Add(repeated)
	st.metrics.entries.WithLabelValues(st.key, "parked").Add(parked)
	st.metrics.entries.WithLabelValues(st.key, "left").Add(left)
	st.metrics.unknown.Add(unknown)
	st.watch.carried(int(published + repeated + parked))
}
