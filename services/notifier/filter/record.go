package filter

import (
	"context"
	"log/slog"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// The bounds of the record: it is written behind the learner's back and never holds an answer up.
const (
	recordRoom  = 8192 // calls that may wait for the ledger
	recordBatch = 500
	recordEvery = 200 * time.Millisecond
)

// recorder writes calls to the ledger in batches. When the ledger is away for long the oldest that wait are lost, and counted.
type recorder struct {
	ledger  Ledger
	log     *slog.Logger
	metrics *metrics
	waiting chan relay.FilterCall
}

func newRecorder(ledger Ledger, log *slog.Logger, m *metrics) *recorder {
	return &recorder{ledger: ledger, log: log, metrics: m, waiting: make(chan relay.FilterCall, recordRoom)}
}

// add never blocks.
func (r *recorder) add(call relay.FilterCall) {
	select {
	case r.waiting <- call:
	default:
		r.metrics.unrecorded.Inc()
	}
}

// run writes until ctx ends, and then what still waits.
func (r *recorder) run(ctx context.Context) {
	ticker := time.NewTicker(recordEvery)
	defer ticker.Stop()
	var kept []relay.FilterCall
	for {
		select {
		case <-ticker.C:
			kept = r.write(ctx, kept)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			for {
				if kept = r.write(last, kept); len(kept) > 0 || len(r.waiting) == 0 {
					r.metrics.unrecorded.Add(float64(len(kept)))
					return
				}
			}
		}
	}
}

// write sends batches until nothing waits; what the ledger did not take is kept for the next time.
func (r *recorder) write(ctx context.Context, kept []relay.FilterCall) []relay.FilterCall {
	for {
		kept = r.fill(kept)
		if len(kept) == 0 {
			return nil
		}
		if err := r.ledger.RecordFilterCalls(ctx, kept); err != nil {
			r.log.Warn("filter calls not recorded yet", "calls", len(kept), "error", err)
			return kept
		}
		kept = kept[:0]
		if len(r.waiting) == 0 {
			return nil
		}
	}
}

func (r *recorder) fill(kept []relay.FilterCall) []relay.FilterCall {
	for len(kept) < recordBatch {
		select {
		case call := <-r.waiting:
			kept = append(kept, call)
		default:
			return kept
		}
	}
	return kept
}
