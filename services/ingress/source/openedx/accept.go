package openedx

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/webfilter"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// ownTypes begins the types of edrelay's own events, which nobody else may send; testType is the exception.
const (
	ownTypes = "io.edrelay."
	testType = "io.edrelay.source.tested.v1"
)

// filterWait is how long the plugin may wait for the answer to a filter; it gives up itself after 10 s. It is longer
// than the notifier takes at most, which knows what to answer when its time is up.
const filterWait = 9 * time.Second

// Accept takes an event for the log, or a filter call to be answered. On a path that says neither, a filter call is
// what names a known filter.
func (s *Site) Accept(_ context.Context, r *source.Request) (source.Accepted, error) {
	topic := r.Topic
	if topic == "" {
		topic = s.topicOf(r)
	}
	if topic == topicFilters {
		return s.acceptFilter(r)
	}
	m, err := s.catalogue.DecodePlugin(r.Header.Get("Content-Type"), r.Body, r.Received)
	if err == nil && strings.HasPrefix(m.Type, ownTypes) && m.Type != testType {
		err = relay.Errorf(relay.CodeInvalid, "Events of this type are edrelay's own.")
	}
	if err != nil {
		return source.Accepted{}, refusalOf(err)
	}
	body, err := json.Marshal(map[string]string{"id": m.ID})
	if err != nil {
		return source.Accepted{}, err
	}
	_, known := s.catalogue.Event(m.Type)
	return source.Accepted{Message: m, Answer: answer(body), Unknown: !known && m.Type != testType}, nil
}

func answer(body []byte) source.Answer {
	return source.Answer{Status: 200, ContentType: "application/json", Body: body}
}

// topicOf tells a filter call from an event where the path does not.
func (s *Site) topicOf(r *source.Request) string {
	question, err := webfilter.Parse(s.catalogue, r.Header.Get("Content-Type"), r.Body)
	if err == nil && question.Known() {
		return topicFilters
	}
	return topicEvents
}

func refusalOf(err error) error {
	status := map[relay.Code]int{relay.CodeTooLarge: 413, relay.CodeUnsupported: 415}[relay.CodeOf(err)]
	if status == 0 {
		status = 400
	}
	refusal := source.Refuse(status, "malformed", "%s", relay.PublicMessage(err))
	if failure, ok := errors.AsType[*relay.Error](err); ok {
		refusal.Err = failure.Err
	}
	return refusal
}

// acceptFilter asks whoever answers for the filter. The plugin takes nothing but 200 and an object well, so that is
// what it gets: without an answer in time, an empty one, which changes nothing.
func (s *Site) acceptFilter(r *source.Request) (source.Accepted, error) {
	question, err := webfilter.Parse(s.catalogue, r.Header.Get("Content-Type"), r.Body)
	if err != nil {
		return source.Accepted{}, refusalOf(err)
	}
	if s.ports.Ask == nil {
		return source.Accepted{Answer: answer([]byte("{}"))}, nil
	}
	return source.Accepted{Wait: filterWait, Respond: func(ctx context.Context) (source.Answer, error) {
		body, err := webfilter.Ask(ctx, s.ports.Ask, question, r.Received)
		if err != nil && s.ports.Log != nil {
			s.ports.Log.Warn("filter not answered as asked", "source", s.name, "filter", question.Filter.Class, "error", err)
		}
		return answer(body), nil
	}}, nil
}

// Sample gives an event of a type that only tests send, so that no subscriber takes it for something that happened
// in Open edX.
func (s *Site) Sample(now time.Time) (source.Sample, error) {
	body := pyjson.Encode(pyjson.NewObject(
		pyjson.Member{Key: "test", Value: pyjson.NewObject(pyjson.Member{Key: "source", Value: s.name})},
		pyjson.Member{Key: "event_metadata", Value: pyjson.NewObject(
			pyjson.Member{Key: "event_type", Value: testType},
			pyjson.Member{Key: "id", Value: source.Fingerprint(s.name, now.String())},
			pyjson.Member{Key: "source", Value: "openedx/edrelay/test"},
		)},
	), pyjson.Style{Spaced: true})
	sample := source.Sample{
		Path: "/webhooks/openedx/events", Header: map[string]string{"Content-Type": "application/json"}, Body: body,
	}
	if s.basic != nil {
		pair := s.sample.Username + ":" + s.sample.Password
		sample.Header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
	} else {
		sample.Header["Authorization"] = "Bearer " + s.sample.Token
	}
	return sample, nil
}
