package lmssim

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// SinkEnrollment is one row of the enrolment sink: a roster of its own, as MITx Online keeps beside the LMS.
type SinkEnrollment struct {
	ID          int64  `json:"id"`
	User        string `json:"user"` // username
	Course      string `json:"course"`
	Mode        string `json:"mode"`
	Active      bool   `json:"is_active"`
	EdxEnrolled bool   `json:"edx_enrolled"`
}

type sink struct {
	mu     sync.Mutex
	last   int64
	byUser map[[2]string]*SinkEnrollment // username and course
}

func (k *sink) reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last, k.byUser = 0, map[[2]string]*SinkEnrollment{}
}

// take makes a row, or wakes the one that is there; its mode never changes.
func (k *sink) take(username, course, mode string) (row SinkEnrollment, created bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := [2]string{username, course}
	stored := k.byUser[key]
	if stored == nil {
		k.last++
		stored = &SinkEnrollment{ID: k.last, User: username, Course: course, Mode: cmp.Or(mode, "audit")}
		k.byUser[key], created = stored, true
	}
	stored.Active, stored.EdxEnrolled = true, true
	return *stored, created
}

func (k *sink) put(row SinkEnrollment) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := [2]string{row.User, row.Course}
	if old := k.byUser[key]; old != nil {
		row.ID = old.ID
	} else {
		k.last = max(k.last+1, row.ID)
		row.ID = k.last
	}
	row.Mode = cmp.Or(row.Mode, "audit")
	k.byUser[key] = &row
}

func (k *sink) list() []SinkEnrollment {
	k.mu.Lock()
	defer k.mu.Unlock()
	rows := make([]SinkEnrollment, 0, len(k.byUser))
	for _, row := range k.byUser {
		rows = append(rows, *row)
	}
	slices.SortFunc(rows, func(a, b SinkEnrollment) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}

// sinkEnrollment is POST /api/openedx_webhook/enrollment/.
func (s *Server) sinkEnrollment(c *call) reply {
	if r, ok := s.sinkCaller(c); !ok {
		return r
	}
	if c.req.Method != http.MethodPost {
		return methodNotAllowed(c.req.Method, "POST, OPTIONS")
	}
	data, bad := c.fields()
	if bad.status != 0 {
		return bad
	}
	if !data.isObject() {
		return page(http.StatusInternalServerError, "Server Error (500)")
	}
	email, course := sinkText(data, "email"), sinkText(data, "course_id")
	if email == "" || course == "" {
		return sinkError(http.StatusBadRequest, "Missing required fields: email and course_id")
	}
	var r reply
	s.campus.Read(func(t *campus.Tx) { r = s.sinkEnrol(t, c, email, course, sinkText(data, "mode")) })
	return r
}

func (s *Server) sinkEnrol(t *campus.Tx, c *call, email, course, mode string) reply {
	users := t.UsersByEmail(email, true)
	if len(users) > 1 {
		return page(http.StatusInternalServerError, "Server Error (500)")
	}
	if len(users) == 0 || users[0].Retired {
		return sinkError(http.StatusNotFound, "User not found")
	}
	if _, known := t.Course(course); !known {
		return sinkError(http.StatusNotFound, fmt.Sprintf("Course run with id %s not found", course))
	}
	if trouble := s.faults.trouble(c, course); trouble != nil && trouble(email) != campus.NoTrouble {
		return sinkError(http.StatusBadRequest, "Failed to create enrollment")
	}
	row, created := s.sink.take(users[0].Username, course, mode)
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return jsonReply(status, map[string]any{
		"message": "Enrollment successful", "enrollment_id": row.ID, "active": row.Active, "edx_enrolled": row.EdxEnrolled,
	})
}

// sinkCaller lets in the opaque token of a staff user, active or not.
func (s *Server) sinkCaller(c *call) (reply, bool) {
	scheme, value, _ := strings.Cut(c.req.Header.Get("Authorization"), " ")
	issued, known := s.tokens.find(strings.TrimSpace(value))
	challenge := `Bearer realm="api"`
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
	case !known || issued.JWT:
		challenge += `,error="invalid_token",error_description="The access token is invalid."`
	case !issued.Expires.After(c.now):
		c.log.ExpiredToken = true
		challenge += `,error="invalid_token",error_description="The access token has expired."`
	default:
		if !s.findUser(c, issued.User) || !c.user.Staff {
			return forbidden(), false
		}
		return reply{}, true
	}
	return detail(http.StatusUnauthorized, noCredentials).set("WWW-Authenticate", challenge), false
}

func sinkError(status int, text string) reply {
	return jsonReply(status, map[string]string{"error": text})
}

// sinkText reads a value as the platform's truthiness does: nothing, null, false and 0 are empty.
func sinkText(data fields, name string) string {
	v, ok := data.get(name)
	if !ok || v == nil || v == false {
		return ""
	}
	if text, isText := v.(string); isText {
		return text
	}
	if text := pythonText(v); text != "0" {
		return text
	}
	return ""
}
