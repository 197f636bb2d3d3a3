package source

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"strings"
)

// Field is one key of a form with its values in their order.
type Field struct {
	Key    string
	Values []string
}

func addField(fields []Field, key, text string) []Field {
	for i := range fields {
		if fields[i].Key == key {
			fields[i].Values = append(fields[i].Values, text)
			return fields
		}
	}
	return append(fields, Field{key, []string{text}})
}

// mostFields bounds what a form may hold, as Django does.
const mostFields = 1000

var errFields = errors.New("the form has too many fields")

// ParseForm reads an application/x-www-form-urlencoded body, its keys in their order.
func ParseForm(body []byte) ([]Field, error) {
	var fields []Field
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
		fields = addField(fields, key, text)
	}
	return fields, nil
}

// predecessorError is a text that senders know from the predecessor, as it stands.
type predecessorError string

// Error gives the text.
func (e predecessorError) Error() string { return string(e) }

// ParseMultipart reads a multipart/form-data body, its keys in their order.
func ParseMultipart(body []byte, boundary string) ([]Field, error) {
	if boundary == "" {
		return nil, predecessorError("Invalid boundary in multipart: None")
	}
	var fields []Field
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
		fields = addField(fields, part.FormName(), string(text))
	}
	return nil, errFields
}
