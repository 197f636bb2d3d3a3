package bus

import (
	"context"

	"github.com/edrelay/edrelay/internal/relay"
)

// Distinct publishes like Bus, but does not take two events of different types for one because they have the same id.
// Senders promise that ids are unique; should one break the promise, the later event is written under id and type
// instead of being swallowed.
type Distinct struct{ *Bus }

// Publish is Bus.Publish.
func (d Distinct) Publish(ctx context.Context, m relay.Message) (relay.Receipt, error) {
	receipt, err := d.Bus.Publish(ctx, m)
	if err != nil {
		return receipt, err
	}
	return d.again(ctx, m, receipt)
}

// PublishBatch is Bus.PublishBatch.
func (d Distinct) PublishBatch(ctx context.Context, messages []relay.Message) ([]relay.Receipt, error) {
	receipts, err := d.Bus.PublishBatch(ctx, messages)
	if err != nil {
		return nil, err
	}
	for i := range receipts {
		if receipts[i], err = d.again(ctx, messages[i], receipts[i]); err != nil {
			return nil, err
		}
	}
	return receipts, nil
}

// again publishes an event under its id and type when the log has its id for an event of another type.
func (d Distinct) again(ctx context.Context, m relay.Message, receipt relay.Receipt) (relay.Receipt, error) {
	if !receipt.Duplicate || receipt.Stream != relay.StreamEvents || m.DedupID != m.ID {
		return receipt, nil
	}
	first, err := d.Message(ctx, receipt.Stream, receipt.Sequence)
	if relay.CodeOf(err) == relay.CodeNotFound || err == nil && first.Type == m.Type {
		return receipt, nil
	}
	if err != nil {
		return relay.Receipt{}, err
	}
	m.DedupID = m.ID + ":" + m.Type
	return d.Bus.Publish(ctx, m)
}
