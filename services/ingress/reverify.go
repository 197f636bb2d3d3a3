package ingress

import (
	"context"
	"net/http"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// Verify judges a rejected webhook again, from its kept bytes and headers, by the sources as they are configured
// now. It gives the message that the webhook would have become; its error is a *source.Refusal that says why it
// still is not taken.
func Verify(ctx context.Context, sources *source.Registry, rejected relay.Message) (relay.Message, error) {
	r, err := kept(rejected)
	if err != nil {
		return relay.Message{}, err
	}
	doors := newDoors(Kinds(), sources)
	kind, known := doors.kinds[rejected.Header[relay.HeaderKind]]
	if !known {
		return relay.Message{}, source.Refuse(404, "kind", "no such kind of source")
	}
	s, err := doors.verify(ctx, kind, sources.Named(namedIn(r.Path)), r)
	if err != nil {
		return relay.Message{}, err
	}
	accepted, err := s.Accept(ctx, r)
	if err != nil {
		return relay.Message{}, err
	}
	if accepted.Message.Subject == "" {
		return relay.Message{}, source.Refuse(400, "answer", "its sender had to be answered at once")
	}
	continueTrace(&accepted.Message, &visit{r: r})
	return accepted.Message, nil
}

// kept makes the request anew.
func kept(rejected relay.Message) (*source.Request, error) {
	if rejected.Header[HeaderCut] != "" {
		return nil, source.Refuse(400, "cut", "its body was too large to be kept whole")
	}
	header := http.Header{"Content-Type": {rejected.ContentType}}
	for name, value := range rejected.Header {
		header.Set(name, value)
	}
	path := rejected.Header[relay.HeaderPath]
	return &source.Request{
		Method: http.MethodPost, Path: path, Topic: rejected.Header[relay.HeaderTopic], Named: namedIn(path) != "",
		Query: func(string) string { return "" }, Header: header, Body: rejected.Body, Received: rejected.Time,
	}, nil
}

const namedPrefix = "/webhooks/in/"

// namedIn gives the source that a path names, "" when it names none.
func namedIn(path string) string {
	name, is := strings.CutPrefix(path, namedPrefix)
	if !is {
		return ""
	}
	return name
}
