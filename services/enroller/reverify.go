package enroller

import (
	"context"
	"log/slog"

	"github.com/edrelay/edrelay/internal/relay"
)

// RejectedLog is the stream of rejected webhooks.
type RejectedLog interface {
	Newest(context.Context, relay.LogQuery) ([]relay.Received, error)
	Delete(ctx context.Context, stream string, sequence uint64) error
	PublishBatch(context.Context, []relay.Message) ([]relay.Receipt, error)
}

// Reverifier verifies rejected webhooks again, from the bytes that were kept, after what was wrong was mended.
type Reverifier struct {
	Log RejectedLog
	// Verify gives the message that the webhook would have become, had it been verified then; its error says why it still
	// is not.
	Verify func(context.Context, relay.Received) (relay.Message, error)
	Logger *slog.Logger
}

// Reverify tries the rejected webhooks that a query chooses, oldest first. Those that pass now are made durable like new
// ones, under the sender's own identity, and leave the stream of the rejected; the others stay. ErrNotFound when the
// query names an id that isn't there.
func (r Reverifier) Reverify(ctx context.Context, query relay.ReverifyQuery) ([]relay.Reverified, error) {
	chosen, err := r.choose(ctx, query)
	if err != nil {
		return nil, err
	}
	if len(chosen) == 0 && query.ID != "" {
		return nil, relay.ErrNotFound
	}
	results := []relay.Reverified{}
	for i := len(chosen) - 1; i >= 0; i-- {
		one, err := r.one(ctx, chosen[i])
		if err != nil {
			return results, err
		}
		results = append(results, one)
	}
	return results, nil
}

// ReverifyThese tries rejected webhooks of the log, for replays, and says how many are still refused.
func (r Reverifier) ReverifyThese(ctx context.Context, batch []relay.Received) (refused int, err error) {
	for _, m := range batch {
		one, err := r.one(ctx, m)
		if relay.CodeOf(err) == relay.CodeNotFound { // somebody else took it meanwhile
			continue
		}
		if err != nil {
			return refused, err
		}
		if !one.Accepted {
			refused++
		}
	}
	return refused, nil
}

func (r Reverifier) choose(ctx context.Context, query relay.ReverifyQuery) ([]relay.Received, error) {
	const most = 500
	var chosen []relay.Received
	page := relay.LogQuery{Stream: relay.StreamRejected, Limit: most}
	for {
		list, err := r.Log.Newest(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			if (query.ID == "" || m.ID == query.ID || relay.RejectedID(m.Sequence) == query.ID) && (query.Source == "" || m.Header[relay.HeaderSource] == query.Source) &&
				(query.Reason == "" || m.Header[relay.HeaderReason] == query.Reason) {
				chosen = append(chosen, m)
			}
		}
		if len(list) < most || query.ID != "" && len(chosen) > 0 {
			return chosen, nil
		}
		page.Before = list[len(list)-1].Sequence
	}
}

func (r Reverifier) one(ctx context.Context, m relay.Received) (relay.Reverified, error) {
	result := relay.Reverified{ID: relay.RejectedID(m.Sequence), Source: m.Header[relay.HeaderSource]}
	message, err := r.Verify(ctx, m)
	if err != nil {
		result.Reason = relay.PublicMessage(err)
		if relay.CodeOf(err) == relay.CodeInternal {
			result.Reason = err.Error()
		}
		return result, nil
	}
	if _, err := r.Log.PublishBatch(ctx, []relay.Message{message}); err != nil {
		return result, err
	}
	result.Accepted, result.Webhook = true, message.ID
	if r.Logger != nil {
		r.Logger.Info("rejected webhook accepted after all", "webhook", message.ID, "rejected", m.ID, "source", result.Source)
	}
	// It is safe on the log; should this fail, a second time finds a duplicate.
	return result, r.Log.Delete(ctx, relay.StreamRejected, m.Sequence)
}
