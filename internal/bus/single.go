package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edrelay/edrelay/internal/relay"
)

// asked is a message that was sent by itself.
type asked struct {
	item     *item
	question question
	lost     context.Context
	err      error // sending failed
}

// ask sends each message by itself, in order, and waits for none.
func (p *publisher) ask(items []*item) []asked {
	var sent []asked
	for _, it := range items {
		a := asked{item: it, lost: p.bus.epoch.now()}
		a.question, a.err = p.bus.replies.ask(encode(it.message))
		sent = append(sent, a)
	}
	return sent
}

// landAlone waits until each is settled.
func (p *publisher) landAlone(sent []asked) {
	if len(sent) == 1 {
		p.landOne(sent[0])
		return
	}
	var waiting sync.WaitGroup
	for _, a := range sent {
		waiting.Go(func() { p.landOne(a) })
	}
	waiting.Wait()
}

// landOne waits for the answer to one message, and asks again while its caller waits and the answer is not known.
func (p *publisher) landOne(a asked) {
	it, err := a.item, a.err
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		var receipt relay.Receipt
		if err == nil {
			receipt, err = single(it.ctx, a.question, a.lost)
		}
		if err == nil || final(err) {
			it.settle(receipt, publishError(err))
			return
		}
		select {
		case <-it.ctx.Done():
			it.settle(relay.Receipt{}, unavailable("The log did not confirm in time.", err))
			return
		case <-time.After(pause):
		}
		a.lost = p.bus.epoch.now()
		a.question, err = p.bus.replies.ask(encode(it.message))
	}
}

func single(ctx context.Context, q question, lost context.Context) (relay.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, batchWait)
	defer cancel()
	answer, err := q.answer(ctx, lost)
	if err != nil {
		return relay.Receipt{}, err
	}
	a, err := parseAck(answer.Data)
	if err != nil {
		return relay.Receipt{}, err
	}
	return relay.Receipt{Stream: a.Stream, Sequence: a.Sequence, Duplicate: a.Duplicate}, nil
}

// final tells whether sending the same message again can't change the answer.
func final(err error) bool {
	if errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrBadSubject) || errors.Is(err, nats.ErrConnectionClosed) {
		return true
	}
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && api.Code >= 400 && api.Code < 500 && api.ErrorCode != codeDuplicateInProcess
}

// Codes of the server for a single publish.
const (
	codeDuplicateInProcess jetstream.ErrorCode = 10158 // the same DedupID is being written right now
	codeMessageTooLarge    jetstream.ErrorCode = 10054
	codeHeaderTooLarge     jetstream.ErrorCode = 10097
)

func publishError(err error) error {
	if err == nil {
		return nil
	}
	api, isAPI := errors.AsType[*jetstream.APIError](err)
	tooLarge := isAPI && (api.ErrorCode == codeMessageTooLarge || api.ErrorCode == codeHeaderTooLarge)
	if tooLarge || errors.Is(err, nats.ErrMaxPayload) {
		return &relay.Error{Code: relay.CodeTooLarge, Message: "The message is larger than the log takes.", Err: err}
	}
	return unavailable("The log did not take the message.", err)
}
