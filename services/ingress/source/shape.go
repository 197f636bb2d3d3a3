package source

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// Object is a JSON object whose shape is judged at the door, without decoding the whole of it: that is the log
// reader's work, and twice as much as all else that the door does.
type Object struct {
	body []byte
}

// nesting is how many openings a body may have before the fast check, which recurses, is left to encoding/json,
// which bounds its depth.
const nesting = 10_000

// CheckObject takes a body that is one JSON object in valid UTF-8; anything else is a refusal with status 400.
func CheckObject(body []byte) (Object, error) {
	if !utf8.Valid(body) {
		return Object{}, Refuse(400, "malformed", "the body is not valid UTF-8")
	}
	if firstByte(body) != '{' {
		return Object{}, Refuse(400, "malformed", "the body must be a JSON object")
	}
	if !valid(body) {
		return Object{}, Refuse(400, "malformed", "the body is not JSON")
	}
	return Object{body}, nil
}

func valid(body []byte) bool {
	if bytes.Count(body, []byte{'['})+bytes.Count(body, []byte{'{'}) > nesting {
		return json.Valid(body)
	}
	return gjson.ValidBytes(body)
}

// Text gives a string, or a number as it is written, by its key; "" for anything else.
func (o Object) Text(key string) Text {
	switch value := gjson.GetBytes(o.body, key); value.Type {
	case gjson.String:
		return Text(value.Str)
	case gjson.Number:
		return Text(value.Raw)
	}
	return ""
}

// Has tells whether the object has the key with a value that is not null.
func (o Object) Has(key string) bool {
	value := gjson.GetBytes(o.body, key)
	return value.Exists() && value.Type != gjson.Null
}

// Objects checks that the key holds a list of objects, or nothing. Its error is a refusal with status 400.
func (o Object) Objects(key string) error {
	value := gjson.GetBytes(o.body, key)
	if !value.Exists() || value.Type == gjson.Null {
		return nil
	}
	ok := value.IsArray()
	value.ForEach(func(_, each gjson.Result) bool {
		ok = ok && (each.IsObject() || each.Type == gjson.Null)
		return ok
	})
	if !ok {
		return Refuse(400, "malformed", "%s must be a list of JSON objects", key)
	}
	return nil
}
