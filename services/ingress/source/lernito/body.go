package lernito

import (
	"fmt"
	"mime"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// value is a parsed body.
type value struct {
	signed  pyjson.Value   // what Lernito signs; of a form, the last value of each key
	courses []pyjson.Value // of a form: every value of courseIds
	form    bool
}

// Media types that are understood.
const (
	mediaJSON      = "application/json"
	mediaForm      = "application/x-www-form-urlencoded"
	mediaMultipart = "multipart/form-data"
)

// unsupported refuses any other media type; the contract does so before it looks at the signature.
func unsupported(r *source.Request) *source.Refusal {
	switch r.MediaType() {
	case mediaJSON, mediaForm, mediaMultipart:
		return nil
	case "":
		if len(r.Body) == 0 {
			return nil
		}
	}
	message := fmt.Sprintf("Unsupported media type %q in request.", r.Header.Get("Content-Type"))
	return &source.Refusal{Status: 415, Reason: "media", Message: message, Answer: detail(415, "%s", message)}
}

// parse reads a body by its content type. The error is a *pyjson.SyntaxError or says what is wrong with a form.
func parse(contentType string, body []byte) (value, error) {
	media, params, err := mime.ParseMediaType(contentType)
	switch {
	case err == nil && media == mediaForm, len(body) == 0 && media != mediaJSON:
		fields, err := source.ParseForm(body)
		return formValue(fields), err
	case err == nil && media == mediaMultipart:
		fields, err := source.ParseMultipart(body, params["boundary"])
		return formValue(fields), err
	case len(body) == 0:
		return formValue(nil), nil
	}
	parsed, err := pyjson.Decode(body, pyjson.DecodeOptions{})
	return value{signed: parsed}, err
}

func formValue(fields []source.Field) value {
	v := value{form: true}
	object := pyjson.NewObject()
	for _, f := range fields {
		object.Set(f.Key, f.Values[len(f.Values)-1])
		if f.Key != "courseIds" {
			continue
		}
		for _, text := range f.Values {
			v.courses = append(v.courses, text)
		}
	}
	v.signed = object
	return v
}
