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

	codeBatchDisabled jetstream.ErrorCode = 10174
)

// batchWait is how long the answer to a batch may take before its messages are sent singly.
// It leaves time for two more tries within the patience of a sender.
const batchWait = time.Second

// batchLeast is the smallest group worth a batch: the server's work for a batch costs about as much as this many
// single messages.
const batchLeast = 4

// flight is a group that was sent and whose answers are to come.
type flight struct {
	items    []*item // of the batch
	id       string  // of the batch
	question question
	lost     context.Context
	err      error   // sending the batch failed
	alone    []asked // sent by themselves
}

// send writes the group to the connection: as one atomic batch what can be in one, the rest message by message.
func (p *publisher) send(group []*item) flight {
	batch, alone := p.split(group)
	f := flight{items: batch}
	if len(batch) > 0 {
		f.lost = p.bus.epoch.now()
		f.id = nuid.Next()
		f.question, f.err = p.sendBatch(batch, f.id)
	}
	f.alone = p.ask(alone)
	return f
}

// split tells what goes as a batch. The server refuses a whole batch for one DedupID that it knows or that is there
// twice, so what was published before as far as this process knows goes alone. Callers that have gone are settled.
func (p *publisher) split(group []*item) (batch, alone []*item) {
	for _, it := range group {
		switch {
		case it.ctx.Err() != nil:
			it.settle(relay.Receipt{}, unavailable("The log did not take the message in time.", context.Cause(it.ctx)))
		case p.recent.known(it.message.DedupID):
			alone = append(alone, it)
		default:
			batch = append(batch, it)
		}
	}
	if len(batch) < batchLeast || p.bus.noBatches.Load() {
		return nil, append(batch, alone...)
	}
	return batch, alone
}

func (p *publisher) sendBatch(items []*item, id string) (question, error) {
	for i, it := range items {
		message := encode(it.message)
		message.Header[headerBatchID] = []string{id}
		message.Header[headerBatchSequence] = []string{strconv.Itoa(i + 1)}
		if i == len(items)-1 {
			message.Header[headerBatchCommit] = []string{"1"}
			return p.bus.replies.ask(message)
		}
		if err := p.bus.conn.PublishMsg(message); err != nil {
			return question{}, err
		}
	}
	return question{}, nil
}

// land waits for the log's word on the flight and settles its items. A batch refused or of unknown outcome is sent
// again message by message, which is safe because each has a DedupID.
func (p *publisher) land(f flight) {
	if len(f.items) > 0 {
		p.landBatch(f)
	}
	p.landAlone(f.alone)
}

func (p *publisher) landBatch(f flight) {
	receipt, err := p.outcome(f)
	if err == nil {
		first := receipt.Sequence - uint64(len(f.items)) + 1
		for i, it := range f.items {
			it.settle(relay.Receipt{Stream: receipt.Stream, Sequence: first + uint64(i)}, nil)
		}
		return
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == codeBatchDisabled {
		p.bus.noBatches.Store(true)
	}
	p.bus.log.Debug("batch not confirmed, publishing singly", "stream", p.stream, "messages", len(f.items), "error", err)
	p.landAlone(p.ask(f.items))
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
