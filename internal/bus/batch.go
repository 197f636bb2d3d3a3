package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/edrelay/edrelay/internal/relay"
)

// Headers of an atomic batch (NATS ADR-50), and the server's codes that matter here.
const (
	headerBatchID       = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"

	codeBatchDisabled  jetstream.ErrorCode = 10174
	codeBatchDuplicate jetstream.ErrorCode = 10201
)

// batchWait is how long the answer to a batch may take before its messages are sent singly.
const batchWait = 2 * time.Second

// flight is a group that was sent and whose answer is to come.
type flight struct {
	items    []*item
	repeats  []*item // equal DedupID as one of items
	id       string  // of the batch; "" for a single message
	question question
	lost     context.Context
	err      error // sending failed
}

// send writes the group to the connection, as one atomic batch when it holds more than one message.
func (p *publisher) send(group []*item) flight {
	f := flight{lost: p.bus.epoch.now()}
	f.items, f.repeats = distinct(group)
	switch {
	case len(f.items) == 0:
		return f
	case len(f.items) == 1:
		f.question, f.err = p.bus.replies.ask(encode(f.items[0].message))
		return f
	case p.bus.noBatches.Load():
		f.err = errBatchesOff
		return f
	}
	f.id = nuid.Next()
	last := len(f.items) - 1
	for i, it := range f.items {
		message := encode(it.message)
		message.Header[headerBatchID] = []string{f.id}
		message.Header[headerBatchSequence] = []string{strconv.Itoa(i + 1)}
		if i == last {
			message.Header[headerBatchCommit] = []string{"1"}
			f.question, f.err = p.bus.replies.ask(message)
		} else {
			f.err = p.bus.conn.PublishMsg(message)
		}
		if f.err != nil {
			return f
		}
	}
	return f
}

var errBatchesOff = errors.New("the stream takes no atomic batches")

// distinct drops those whose callers have gone and sets repeats of a DedupID aside: the server refuses a batch that
// holds one id twice.
func distinct(group []*item) (items, repeats []*item) {
	seen := make(map[string]struct{}, len(group))
	for _, it := range group {
		if it.ctx.Err() != nil && len(group) > 1 {
			it.settle(relay.Receipt{}, unavailable("The log did not take the message in time.", context.Cause(it.ctx)))
			continue
		}
		if _, again := seen[it.message.DedupID]; again {
			repeats = append(repeats, it)
			continue
		}
		seen[it.message.DedupID] = struct{}{}
		items = append(items, it)
	}
	return items, repeats
}

// land waits for the log's word on the flight and settles its items. A batch refused or of unknown outcome is sent
// again message by message, which is safe because each has a DedupID.
func (p *publisher) land(f flight) {
	if len(f.items) == 0 {
		return
	}
	if f.id == "" && len(f.items) == 1 && f.err == nil {
		p.landOne(f.items[0], f.question, f.lost, nil)
	} else if receipt, err := p.outcome(f); err == nil {
		first := receipt.Sequence - uint64(len(f.items)) + 1
		for i, it := range f.items {
			it.settle(relay.Receipt{Stream: receipt.Stream, Sequence: first + uint64(i)}, nil)
		}
	} else {
		if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == codeBatchDisabled {
			p.bus.noBatches.Store(true)
		}
		p.bus.log.Debug("batch refused, publishing singly", "stream", p.stream, "messages", len(f.items), "error", err)
		p.singles(f.items)
	}
	p.singles(f.repeats)
}

// outcome gives the receipt of the last message of a batch, or why the batch is not known to be durable.
func (p *publisher) outcome(f flight) (relay.Receipt, error) {
	if f.err != nil {
		return relay.Receipt{}, f.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), batchWait)
	defer cancel()
	answer, err := f.question.answer(ctx, f.lost)
	if err != nil {
		return relay.Receipt{}, err
	}
	ack, err := parseAck(answer.Data)
	if err != nil {
		return relay.Receipt{}, err
	}
	if ack.Batch != f.id || ack.Count != len(f.items) || ack.Sequence < uint64(ack.Count) {
		return relay.Receipt{}, errors.New("the server did not treat the messages as a batch")
	}
	return relay.Receipt{Stream: ack.Stream, Sequence: ack.Sequence}, nil
}

// ack is the server's answer to a publish.
type ack struct {
	Stream    string              `json:"stream"`
	Sequence  uint64              `json:"seq"`
	Duplicate bool                `json:"duplicate"`
	Batch     string              `json:"batch"`
	Count     int                 `json:"count"`
	Error     *jetstream.APIError `json:"error"`
}

func parseAck(data []byte) (ack, error) {
	var a ack
	if err := json.Unmarshal(data, &a); err != nil {
		return ack{}, fmt.Errorf("read the log's answer: %w", err)
	}
	if a.Error != nil {
		return ack{}, a.Error
	}
	if a.Sequence == 0 {
		return ack{}, errors.New("the log's answer names no sequence")
	}
	return a, nil
}
