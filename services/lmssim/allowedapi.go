package lmssim

import (
	"fmt"
	"net/http"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// enrollmentAllowed is /api/enrollment/v1/enrollment_allowed/: allowances, for staff.
func (s *Server) enrollmentAllowed(c *call) reply {
	if r, ok := s.requireStaff(c, false); !ok {
		return r
	}
	if r, limited := s.throttled(c); limited {
		return r
	}
	switch c.req.Method {
	case http.MethodGet, http.MethodHead:
		return s.listAllowances(c)
	case http.MethodPost, http.MethodDelete:
		return s.changeAllowance(c)
	default:
		return methodNotAllowed(c.req.Method, "GET, POST, DELETE, HEAD, OPTIONS")
	}
}

func (s *Server) listAllowances(c *call) reply {
	email := c.req.URL.Query().Get("email")
	if email == "" {
		email = c.user.Email
	}
	rows := []campus.Allowance{}
	s.campus.Read(func(t *campus.Tx) { rows = t.Allowances(email) })
	shown := make([]map[string]any, len(rows))
	for i, a := range rows {
		shown[i] = map[string]any{"email": a.Email, "course_id": a.Course, "auto_enroll": a.AutoEnroll}
	}
	return jsonReply(http.StatusOK, shown)
}

func (s *Server) changeAllowance(c *call) reply {
	data, bad := c.fields()
	if bad.status != 0 {
		return bad
	}
	email, course := data.text("email"), data.text("course_id")
	if email == "" || course == "" {
		return message(http.StatusBadRequest, "Please provide a value for 'email' and 'course_id' in the request data.")
	}
	if !campus.ValidCourseKey(course) {
		return message(http.StatusBadRequest, noCourse(course))
	}
	auto, _ := data.get("auto_enroll")
	text, _ := auto.(string)
	wanted, _ := truth(text)
	wanted = wanted || auto == true
	var r reply
	s.campus.Read(func(t *campus.Tx) {
		if c.req.Method == http.MethodDelete {
			r = deleteAllowance(t, email, course)
			return
		}
		r = createAllowance(t, campus.Allowance{Email: email, Course: course, AutoEnroll: wanted})
	})
	return r
}

func createAllowance(t *campus.Tx, a campus.Allowance) reply {
	if _, exists := t.Allowance(a.Email, a.Course); exists {
		return message(http.StatusConflict, fmt.Sprintf(
			"An enrollment allowed with email %s and course %s already exists.", a.Email, a.Course))
	}
	t.SetAllowance(a.Email, a.Course, a.AutoEnroll)
	return jsonReply(http.StatusCreated, map[string]any{
		"email": a.Email, "course_id": a.Course, "auto_enroll": a.AutoEnroll,
	})
}

func deleteAllowance(t *campus.Tx, email, course string) reply {
	if !t.DropAllowance(email, course) {
		return message(http.StatusNotFound, fmt.Sprintf(
			"An enrollment allowed with email %s and course %s doesn't exist.", email, course))
	}
	return empty(http.StatusNoContent)
}
