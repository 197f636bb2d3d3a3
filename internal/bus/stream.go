package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

const codeNoRoom = 10047 // the server's code for storage that is not there

// EnsureStreams makes the streams of the log, or changes those that exist to the configuration as far as the
// server allows; what can't be changed stays, and a stream that can't serve is an error.
func (b *Bus) EnsureStreams(ctx context.Context) error {
	for _, wanted := range b.streams() {
		if err := b.ensureStream(ctx, wanted); err != nil {
			failure := &relay.Error{Code: relay.CodeUnavailable,
				Message: fmt.Sprintf("The stream %s can't be made ready.", wanted.Name), Err: err}
			if about := new(jetstream.APIError); errors.As(err, &about) && about.ErrorCode == codeNoRoom {
				failure.Hint = "The NATS server's disk or account has less room than the streams' limits ask for: make room, or lower nats.retention.…_bytes."
			}
			return failure
		}
	}
	return nil
}

func (b *Bus) streams() []jetstream.StreamConfig {
	keep := b.config.Retention
	base := jetstream.StreamConfig{
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, Storage: jetstream.FileStorage,
		Replicas: b.config.Replicas, Duplicates: keep.Dedup, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxMsgsPerSubject: -1,
		MaxConsumers: -1, AllowDirect: true, AllowAtomicPublish: true,
	}
	webhooks, rejected, events := base, base, base
	webhooks.Name, webhooks.Subjects, webhooks.MaxAge = relay.StreamWebhooks, []string{"webhooks.>"}, keep.Webhooks
	webhooks.Description, webhooks.MaxBytes = "verified webhooks, byte for byte", limited(keep.WebhooksBytes)
	rejected.Name, rejected.Subjects, rejected.MaxAge = relay.StreamRejected, []string{"rejected.>"}, keep.Rejected
	rejected.Description, rejected.MaxBytes = "what failed verification; the oldest go first", keep.RejectedBytes
	events.Name, events.Subjects, events.MaxAge = relay.StreamEvents, []string{"events.>"}, keep.Events
	events.Description, events.MaxBytes = "what happened in Open edX and in edrelay", limited(keep.EventsBytes)
	configs := []jetstream.StreamConfig{webhooks, rejected, events}
	for i := range configs {
		configs[i].Duplicates = min(configs[i].Duplicates, configs[i].MaxAge)
	}
	return configs
}

// limited is a limit as the server writes it.
func limited(bytes int64) int64 {
	if bytes <= 0 {
		return -1
	}
	return bytes
}

func (b *Bus) ensureStream(ctx context.Context, wanted jetstream.StreamConfig) error {
	stream, err := b.js.Stream(ctx, wanted.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = b.js.CreateStream(ctx, wanted)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another process was faster
			return b.ensureStream(ctx, wanted)
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("look up stream: %w", err)
	}
	merged := merge(stream.CachedInfo().Config, wanted)
	if _, err := b.js.UpdateStream(ctx, merged); err != nil {
		return fmt.Errorf("update stream: %w", err)
	}
	return nil
}

// merge lays what edrelay needs over what stands: storage and retention policy can't be changed later, and what an
// operator set besides (placement, mirrors' sources, metadata, stricter limits of size) is kept.
func merge(standing, wanted jetstream.StreamConfig) jetstream.StreamConfig {
	merged := standing
	merged.Description, merged.Subjects = wanted.Description, wanted.Subjects
	merged.MaxAge, merged.Duplicates, merged.Replicas = wanted.MaxAge, wanted.Duplicates, wanted.Replicas
	merged.MaxBytes, merged.MaxMsgs, merged.MaxMsgsPerSubject = wanted.MaxBytes, wanted.MaxMsgs, wanted.MaxMsgsPerSubject
	merged.Discard, merged.DiscardNewPerSubject = wanted.Discard, false
	merged.AllowDirect, merged.AllowAtomicPublish = true, true
	return merged
}

// StreamOf gives the stream that a subject of the log belongs to; "" when none takes it.
func StreamOf(subject string) string {
	switch {
	case hasToken(subject, "webhooks."):
		return relay.StreamWebhooks
	case hasToken(subject, "rejected."):
		return relay.StreamRejected
	case hasToken(subject, "events."):
		return relay.StreamEvents
	}
	return ""
}

func hasToken(subject, prefix string) bool {
	return len(subject) > len(prefix) && subject[:len(prefix)] == prefix
}
