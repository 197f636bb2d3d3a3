package enrollment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// Accept judges a request whose token is good. The record itself is the durable thing, so nothing goes to the log
// but the event of a new record.
func (e *Endpoint) Accept(_ context.Context, r *source.Request) (source.Accepted, error) {
	if r.Topic == topicToken {
		return source.Accepted{Respond: func(ctx context.Context) (source.Answer, error) { return e.issue(ctx, r) }}, nil
	}
	if r.Method != http.MethodPost {
		return source.Accepted{}, refuse("method", otherMethod(r.Method))
	}
	asked, err := parse(r)
	if err != nil {
		return source.Accepted{}, err
	}
	asked.Source, asked.Retry = e.name, e.retry
	return source.Accepted{Respond: func(ctx context.Context) (source.Answer, error) { return e.enroll(ctx, asked) }}, nil
}

// enroll answers from the roster, the person judged before the course run.
func (e *Endpoint) enroll(ctx context.Context, asked relay.RosterRequest) (source.Answer, error) {
	if e.roster == nil {
		return source.Answer{}, errNoLedger
	}
	entry, err := e.roster.Enroll(ctx, asked)
	if unknown, ok := errors.AsType[*relay.RosterUnknown](err); ok {
		if unknown.Missing == relay.MissingPerson {
			return source.Answer{}, refuse("person", failure(404, "User not found"))
		}
		return source.Answer{}, refuse("course", failure(404, "Course run with id "+asked.CourseID+" not found"))
	}
	if err != nil && relay.CodeOf(err) != relay.CodeUnavailable {
		refusal := refuse("failed", failure(400, "Failed to create enrollment"))
		refusal.Err = err
		return source.Answer{}, refusal
	}
	if err != nil {
		return source.Answer{}, err
	}
	status := 200
	if entry.Created {
		status = 201
	}
	return object(status, enrolled{Message: "Enrollment successful", ID: entry.ID, Active: entry.Active, Enrolled: true}), nil
}

// enrolled is the answer to a request that was met. It carries no personal data.
type enrolled struct {
	Message  string `json:"message"`
	ID       int64  `json:"enrollment_id"`
	Active   bool   `json:"active"`
	Enrolled bool   `json:"edx_enrolled"`
}

// parse reads a body of JSON or a form.
func parse(r *source.Request) (relay.RosterRequest, error) {
	fields, err := fieldsOf(r)
	if err != nil {
		return relay.RosterRequest{}, err
	}
	asked := relay.RosterRequest{Email: fields["email"], CourseID: fields["course_id"], Mode: fields["mode"], Role: fields["role"]}
	if asked.Email == "" || asked.CourseID == "" {
		return relay.RosterRequest{}, refuse("malformed", failure(400, "Missing required fields: email and course_id"))
	}
	for _, text := range fields {
		if len(text) > 1024 || strings.ContainsRune(text, 0) {
			return relay.RosterRequest{}, refuse("malformed", detail(400, "A field is too long or not a text."))
		}
	}
	return asked, nil
}

// keys are the fields that count.
var keys = []string{"email", "course_id", "mode", "role"}

func fieldsOf(r *source.Request) (map[string]string, error) {
	media, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case media == "application/json" && len(r.Body) > 0:
		return fieldsOfJSON(r.Body)
	case media == "application/x-www-form-urlencoded", len(r.Body) == 0:
		return fieldsOfForm(source.ParseForm(r.Body))
	case media == "multipart/form-data":
		return fieldsOfForm(source.ParseMultipart(r.Body, params["boundary"]))
	}
	return nil, refuse("media", detail(415, fmt.Sprintf("Unsupported media type %q in request.", r.Header.Get("Content-Type"))))
}

func fieldsOfJSON(body []byte) (map[string]string, error) {
	value, err := pyjson.Decode(body, pyjson.DecodeOptions{RejectSurrogates: true})
	if err != nil {
		return nil, refuse("malformed", detail(400, "JSON parse error - "+err.Error()))
	}
	object, ok := value.(*pyjson.Object)
	if !ok {
		return nil, refuse("malformed", detail(400, "The body must be a JSON object."))
	}
	fields := map[string]string{}
	for _, key := range keys {
		switch value, _ := object.Get(key); value := value.(type) {
		case string:
			fields[key] = strings.TrimSpace(value)
		case pyjson.Number:
			fields[key] = pyjson.Text(value)
		}
	}
	return fields, nil
}

func fieldsOfForm(list []source.Field, err error) (map[string]string, error) {
	if err != nil {
		return nil, refuse("malformed", detail(400, err.Error()))
	}
	fields := map[string]string{}
	for _, f := range list {
		for _, key := range keys {
			if f.Key == key {
				fields[key] = strings.TrimSpace(strings.ToValidUTF8(f.Values[len(f.Values)-1], "�"))
			}
		}
	}
	return fields, nil
}

func otherMethod(method string) source.Answer {
	answer := detail(405, fmt.Sprintf("Method %q not allowed.", method))
	if method == http.MethodOptions {
		answer = object(200, map[string]any{"name": "Enrollment Webhook", "description": "", "renders": []string{"application/json"},
			"parses": []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}})
	}
	answer.Header = map[string]string{"Allow": "POST, OPTIONS"}
	return answer
}

func detail(status int, text string) source.Answer {
	return object(status, map[string]string{"detail": text})
}

func failure(status int, text string) source.Answer {
	return object(status, map[string]string{"error": text})
}

func object(status int, value any) source.Answer {
	body, err := json.Marshal(value)
	if err != nil {
		status, body = 500, []byte("{}")
	}
	return source.Answer{Status: status, ContentType: "application/json", Body: body}
}
