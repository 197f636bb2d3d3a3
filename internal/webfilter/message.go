package webfilter

import (
	"context"
	"errors"
	"time"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
)

// Headers of a request on its subject, and of an answer.
const (
	HeaderName    = "edrelay-filter-name"    // the filter's name as Open edX spells it
	HeaderTime    = "edrelay-filter-time"    // when it was asked, as Open edX writes it
	HeaderChecked = "edrelay-filter-checked" // on an answer: edrelay itself made it, it is clean
)

// Message makes the request that goes to filters.<Class>: the body is the arguments as a JSON object, the type is
// the filter's.
func Message(r Request, now time.Time) relay.Message {
	kind := r.Filter.Type
	if kind == "" {
		kind = r.Filter.Class
	}
	return relay.Message{
		Subject: relay.FilterSubject(r.Filter.Class), ID: r.Filter.Class + "-" + now.UTC().Format(time.RFC3339Nano), Type: kind,
		Source: "/openedx/filters", Time: now, ContentType: "application/json",
		Header: map[string]string{HeaderName: r.Name, HeaderTime: r.Time},
		Body:   pyjson.Encode(r.Args, pyjson.Style{Finite: true}),
	}
}

// FromMessage reads a request from its subject; class is the subject's last token. Errors as of Parse.
func FromMessage(catalogue *openedx.Catalogue, class string, m relay.Message) (Request, error) {
	args, err := pyjson.DecodeObject(m.Body, pyjson.DecodeOptions{MaxDepth: maxDepth, Constants: pyjson.NullConstants})
	if err != nil {
		return Request{}, &relay.Error{Code: relay.CodeInvalid, Message: "The arguments are not a JSON object.", Err: err}
	}
	request, err := newRequest(catalogue, class, m.Header[HeaderTime], args)
	if name := m.Header[HeaderName]; err == nil && className.MatchString(name) {
		request.Name = name
	}
	return request, err
}

// Asker asks whoever serves a subject; an error of relay.CodeUnavailable means that nobody does, or none in time.
type Asker interface {
	Request(ctx context.Context, subject string, m relay.Message) (relay.Message, error)
}

// Ask asks over the subject of the filter and gives the JSON object to answer Open edX with. What a service answered
// by itself is cleaned here. When nobody answers the object is empty, so that Open edX goes on. The object is right
// also when err is not nil: err says for the log why it holds less than it could.
func Ask(ctx context.Context, asker Asker, r Request, now time.Time) (body []byte, err error) {
	m := Message(r, now)
	reply, err := asker.Request(ctx, m.Subject, m)
	if err != nil {
		return Answer{}.JSON(), err
	}
	if reply.Header[HeaderChecked] != "" {
		return reply.Body, nil
	}
	answer, problem := Decode(reply.ContentType, reply.Body)
	if problem != "" {
		err = errors.New(problem)
	}
	answer, _ = Clean(r, answer, nil)
	return answer.JSON(), err
}
