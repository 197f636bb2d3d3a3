package filter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/webfilter"
)

// maxAnswer is how much of an answer is read; a longer one is no answer.
const maxAnswer = 256 << 10

// result is what asking one target came to.
type result struct {
	answer  webfilter.Answer
	halts   bool // answer decides alone: what others said does not count
	problem string
	got     *egress.Answer // nil when none came
	record  relay.FilterCall
}

// call asks the target, if it can be asked, and judges the answer as the plugin does: what failed, then the status,
// then the body.
func (q *question) call(ctx context.Context, t *target) result {
	now := q.service.opts.Now
	if why := t.gate.enter(now()); why != "" {
		return q.unavailable(t, why)
	}
	start := now()
	got, err := q.send(ctx, t)
	if errors.Is(ctx.Err(), context.Canceled) { // our own: another filter decided already
		t.gate.leave(unclear, now())
		return result{record: relay.FilterCall{Outcome: relay.FilterSkipped, Error: "decided by another filter"}}
	}
	if t.gate.leave(t.health(err, now().Sub(start)), now()) {
		q.service.opts.Log.Warn("filter does not answer, it is left alone for a while", "filter", t.Name)
	}
	q.service.metrics.gate(t)
	if err != nil && (got == nil || !t.haltsOn(got.Status)) {
		return q.failed(t, got, err)
	}
	if t.haltsOn(got.Status) {
		if r, ok := q.haltOnStatus(t, got); ok {
			return r
		}
		if err != nil {
			return q.failed(t, got, err)
		}
	}
	return q.body(t, got)
}

// send makes the call. The error is not nil also when only the answer's body is of no use.
func (q *question) send(ctx context.Context, t *target) (*egress.Answer, error) {
	span, header := q.service.beginCall(ctx, t)
	got, err := q.service.opts.Caller.Do(ctx, egress.Request{
		URL: t.url, Header: header, Body: q.bodies[t.Format], Timeout: t.timeout(), ReadLimit: maxAnswer, Repeatable: true,
	})
	endCall(span, got, err)
	switch {
	case err != nil:
		return nil, err
	case got.BodyErr != nil:
		return got, got.BodyErr
	case got.Truncated:
		return got, errTooLarge
	}
	return got, nil
}

var errTooLarge = &egress.Error{Kind: "too large"}

// health says what the call tells of the URL. Running out of the question's time, when filters before it took most of
// it, says nothing against it.
func (t *target) health(err error, took time.Duration) verdict {
	switch {
	case err == nil:
		return answered
	case egress.KindOf(err) == egress.KindTimeout && took < min(t.timeout(), time.Second):
		return unclear
	}
	return silent
}

func (t *target) timeout() time.Duration { return cmp.Or(time.Duration(t.Timeout), defaultTimeout) }

// haltsOn tells whether the operator wants this status to stop Open edX.
func (t *target) haltsOn(status int) bool {
	return t.HaltOn4xx && status >= 400 && status <= 499 || t.HaltOn5xx && status >= 500 && status <= 599
}

// haltOnStatus stops Open edX for the status, with the plugin's message. disable_halt and the body don't matter.
func (q *question) haltOnStatus(t *target, got *egress.Answer) (result, bool) {
	redirect := t.RedirectOn4xx
	if got.Status >= 500 {
		redirect = t.RedirectOn5xx
	}
	message := fmt.Sprintf("Request to %s after webhook event %s returned status code %d (%s)",
		egress.Display(t.url), q.request.Name, got.Status, got.Reason)
	return q.halt(redirect, message, got.Status, result{got: got, record: relay.FilterCall{Status: got.Status}})
}

// failed judges a target that gave no usable answer.
func (q *question) failed(t *target, got *egress.Answer, err error) result {
	r := result{got: got, problem: err.Error(), record: relay.FilterCall{Outcome: relay.FilterFailed, Error: string(egress.KindOf(err))}}
	if got != nil {
		r.record.Status = got.Status
	}
	if t.HaltOnRequestException || t.WhenUnavailable == relay.PolicyHalt {
		message := fmt.Sprintf("Request to %s after webhook event %s failed (%s)", egress.Display(t.url), q.request.Name, r.record.Error)
		if halted, ok := q.halt(t.RedirectOnRequestException, message, 0, r); ok {
			return halted
		}
	}
	return r
}

// unavailable judges a target that is not asked.
func (q *question) unavailable(t *target, why string) result {
	r := result{record: relay.FilterCall{Outcome: relay.FilterSkipped, Error: why}}
	if t.WhenUnavailable == relay.PolicyHalt || t.WhenUnavailable == "" && t.HaltOnRequestException {
		message := fmt.Sprintf("Request to %s after webhook event %s was not made (%s)", egress.Display(t.url), q.request.Name, why)
		if halted, ok := q.halt(t.RedirectOnRequestException, message, 0, r); ok {
			return halted
		}
	}
	return r
}

// halt makes r stop Open edX; ok is false where the filter has nothing to stop it with.
func (q *question) halt(redirect, message string, status int, r result) (result, bool) {
	answer, ok := webfilter.Halt(q.request.Filter, message, redirect, status)
	if !ok {
		return r, false
	}
	r.answer, r.halts = answer, true
	r.record.Outcome, r.record.Exception = relay.FilterHalted, answer.Halts(q.request.Filter)
	return r, true
}

// body takes what the answer's body asks for.
func (q *question) body(t *target, got *egress.Answer) result {
	answer, problem := webfilter.Decode(got.Header.Get("Content-Type"), got.Body)
	if t.DisableFiltering {
		answer.Data = nil
	}
	if t.DisableHalt {
		answer.Exception = nil
	}
	cleaned, report := webfilter.Clean(q.request, answer, t.Allow)
	r := result{answer: cleaned, got: got, problem: problem, record: relay.FilterCall{
		Status: got.Status, Outcome: relay.FilterUnchanged, Error: problem, Exception: cleaned.Halts(q.request.Filter),
	}}
	for _, path := range report.Changed {
		r.record.Changed = append(r.record.Changed, impersonal(path))
	}
	for _, d := range report.Dropped {
		r.record.Dropped = append(r.record.Dropped, impersonal(d.Path)+": "+d.Why)
	}
	switch {
	case r.record.Exception != "":
		r.record.Outcome = relay.FilterHalted
	case cleaned.Data.Len() > 0:
		r.record.Outcome = relay.FilterChanged
	}
	return r
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// impersonal writes a path for the record: what is no identifier may be anything, an address too.
func impersonal(path string) string {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		if !identifier.MatchString(part) {
			parts[i] = "?"
		}
	}
	return strings.Join(parts, ".")
}
