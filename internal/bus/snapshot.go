package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

// StreamSnapshot describes a snapshot of a stream: what the server needs to take it back, and what people want to know.
type StreamSnapshot struct {
	Name     string          `json:"name"`
	Config   json.RawMessage `json:"config"` // of the server, as it stood
	State    json.RawMessage `json:"state"`
	Messages uint64          `json:"messages"`
	First    uint64          `json:"first"` // sequences
	Last     uint64          `json:"last"`
}

const (
	snapshotChunk   = 512 << 10
	snapshotSilence = 30 * time.Second // longest wait for the next chunk or for the server's word on one
)

// Snapshot writes a stream as it stands, with its sequences and times and without its consumers, to w, in the server's
// own format. It holds up nobody who publishes. What is published while it runs may or may not be part of it.
func (b *Bus) Snapshot(ctx context.Context, stream string, w io.Writer) (StreamSnapshot, error) {
	inbox := b.conn.NewInbox()
	chunks, err := b.conn.SubscribeSync(inbox)
	if err != nil {
		return StreamSnapshot{}, readError(err)
	}
	defer func() { _ = chunks.Unsubscribe() }()
	_ = chunks.SetPendingLimits(-1, -1) // the server sends a window of 8 MiB at most
	var answer struct {
		Error  *jetstream.APIError `json:"error"`
		Config json.RawMessage     `json:"config"`
		State  json.RawMessage     `json:"state"`
	}
	request := map[string]any{"deliver_subject": inbox, "no_consumers": true, "chunk_size": snapshotChunk, "jsck": true}
	if err := b.api(ctx, "STREAM.SNAPSHOT."+stream, request, &answer); err != nil {
		return StreamSnapshot{}, err
	}
	if answer.Error != nil {
		return StreamSnapshot{}, readError(answer.Error)
	}
	if err := receiveChunks(ctx, chunks, w); err != nil {
		return StreamSnapshot{}, fmt.Errorf("snapshot of %s: %w", stream, err)
	}
	snapshot := StreamSnapshot{Name: stream, Config: answer.Config, State: answer.State}
	var state jetstream.StreamState
	if err := json.Unmarshal(answer.State, &state); err != nil {
		return StreamSnapshot{}, fmt.Errorf("state of %s: %w", stream, err)
	}
	snapshot.Messages, snapshot.First, snapshot.Last = state.Msgs, state.FirstSeq, state.LastSeq
	return snapshot, nil
}

// receiveChunks writes chunks until the empty one that ends them; its status says how it went.
func receiveChunks(ctx context.Context, chunks *nats.Subscription, w io.Writer) error {
	for {
		waiting, cancel := context.WithTimeout(ctx, snapshotSilence)
		chunk, err := chunks.NextMsgWithContext(waiting)
		cancel()
		if err != nil {
			return unavailable("The log stopped sending.", err)
		}
		if len(chunk.Data) == 0 {
			if status := chunk.Header.Get("Status"); status != "" && status != "204" {
				return unavailable("The log broke the snapshot off.", errors.New(status+" "+chunk.Header.Get("Description")))
			}
			return nil
		}
		if _, err := w.Write(chunk.Data); err != nil {
			return err
		}
		if chunk.Reply != "" {
			if err := chunk.Respond(nil); err != nil {
				return unavailable("The log is away.", err)
			}
		}
	}
}

// RestoreStream makes a stream of a snapshot, with its sequences and times, and with the replicas of this edrelay's
// configuration. A standing stream that holds or held messages is relay.CodeConflict and stays untouched. A server of
// version 2.15 knows the DedupIDs of restored messages only after its next start.
func (b *Bus) RestoreStream(ctx context.Context, snapshot StreamSnapshot, r io.Reader) error {
	if err := b.clearEmpty(ctx, snapshot.Name); err != nil {
		return err
	}
	var config map[string]any
	if err := json.Unmarshal(snapshot.Config, &config); err != nil {
		return fmt.Errorf("configuration of %s: %w", snapshot.Name, err)
	}
	config["num_replicas"] = b.config.Replicas
	delete(config, "placement")
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Deliver string              `json:"deliver_subject"`
	}
	if err := b.api(ctx, "STREAM.RESTORE."+snapshot.Name, map[string]any{"config": config, "state": snapshot.State}, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return unavailable("The log does not take the stream "+snapshot.Name+" back.", answer.Error)
	}
	if err := b.sendChunks(ctx, answer.Deliver, r); err != nil {
		return fmt.Errorf("restore of %s: %w", snapshot.Name, err)
	}
	return b.checkRestored(ctx, snapshot)
}

// clearEmpty removes a stream that never held a message, such as a starting edrelay makes.
func (b *Bus) clearEmpty(ctx context.Context, stream string) error {
	if err := b.CheckEmpty(ctx, stream); err != nil {
		return err
	}
	if err := b.js.DeleteStream(ctx, stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return readError(err)
	}
	b.streamHandles.Delete(stream)
	return nil
}

// CheckEmpty tells whether a stream may be restored: relay.CodeConflict when it holds or held messages.
func (b *Bus) CheckEmpty(ctx context.Context, stream string) error {
	standing, err := b.Stream(ctx, stream)
	if errors.Is(err, relay.ErrNotFound) {
		return nil
	}
	if err == nil && standing.Last > 0 {
		err = &relay.Error{Code: relay.CodeConflict, Message: fmt.Sprintf("The stream %s is not empty.", stream),
			Hint: "Restore onto an empty log: another NATS account or server, or an empty data_dir."}
	}
	return err
}

func (b *Bus) sendChunks(ctx context.Context, subject string, r io.Reader) error {
	buffer := make([]byte, snapshotChunk)
	for {
		n, err := io.ReadFull(r, buffer)
		if n > 0 {
			if err := b.sendChunk(ctx, subject, buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return b.sendChunk(ctx, subject, nil)
		}
		if err != nil {
			return err
		}
	}
}

// sendChunk sends one chunk and waits for the server's word, which is empty for all but the last.
func (b *Bus) sendChunk(ctx context.Context, subject string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, snapshotSilence)
	defer cancel()
	answer, err := b.conn.RequestWithContext(ctx, subject, data)
	if err != nil {
		return unavailable("The log stopped taking.", err)
	}
	var word struct {
		Error *jetstream.APIError `json:"error"`
	}
	if len(answer.Data) > 0 {
		if err := json.Unmarshal(answer.Data, &word); err != nil {
			return fmt.Errorf("answer of the log: %w", err)
		}
	}
	if word.Error != nil {
		return unavailable("The log refused the snapshot.", word.Error)
	}
	return nil
}

// checkRestored holds the stream against its snapshot; retention may have dropped what has grown too old.
func (b *Bus) checkRestored(ctx context.Context, snapshot StreamSnapshot) error {
	got, err := b.Stream(ctx, snapshot.Name)
	if err != nil {
		return err
	}
	if got.Last < snapshot.Last || got.First < snapshot.First && got.Messages > 0 {
		return relay.Errorf(relay.CodeUnavailable, "%s has sequences %d to %d after its restore, and had %d to %d",
			snapshot.Name, got.First, got.Last, snapshot.First, snapshot.Last)
	}
	return nil
}

// ConsumerPosition is how far a durable consumer had come.
type ConsumerPosition struct {
	Stream string          `json:"stream"`
	Name   string          `json:"name"`
	Config json.RawMessage `json:"config"` // of the server, as it stood
	Next   uint64          `json:"next"`   // stream sequence; everything before it is settled
}

// Positions gives the positions of a stream's durable consumers that are asked for messages. Consumers that feed
// mirrors are no part of it: NATS makes them anew.
func (b *Bus) Positions(ctx context.Context, stream string) ([]ConsumerPosition, error) {
	handle, err := b.stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	list := handle.ListConsumers(ctx)
	positions := []ConsumerPosition{}
	for info := range list.Info() {
		if info.Config.Durable == "" || info.Config.DeliverSubject != "" {
			continue
		}
		config, err := json.Marshal(info.Config)
		if err != nil {
			return nil, err
		}
		positions = append(positions, ConsumerPosition{Stream: stream, Name: info.Name, Config: config, Next: info.AckFloor.Stream + 1})
	}
	if list.Err() != nil {
		return nil, readError(list.Err())
	}
	return positions, nil
}

// RestorePosition makes a consumer that goes on at its position. What it had settled out of order after that is handed
// out again.
func (b *Bus) RestorePosition(ctx context.Context, position ConsumerPosition) error {
	var config jetstream.ConsumerConfig
	if err := json.Unmarshal(position.Config, &config); err != nil {
		return fmt.Errorf("configuration of the consumer %s: %w", position.Name, err)
	}
	config.DeliverPolicy, config.OptStartSeq, config.OptStartTime = jetstream.DeliverByStartSequencePolicy, max(position.Next, 1), nil
	config.Replicas = 0
	for name := range config.Metadata {
		if strings.HasPrefix(name, "_nats.") { // the server's own
			delete(config.Metadata, name)
		}
	}
	if _, err := b.js.CreateConsumer(ctx, position.Stream, config); err != nil {
		return consumerError(ConsumerConfig{Stream: position.Stream, Durable: position.Name}, err)
	}
	return nil
}

// api asks the JetStream API for what the client library has no call for.
func (b *Bus) api(ctx context.Context, subject string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, snapshotSilence)
	defer cancel()
	message, err := b.conn.RequestWithContext(ctx, "$JS.API."+subject, body)
	if err != nil {
		return unavailable("The log does not answer.", err)
	}
	return json.Unmarshal(message.Data, answer)
}
