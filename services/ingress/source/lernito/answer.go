package lernito

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/ingress/source"
)

// member is one key of an answer; Python keeps the order in which keys were written.
type member struct {
	key   string
	value any
}

// object writes an answer as Django REST framework does.
func object(status int, members ...member) source.Answer {
	body := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			body = append(body, ',')
		}
		key, _ := json.Marshal(m.key)
		value, err := json.Marshal(m.value)
		if err != nil {
			value = []byte("null")
		}
		body = append(append(append(body, key...), ':'), value...)
	}
	return source.Answer{Status: status, ContentType: "application/json", Body: append(body, '}')}
}

func failure(status int, message any) source.Answer {
	return object(status, member{"success", false}, member{"message", message})
}

func success(status int, message string) source.Answer {
	return object(status, member{"success", true}, member{"message", message})
}

func detail(status int, format string, args ...any) source.Answer {
	return object(status, member{"detail", fmt.Sprintf(format, args...)})
}

// outcome says to Lernito what became of its courses; asked is how many it named, repeated ones counted.
func outcome(asked int, told relay.DirectOutcome) source.Answer {
	switch told.Verdict {
	case relay.VerdictEnrolled:
		return success(200, fmt.Sprintf("User enrollment status verified for %d course(s)", asked))
	case relay.VerdictAllowed:
		return success(200, fmt.Sprintf("Enrollment allowance verified for %d course(s)", asked))
	case relay.VerdictInvalidCourse:
		return failure(400, "Invalid course key format: "+told.Course)
	case relay.VerdictUnknownCourse:
		return failure(400, "Course "+told.Course+" does not exist")
	}
	return failure(500, "Internal server error")
}

// accepted says that the enrolment will happen, though not while the sender waits.
func accepted(asked int, id string) source.Answer {
	return object(202, member{"success", true},
		member{"message", fmt.Sprintf("Enrollment accepted for %d course(s)", asked)}, member{"id", id})
}

// otherMethod answers what is no POST.
func otherMethod(r *source.Request) (source.Answer, bool) {
	if r.Method == http.MethodPost {
		return source.Answer{}, false
	}
	answer := detail(405, "Method %q not allowed.", r.Method)
	if r.Method == http.MethodOptions {
		answer = object(200, member{"name", "Lernito Webhook"}, member{"description", ""},
			member{"renders", []string{"application/json"}},
			member{"parses", []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}})
	}
	answer.Header = map[string]string{"Allow": "POST, OPTIONS"}
	return answer, true
}
