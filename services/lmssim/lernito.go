package lmssim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/edrelay/edrelay/internal/pyjson"
	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// lernitoAnswer is the shape of Lernito's own answers.
type lernitoAnswer struct {
	Success bool `json:"success"`
	Message any  `json:"message"` // a sentence, or the errors of the fields
}

func lernitoReply(status int, message any) reply {
	return jsonReply(status, lernitoAnswer{Success: status == http.StatusOK, Message: message})
}

// lernito is POST /lernito/webhook/: media type and syntax, signature, fields, courses, then the enrolments.
func (s *Server) lernito(c *call) reply {
	if scheme, _, _ := strings.Cut(c.req.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "JWT") {
		if r, ok := s.identify(c, true); !ok {
			return r
		}
	}
	switch c.req.Method {
	case http.MethodPost:
	case http.MethodOptions:
		return jsonReply(http.StatusOK, map[string]any{
			"name": "Lernito Webhook", "description": "", "renders": []string{"application/json"},
			"parses": []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data"},
		}).set("Allow", "POST, OPTIONS")
	default:
		return methodNotAllowed(c.req.Method, "POST, OPTIONS")
	}
	data, bad := c.fields()
	if bad.status != 0 {
		return bad
	}
	if r := checkLernitoSignature(c, data); r.status != 0 {
		return r
	}
	order, problems := readLernito(data)
	if len(problems) > 0 {
		return lernitoReply(http.StatusBadRequest, problems)
	}
	return s.fulfil(c, order)
}

func checkLernitoSignature(c *call, data fields) reply {
	given := c.req.Header.Get("X-Lernito-Signature")
	for i := range len(given) {
		if given[i] >= 0x80 {
			return page(http.StatusInternalServerError, "Server Error (500)")
		}
	}
	if c.set.LernitoSecret == "" || !c.signedAs(given, signedValue(data)) {
		return lernitoReply(http.StatusUnauthorized, "Invalid signature")
	}
	return reply{}
}

// signedAs tells whether a signature is that of a value in a form that the settings accept.
func (c *call) signedAs(given string, value pyjson.Value) bool {
	for _, form := range []Form{Compact, Spaced} {
		if c.set.LernitoForm != form && c.set.LernitoForm != Either {
			continue
		}
		mac := hmac.New(sha256.New, []byte(c.set.LernitoSecret))
		mac.Write(pyjson.Encode(value, pyjson.Style{SortKeys: true, Spaced: form == Spaced}))
		if hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(given)) {
			return true
		}
	}
	return false
}

// signedValue is what a signature is made over: the parsed body, of a form the last value of each key.
func signedValue(data fields) pyjson.Value {
	if data.form == nil {
		if data.exact == nil && data.values != nil {
			return pyjson.NewObject() // an empty body
		}
		return data.exact
	}
	object := pyjson.NewObject()
	for name, values := range data.form {
		if len(values) > 0 {
			object.Set(name, values[len(values)-1])
		}
	}
	return object
}

// fulfil checks all courses, then enrols or allows.
func (s *Server) fulfil(c *call, order lernitoOrder) (r reply) {
	s.campus.Read(func(t *campus.Tx) {
		for _, key := range order.courses {
			if !campus.ValidCourseKey(key) {
				r = lernitoReply(http.StatusBadRequest, "Invalid course key format: "+key)
				return
			}
			if _, known := t.Course(key); !known {
				r = lernitoReply(http.StatusBadRequest, fmt.Sprintf("Course %s does not exist", key))
				return
			}
		}
		r = s.enterCourses(t, c, order)
	})
	return r
}

func (s *Server) enterCourses(t *campus.Tx, c *call, order lernitoOrder) reply {
	users := t.UsersByEmail(order.email, true)
	if len(users) > 1 || s.refusedSomewhere(c, order) {
		return lernitoReply(http.StatusInternalServerError, "Internal server error")
	}
	if len(users) == 1 && !users[0].Retired {
		for _, key := range order.courses {
			if row, ok := t.Enrollment(users[0].Username, key); !ok || !row.Active {
				t.SetEnrollment(users[0].Username, key, "", true)
			}
		}
		return lernitoReply(http.StatusOK, fmt.Sprintf("User enrollment status verified for %d course(s)", len(order.courses)))
	}
	for _, key := range order.courses {
		if row, ok := t.Allowance(order.email, key); !ok || !row.AutoEnroll {
			t.SetAllowance(order.email, key, true)
		}
	}
	return lernitoReply(http.StatusOK, fmt.Sprintf("Enrollment allowance verified for %d course(s)", len(order.courses)))
}

func (s *Server) refusedSomewhere(c *call, order lernitoOrder) bool {
	for _, key := range order.courses {
		if trouble := s.faults.trouble(c, key); trouble != nil && trouble(order.email) != campus.NoTrouble {
			return true
		}
	}
	return false
}
