package lernito

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

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
		fields, err := parseForm(body)
		return formValue(fields), err
	case err == nil && media == mediaMultipart:
		fields, err := parseMultipart(body, params["boundary"])
		return formValue(fields), err
	case len(body) == 0:
		return formValue(nil), nil
	}
	parsed, err := pyjson.Decode(body, pyjson.DecodeOptions{})
	return value{signed: parsed}, err
}

// field is one key of a form with its values in their order.
type field struct {
	key    string
	values []string
}

func add(fields []field, key, text string) []field {
	for i := range fields {
		if fields[i].key == key {
			fields[i].values = append(fields[i].values, text)
			return fields
		}
	}
	return append(fields, field{key, []string{text}})
}

// mostFields bounds what a form may hold, as Django does.
const mostFields = 1000

var errFields = errors.New("the form has too many fields")

func parseForm(body []byte) ([]field, error) {
	var fields []field
	count := 0
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		if count++; count > mostFields {
			return nil, errFields
		}
		key, text, _ := strings.Cut(pair, "=")
		key, errKey := url.QueryUnescape(key)
		text, errText := url.QueryUnescape(text)
		if err := errors.Join(errKey, errText); err != nil {
			return nil, errors.New("the form is not encoded as one")
		}
		fields = add(fields, key, text)
	}
	return fields, nil
}

func parseMultipart(body []byte, boundary string) ([]field, error) {
	if boundary == "" {
		return nil, errors.New("Invalid boundary in multipart: None")
	}
	var fields []field
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for range mostFields {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return fields, nil
		}
		if err != nil {
			return nil, errors.New("the form is not encoded as one")
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, errors.New("the form is not encoded as one")
		}
		fields = add(fields, part.FormName(), string(text))
	}
	return nil, errFields
}

func formValue(fields []field) value {
	v := value{form: true}
	object := pyjson.NewObject()
	for _, f := range fields {
		object.Set(f.key, f.values[len(f.values)-1])
		if f.key != "courseIds" {
			continue
		}
		for _, text := range f.values {
			v.courses = append(v.courses, text)
		}
	}
	v.signed = object
	return v
}
