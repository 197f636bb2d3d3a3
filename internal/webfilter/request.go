package webfilter

import (
	"regexp"
	"time"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
)

// Request is one question of Open edX, free of secrets.
type Request struct {
	Filter openedx.Filter // of the catalogue; one that is not in it has its Class only
	Name   string         // the filter's name as the asker spells it, e.g. "IdvPageUrlRequested"
	Time   string         // when it was asked, as the asker writes it; may be empty
	Args   *pyjson.Object // the filter's arguments by the plugin's keys
}

// maxDepth bounds the nesting of what strangers send.
const maxDepth = 100

var className = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,99}$`)

// Parse reads what the plugin posts, JSON or form. A body that is not a request of a filter is a *relay.Error with
// CodeInvalid or CodeUnsupported, which never holds any of the body.
func Parse(catalogue *openedx.Catalogue, contentType string, body []byte) (Request, error) {
	call, err := catalogue.DecodeFilterCall(contentType, body)
	if err != nil {
		return Request{}, err
	}
	if depth(call.Payload) > maxDepth {
		return Request{}, relay.Errorf(relay.CodeInvalid, "The body is nested too deeply.")
	}
	if call.Format == relay.FormatPluginForm {
		readWords(call.Payload)
	}
	return newRequest(catalogue, call.Name, call.Time, call.Payload)
}

// Sample makes a request of a known filter with made-up arguments; relay.ErrNotFound for any other.
func Sample(catalogue *openedx.Catalogue, name string, now time.Time) (Request, error) {
	call, err := catalogue.SampleFilterCall(name, now.UTC())
	if err != nil {
		return Request{}, err
	}
	return newRequest(catalogue, call.Name, call.Time, call.Payload)
}

func newRequest(catalogue *openedx.Catalogue, name, at string, args *pyjson.Object) (Request, error) {
	filter, known := catalogue.Filter(name)
	if !known {
		if !className.MatchString(name) {
			return Request{}, relay.Errorf(relay.CodeInvalid, "event_metadata.event_type names no filter.")
		}
		filter = openedx.Filter{Class: name}
	}
	stripSecrets(args, filter.Secret)
	return Request{Filter: filter, Name: name, Time: at, Args: args}, nil
}

// Known tells whether the filter is in the catalogue.
func (r Request) Known() bool { return r.Filter.Type != "" }

// Encode writes the request as the plugin posts it to a filter's URL. A request without a time gets now, written as
// the plugin writes it: without offset.
func Encode(r Request, format relay.Format, now time.Time) (contentType string, body []byte) {
	at := r.Time
	if at == "" {
		at = now.UTC().Format("2006-01-02 15:04:05.000000")
	}
	return openedx.EncodeFilterCall(format, openedx.FilterCall{Class: r.Filter.Class, Name: r.Name, Time: at, Payload: r.Args})
}

// readWords reads the words that a Python form can't say otherwise, in the members of objects; numbers stay text, for
// nobody knows better, and so does what a person typed into a form.
func readWords(args *pyjson.Object) {
	for _, value := range args.All() {
		inner, ok := value.(*pyjson.Object)
		if !ok {
			continue
		}
		for name, member := range inner.All() {
			switch member {
			case "True":
				inner.Set(name, true)
			case "False":
				inner.Set(name, false)
			case "None":
				inner.Set(name, nil)
			}
		}
	}
}

func depth(value pyjson.Value) int {
	deepest := 0
	switch v := value.(type) {
	case *pyjson.Object:
		for _, member := range v.All() {
			deepest = max(deepest, depth(member))
		}
	case pyjson.Array:
		for _, member := range v {
			deepest = max(deepest, depth(member))
		}
	default:
		return 0
	}
	return deepest + 1
}
