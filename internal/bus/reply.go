package bus

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// replies hands answers to those who asked: one subscription for all of them.
type replies struct {
	conn   *nats.Conn
	prefix string // of the reply subjects, with the dot at its end
	mu     sync.Mutex
	last   uint64
	waits  map[string]chan *nats.Msg // by the last token of the reply subject
}

func newReplies(conn *nats.Conn) (*replies, error) {
	r := &replies{conn: conn, prefix: conn.NewInbox() + ".", waits: map[string]chan *nats.Msg{}}
	_, err := conn.Subscribe(r.prefix+"*", r.take)
	return r, err
}

func (r *replies) take(answer *nats.Msg) {
	token := answer.Subject[strings.LastIndexByte(answer.Subject, '.')+1:]
	r.mu.Lock()
	wait := r.waits[token]
	delete(r.waits, token)
	r.mu.Unlock()
	if wait != nil {
		wait <- answer
	}
}

// question is an answer to come.
type question struct {
	replies *replies
	token   string
	wait    chan *nats.Msg
}

// ask sends the message with a reply subject of its own.
func (r *replies) ask(message *nats.Msg) (question, error) {
	q := question{replies: r, wait: make(chan *nats.Msg, 1)}
	r.mu.Lock()
	r.last++
	q.token = strconv.FormatUint(r.last, 36)
	r.waits[q.token] = q.wait
	r.mu.Unlock()
	message.Reply = r.prefix + q.token
	if err := r.conn.PublishMsg(message); err != nil {
		q.drop()
		return q, err
	}
	return q, nil
}

// answer waits for the answer until ctx or the connection lost ends.
func (q question) answer(ctx, lost context.Context) (*nats.Msg, error) {
	select {
	case message := <-q.wait:
		if len(message.Data) == 0 && message.Header.Get("Status") == "503" {
			return nil, nats.ErrNoResponders
		}
		return message, nil
	case <-ctx.Done():
		q.drop()
		return nil, context.Cause(ctx)
	case <-lost.Done():
		q.drop()
		return nil, errConnectionLost
	}
}

func (q question) drop() {
	q.replies.mu.Lock()
	delete(q.replies.waits, q.token)
	q.replies.mu.Unlock()
}
