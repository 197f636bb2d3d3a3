package webfilter

import (
	"bytes"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/pyjson"
)

// Answer is what somebody who was asked wants: values to change, and a reason to halt. Nil parts are absent.
type Answer struct {
	Data      *pyjson.Object
	Exception *pyjson.Object
}

// Decode reads the body of an answer. One that is not a JSON object counts as empty and problem says what it is, without
// any of it; so do parts that are not objects.
func Decode(contentType string, body []byte) (answer Answer, problem string) {
	object, err := pyjson.DecodeObject(toUTF8(contentType, body), pyjson.DecodeOptions{MaxDepth: maxDepth, Constants: pyjson.NullConstants})
	if err != nil {
		if len(bytes.TrimSpace(body)) == 0 {
			return Answer{}, ""
		}
		return Answer{}, "the answer is not a JSON object"
	}
	var wrong []string
	answer.Data, wrong = part(object, "data", wrong)
	answer.Exception, wrong = part(object, "exception", wrong)
	if _, misspelt := object.Get("exceptions"); misspelt {
		wrong = append(wrong, "exceptions is ignored, the key is exception")
	}
	return answer, strings.Join(wrong, "; ")
}

func part(object *pyjson.Object, key string, wrong []string) (*pyjson.Object, []string) {
	value, there := object.Get(key)
	inner, ok := value.(*pyjson.Object)
	if there && !ok {
		wrong = append(wrong, key+" is not an object")
	}
	return inner, wrong
}

// toUTF8 takes a byte order mark away, and reads Latin-1 where the answer says so and is no UTF-8.
func toUTF8(contentType string, body []byte) []byte {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if utf8.Valid(body) {
		return body
	}
	media, params, err := mime.ParseMediaType(contentType)
	charset := strings.ToLower(params["charset"])
	latin := charset == "iso-8859-1" || charset == "latin-1" || charset == "latin1" || charset == "" && strings.HasPrefix(media, "text/")
	if err != nil || !latin {
		return body
	}
	text := make([]rune, len(body))
	for i, c := range body {
		text[i] = rune(c)
	}
	return []byte(string(text))
}

// JSON gives the answer as the plugin takes it.
func (a Answer) JSON() []byte {
	object := pyjson.NewObject()
	if a.Data.Len() > 0 {
		object.Set("data", a.Data)
	}
	if a.Exception.Len() > 0 {
		object.Set("exception", a.Exception)
	}
	return pyjson.Encode(object, pyjson.Style{Finite: true})
}

// Merge puts later over a, as the plugin does: each part key by key, whole values.
func (a Answer) Merge(later Answer) Answer {
	return Answer{Data: merged(a.Data, later.Data), Exception: merged(a.Exception, later.Exception)}
}

func merged(a, b *pyjson.Object) *pyjson.Object {
	if a.Len() == 0 {
		return b
	}
	if b.Len() == 0 {
		return a
	}
	all := pyjson.NewObject()
	for _, o := range []*pyjson.Object{a, b} {
		for key, value := range o.All() {
			all.Set(key, value)
		}
	}
	return all
}

// Halts tells which exception the answer raises in Open edX, "" for none: the first that the plugin looks for.
func (a Answer) Halts(filter openedx.Filter) string {
	for _, e := range filter.Exceptions {
		if _, there := a.Exception.Get(e.Name); there {
			return e.Name
		}
	}
	if filter.Type == "" {
		for name := range a.Exception.All() {
			return name
		}
	}
	return ""
}
