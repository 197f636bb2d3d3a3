package filter

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/webfilter"
)

// maxReply keeps an answer below what every NATS server passes on.
const maxReply = 768 << 10

// handle answers a question from its subject. A question that can't be read gets the empty object.
func (s *Service) handle(ctx context.Context, class string, m relay.Message) relay.Message {
	s.inflight.Add(1)
	defer s.inflight.Done()
	ctx, span := s.beginSpan(ctx, class, m)
	defer span.End()
	var answer webfilter.Answer
	request, err := webfilter.FromMessage(s.opts.Catalogue, class, m)
	if err != nil {
		s.opts.Log.Warn("filter question can't be read", "filter", class, "error", err)
	} else {
		answer = s.Ask(context.WithoutCancel(ctx), request)
	}
	if body := answer.JSON(); len(body) > maxReply {
		s.opts.Log.Warn("filters' data is too large to pass on and left out", "filter", class, "bytes", len(body))
		answer.Data = nil
	}
	return relay.Message{
		ID: m.ID + "-answer", Type: m.Type, Source: "/notifier/filters", Time: s.opts.Now(), ContentType: "application/json",
		Header: map[string]string{webfilter.HeaderChecked: "1"}, Body: answer.JSON(),
	}
}

// Ask asks the filters of the request's class and gives what Open edX is to hear, within the deadline. A failure of
// a filter, or what its status asks, decides at once and alone; answers are merged key by key, the later wins.
func (s *Service) Ask(ctx context.Context, request webfilter.Request) webfilter.Answer {
	start := s.opts.Now()
	ctx, cancel := context.WithTimeout(ctx, s.opts.Deadline)
	defer cancel()
	q := &question{
		service: s, request: request, id: strings.ToLower(rand.Text()), bodies: map[relay.Format][]byte{}, asked: start,
	}
	answer := q.run(ctx, (*s.chains.Load())[request.Filter.Class])
	s.metrics.questions.WithLabelValues(request.Filter.Class, q.outcome(answer)).Inc()
	s.metrics.questionSeconds.Observe(s.opts.Now().Sub(start).Seconds())
	return answer
}

// question is one question of Open edX under way.
type question struct {
	service *Service
	request webfilter.Request
	id      string
	bodies  map[relay.Format][]byte // encoded once for all filters
	asked   time.Time
}

// run asks group after group: a filter alone, or neighbours that may be asked together.
func (q *question) run(ctx context.Context, chain []*target) webfilter.Answer {
	for _, t := range chain {
		if q.bodies[t.Format] == nil {
			_, q.bodies[t.Format] = webfilter.Encode(q.request, t.Format, q.asked)
		}
	}
	var all webfilter.Answer
	for len(chain) > 0 {
		n := 1
		for chain[0].Parallel && n < len(chain) && chain[n].Parallel {
			n++
		}
		halted, decided := q.group(ctx, chain[:n], &all)
		if decided {
			return halted
		}
		chain = chain[n:]
	}
	return all
}

// group asks targets at the same time and takes their results in order. The first that halts decides; nobody waits
// for those behind it.
func (q *question) group(ctx context.Context, group []*target, all *webfilter.Answer) (halted webfilter.Answer, decided bool) {
	if len(group) == 1 {
		return take(q.one(ctx, group[0]), all)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([]chan result, len(group))
	for i, t := range group {
		results[i] = make(chan result, 1)
		q.service.inflight.Go(func() { results[i] <- q.one(ctx, t) })
	}
	for i := range group {
		if halted, decided = take(<-results[i], all); decided {
			return halted, true
		}
	}
	return webfilter.Answer{}, false
}

func take(r result, all *webfilter.Answer) (halted webfilter.Answer, decided bool) {
	if r.halts {
		return r.answer, true
	}
	*all = all.Merge(r.answer)
	return webfilter.Answer{}, false
}

// one asks a target and puts the call on record.
func (q *question) one(ctx context.Context, t *target) result {
	start := q.service.opts.Now()
	r := q.call(ctx, t)
	took := q.service.opts.Now().Sub(start)
	r.record.ID, r.record.Question, r.record.At = strings.ToLower(rand.Text()), q.id, start
	r.record.Name, r.record.Filter = t.Name, q.request.Filter.Class
	r.record.DurationMS = float64(took.Microseconds()) / 1000
	q.service.records.add(r.record)
	q.service.metrics.call(r.record, took)
	return r
}

func (q *question) outcome(answer webfilter.Answer) string {
	switch {
	case answer.Halts(q.request.Filter) != "":
		return string(relay.FilterHalted)
	case answer.Data.Len() > 0:
		return string(relay.FilterChanged)
	}
	return string(relay.FilterUnchanged)
}
