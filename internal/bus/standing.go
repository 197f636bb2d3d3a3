package bus

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

// Standing tells how full the log is and how far its durable consumers are behind.
func (b *Bus) Standing(ctx context.Context) (relay.LogStanding, error) {
	var standing relay.LogStanding
	account, err := patiently(ctx, b, b.js.AccountInfo)
	if err != nil {
		return standing, readError(err)
	}
	standing.Stored, standing.Limit = int64(account.Store), max(account.Limits.MaxStore, 0)
	for _, name := range []string{relay.StreamWebhooks, relay.StreamRejected, relay.StreamEvents} {
		handle, err := b.stream(ctx, name)
		if err != nil {
			return standing, err
		}
		info, err := patiently(ctx, b, func(ctx context.Context) (*jetstream.StreamInfo, error) { return handle.Info(ctx) })
		if err != nil {
			return standing, readError(err)
		}
		standing.Streams = append(standing.Streams, relay.StreamStanding{
			Name: name, Messages: info.State.Msgs, MaxBytes: max(info.Config.MaxBytes, 0),
			First: info.State.FirstTime, Last: info.State.LastTime,
		})
		consumers, err := b.Consumers(ctx, name)
		if err != nil {
			return standing, err
		}
		for _, c := range consumers {
			if c.Description != "" { // edrelay describes its own
				standing.Consumers = append(standing.Consumers, c)
			}
		}
	}
	return standing, nil
}
