package bus

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

// ask is a question for one message, in the words of the server.
type ask struct {
	Sequence uint64 `json:"seq,omitempty"`
	Last     string `json:"last_by_subj,omitempty"`
	Next     string `json:"next_by_subj,omitempty"`
}

// read gets one message. In a cluster any copy of the stream answers, and one that is behind does not have the newest
// messages: what it does not know the leader is asked for.
func (b *Bus) read(ctx context.Context, stream string, what ask, get func(context.Context) (*jetstream.RawStreamMsg, error)) (relay.Received, error) {
	raw, err := patiently(ctx, b, get)
	if errors.Is(err, jetstream.ErrMsgNotFound) && b.config.Replicas > 1 {
		raw, err = patiently(ctx, b, func(ctx context.Context) (*jetstream.RawStreamMsg, error) { return b.askLeader(ctx, stream, what) })
	}
	return received(raw, err)
}

// askLeader gets one message from the leader of the stream.
func (b *Bus) askLeader(ctx context.Context, stream string, what ask) (*jetstream.RawStreamMsg, error) {
	question, err := json.Marshal(what)
	if err != nil {
		return nil, err
	}
	answer, err := b.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, question)
	if err != nil {
		return nil, err
	}
	var got struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Subject  string    `json:"subject"`
			Sequence uint64    `json:"seq"`
			Header   []byte    `json:"hdrs"`
			Data     []byte    `json:"data"`
			Time     time.Time `json:"time"`
		} `json:"message"`
	}
	if err := json.Unmarshal(answer.Data, &got); err != nil {
		return nil, err
	}
	if got.Error != nil && got.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
		return nil, jetstream.ErrMsgNotFound
	}
	if got.Error != nil {
		return nil, got.Error
	}
	m := got.Message
	raw := &jetstream.RawStreamMsg{Subject: m.Subject, Sequence: m.Sequence, Data: m.Data, Time: m.Time}
	if len(m.Header) > 0 {
		raw.Header, err = nats.DecodeHeadersMsg(m.Header)
	}
	return raw, err
}

// patience is for readers of a consumer that was just made: the servers of a cluster know of it only a moment later, and
// those asked before say that nobody answers.
type patience struct{ until time.Time }

// again waits a moment and tells whether to fetch again.
func (p *patience) again(ctx context.Context, err error) bool {
	if !errors.Is(err, nats.ErrNoResponders) {
		return false
	}
	if p.until.IsZero() {
		p.until = time.Now().Add(questionWait)
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(20 * time.Millisecond):
		return time.Now().Before(p.until)
	}
}
