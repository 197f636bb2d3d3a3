package lmssim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/edrelay/edrelay/internal/pyjson"
)

// fields are the parsed body of a request as Django REST framework gives it to a view.
type fields struct {
	values map[string]any // JSON object; numbers are json.Number
	form   url.Values     // form or multipart; nil for JSON
	other  any            // JSON that is no object
	exact  pyjson.Value   // JSON as it was sent
}

// isObject tells whether the body was a form or a JSON object.
func (f fields) isObject() bool { return f.form != nil || f.values != nil }

// get gives one value: of a form the last one, as text.
func (f fields) get(name string) (any, bool) {
	if f.form != nil {
		values, ok := f.form[name]
		if !ok || len(values) == 0 {
			return nil, false
		}
		return values[len(values)-1], true
	}
	v, ok := f.values[name]
	return v, ok
}

// list gives one value, of a form all values as a list.
func (f fields) list(name string) (any, bool) {
	if f.form == nil {
		v, ok := f.values[name]
		return v, ok
	}
	values, ok := f.form[name]
	if !ok {
		return nil, false
	}
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return list, true
}

// text gives a value that is a string, "" otherwise.
func (f fields) text(name string) string {
	v, _ := f.get(name)
	s, _ := v.(string)
	return s
}

// parseFields reads a body by its content type. The second result answers a body that can't be read; its status is
// 0 for one that can.
func parseFields(contentType string, body []byte) (fields, reply) {
	media, params, _ := mime.ParseMediaType(contentType)
	switch {
	case media == "application/x-www-form-urlencoded":
		form, _ := url.ParseQuery(string(body)) // what can be read counts, as in Django
		return fields{form: form}, reply{}
	case media == "multipart/form-data":
		return parseMultipart(params["boundary"], body)
	case len(body) == 0:
		return fields{values: map[string]any{}}, reply{}
	case media == "application/json":
		return parseJSON(body)
	default:
		return fields{}, detail(http.StatusUnsupportedMediaType,
			fmt.Sprintf("Unsupported media type \"%s\" in request.", contentType))
	}
}

func parseJSON(body []byte) (fields, reply) {
	value, err := pyjson.Decode(body, pyjson.DecodeOptions{})
	if err != nil {
		return fields{}, detail(http.StatusBadRequest, "JSON parse error - "+err.Error())
	}
	if object, ok := plain(value).(map[string]any); ok {
		return fields{values: object, exact: value}, reply{}
	}
	return fields{other: plain(value), exact: value}, reply{}
}

// plain turns a parsed value into Go's own types: map, slice, string, json.Number, bool, nil.
func plain(v pyjson.Value) any {
	switch v := v.(type) {
	case *pyjson.Object:
		object := make(map[string]any, v.Len())
		for key, value := range v.All() {
			object[key] = plain(value)
		}
		return object
	case pyjson.Array:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plain(item)
		}
		return list
	case pyjson.Number:
		return json.Number(v)
	default:
		return v
	}
}

func parseMultipart(boundary string, body []byte) (fields, reply) {
	form, err := multipart.NewReader(bytes.NewReader(body), boundary).ReadForm(maxBody)
	if err != nil {
		return fields{}, detail(http.StatusBadRequest, "Multipart form parse error - "+err.Error())
	}
	values := url.Values(form.Value)
	_ = form.RemoveAll()
	if values == nil {
		values = url.Values{}
	}
	return fields{form: values}, reply{}
}

// words collects every word of every text in the body, in lower case.
func (f fields) words(into map[string]bool) {
	for name := range f.form {
		for _, v := range f.form[name] {
			addWords(v, into)
		}
	}
	addWords(f.other, into)
	for _, v := range f.values {
		addWords(v, into)
	}
}

func addWords(v any, into map[string]bool) {
	switch v := v.(type) {
	case string:
		for _, word := range strings.FieldsFunc(v, isSeparator) {
			into[strings.ToLower(word)] = true
		}
	case []any:
		for _, item := range v {
			addWords(item, into)
		}
	case map[string]any:
		for _, item := range v {
			addWords(item, into)
		}
	}
}
