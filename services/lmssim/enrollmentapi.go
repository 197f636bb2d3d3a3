package lmssim

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// enrollmentRow is an enrolment as /api/enrollment/v1 shows it.
type enrollmentRow struct {
	Created string        `json:"created"`
	Mode    string        `json:"mode"`
	Active  bool          `json:"is_active"`
	Course  courseDetails `json:"course_details"`
	User    string        `json:"user"`
}

type courseDetails struct {
	ID         string       `json:"course_id"`
	Name       string       `json:"course_name"`
	Opens      *string      `json:"enrollment_start"`
	Closes     *string      `json:"enrollment_end"`
	Start      *string      `json:"course_start"`
	End        *string      `json:"course_end"`
	InviteOnly bool         `json:"invite_only"`
	Modes      []courseMode `json:"course_modes"`
}

type courseMode struct {
	Slug     string `json:"slug"`
	Name     string `json:"name"`
	MinPrice int    `json:"min_price"`
	Currency string `json:"currency"`
}

func detailsOf(c campus.Course) courseDetails {
	d := courseDetails{ID: c.Key, Name: c.Name, InviteOnly: c.InviteOnly, Modes: []courseMode{}}
	for _, mode := range c.Modes {
		d.Modes = append(d.Modes, courseMode{Slug: mode, Name: mode, Currency: "usd"})
	}
	return d
}

func platformTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z") }

func rowOf(t *campus.Tx, e campus.Enrollment) enrollmentRow {
	course, _ := t.Course(e.Course)
	course.Key = e.Course
	return enrollmentRow{
		Created: platformTime(e.Created), Mode: e.Mode, Active: e.Active, Course: detailsOf(course), User: e.User,
	}
}

// requireCaller lets in who has a token or the API key, then counts the call.
func (s *Server) requireCaller(c *call) (r reply, ok bool) {
	r, known := s.identify(c, true)
	c.keyed = c.hasKey()
	if !known && (r.status != 0 || !c.keyed) {
		if r.status == 0 {
			r = unauthorized(map[string]string{"detail": noCredentials})
		}
		return r, false
	}
	if r, limited := s.throttled(c); limited {
		return r, false
	}
	return reply{}, true
}

// privileged callers may act for others.
func (c *call) privileged() bool { return c.keyed || c.user.Staff }

// enrollment is /api/enrollment/v1/enrollment and what is below it.
func (s *Server) enrollment(c *call) reply {
	if r, ok := s.requireCaller(c); !ok {
		return r
	}
	switch {
	case c.rest == "" && c.req.Method == http.MethodPost:
		return s.postEnrollment(c)
	case c.rest == "" && c.req.Method == http.MethodGet:
		return s.ownEnrollments(c)
	case c.rest == "":
		return methodNotAllowed(c.req.Method, "GET, POST, HEAD, OPTIONS")
	case c.req.Method == http.MethodGet || c.req.Method == http.MethodHead:
		return s.oneEnrollment(c)
	default:
		return methodNotAllowed(c.req.Method, "GET, HEAD, OPTIONS")
	}
}

// oneEnrollment is GET …/enrollment/{username},{course} or …/enrollment/{course}.
func (s *Server) oneEnrollment(c *call) reply {
	username, course, two := strings.Cut(strings.TrimPrefix(c.rest, "/"), ",")
	if !two {
		username, course = c.user.Username, username
	}
	if username != c.user.Username && !c.privileged() {
		return empty(http.StatusNotFound)
	}
	if !campus.ValidCourseKey(course) {
		return message(http.StatusBadRequest, noCourse(course))
	}
	r := jsonReply(http.StatusOK, nil)
	s.campus.Read(func(t *campus.Tx) {
		if row, ok := t.Enrollment(username, course); ok {
			r = jsonReply(http.StatusOK, rowOf(t, row))
		}
	})
	return r
}

// ownEnrollments is GET …/enrollment[?user=]: the active ones of one account.
func (s *Server) ownEnrollments(c *call) reply {
	username := cmp.Or(c.req.URL.Query().Get("user"), c.user.Username)
	if username != c.user.Username && !c.privileged() {
		return jsonReply(http.StatusOK, []enrollmentRow{})
	}
	rows := []enrollmentRow{}
	s.campus.Read(func(t *campus.Tx) {
		for _, e := range t.Enrollments(campus.EnrollmentQuery{Usernames: []string{username}}) {
			if e.Active {
				rows = append(rows, rowOf(t, e))
			}
		}
	})
	return jsonReply(http.StatusOK, rows)
}

func noCourse(key string) string { return fmt.Sprintf("No course '%s' found for enrollment", key) }

// enrollmentAsk is a POST …/enrollment that was understood.
type enrollmentAsk struct {
	username, email string // email only when there is no username
	course, mode    string
	active          *bool
	force           bool
	cohort          string
}

func (s *Server) postEnrollment(c *call) reply {
	data, bad := c.fields()
	if bad.status != 0 {
		return bad
	}
	ask, bad := readEnrollmentAsk(c, data)
	if bad.status != 0 {
		return bad
	}
	var r reply
	s.campus.Read(func(t *campus.Tx) { r = s.enrollOne(t, c, ask) })
	return r
}

func readEnrollmentAsk(c *call, data fields) (enrollmentAsk, reply) {
	ask := enrollmentAsk{username: data.text("user"), mode: data.text("mode"), cohort: data.text("cohort")}
	if email := data.text("email"); ask.username == "" && email != "" && c.privileged() {
		ask.email = email
	}
	if ask.username == "" && ask.email == "" {
		ask.username = c.user.Username
	}
	details, _ := data.get("course_details")
	object, _ := details.(map[string]any)
	ask.course, _ = object["course_id"].(string)
	if ask.course == "" {
		return ask, message(http.StatusBadRequest, "Course ID must be specified to create a new enrollment.")
	}
	if !campus.ValidCourseKey(ask.course) {
		return ask, message(http.StatusBadRequest, noCourse(ask.course))
	}
	force, _ := data.get("force_enrollment")
	ask.force = force == true && c.privileged()
	if active, given := data.get("is_active"); given && active != nil {
		value, ok := active.(bool)
		if !ok {
			return ask, message(http.StatusBadRequest, fmt.Sprintf("'%s' is an invalid enrollment activation status.", pythonText(active)))
		}
		ask.active = &value
	}
	return ask, reply{}
}

// enrollOne checks who may do what to whom, then writes.
func (s *Server) enrollOne(t *campus.Tx, c *call, ask enrollmentAsk) reply {
	if ask.email == "" && ask.username != c.user.Username && !c.privileged() {
		return empty(http.StatusNotFound)
	}
	if ask.mode != "" && ask.mode != "audit" && ask.mode != "honor" && !c.privileged() {
		return message(http.StatusForbidden, fmt.Sprintf("User does not have permission to create enrollment with mode [%s].", ask.mode))
	}
	user, ok := findLearner(t, ask)
	if !ok && ask.email != "" {
		return message(http.StatusNotAcceptable, fmt.Sprintf("The user with the email address %s does not exist.", ask.email))
	}
	if !ok {
		return message(http.StatusNotAcceptable, fmt.Sprintf("The user %s does not exist.", ask.username))
	}
	course, ok := t.Course(ask.course)
	if !ok {
		return message(http.StatusBadRequest, noCourse(ask.course))
	}
	if ask.mode != "" && !slices.Contains(course.Modes, ask.mode) {
		text := fmt.Sprintf("The [%s] course mode is expired or otherwise unavailable for course run [%s].", ask.mode, ask.course)
		return jsonReply(http.StatusBadRequest, map[string]any{"message": text, "course_details": detailsOf(course)})
	}
	if trouble := s.faults.trouble(c, ask.course); trouble != nil && trouble(user.Email) == campus.WorkRefused {
		return message(http.StatusForbidden, "The platform refused this learner.")
	}
	return writeEnrollment(t, c, ask, user, course)
}

func findLearner(t *campus.Tx, ask enrollmentAsk) (campus.User, bool) {
	if ask.email == "" {
		return t.User(ask.username)
	}
	user, ok := t.UserByEmail(ask.email)
	return user, ok && !user.Retired
}

func writeEnrollment(t *campus.Tx, c *call, ask enrollmentAsk, user campus.User, course campus.Course) reply {
	old, exists := t.Enrollment(user.Username, course.Key)
	mode, active := cmp.Or(ask.mode, old.Mode), true
	if ask.active != nil {
		active = *ask.active
	}
	changes := exists && (mode != old.Mode || active != old.Active)
	switch {
	case exists && !changes:
	case exists && c.privileged():
		if mode != old.Mode && active != old.Active && !active {
			return message(http.StatusBadRequest, fmt.Sprintf(
				"Enrollment mode mismatch: active mode=%s, requested mode=%s. Won't deactivate.", old.Mode, mode))
		}
		t.SetEnrollment(user.Username, course.Key, mode, active)
	default:
		if refusal := refusedBy(course); refusal != "" && !ask.force {
			return message(http.StatusBadRequest, refusal)
		}
		t.SetEnrollment(user.Username, course.Key, cmp.Or(ask.mode, course.DefaultMode), active)
	}
	if ask.cohort != "" {
		if err := t.JoinCohort(user.Email, course.Key, ask.cohort); err != nil {
			return message(http.StatusBadRequest, fmt.Sprintf("cohort %s not found in course %s.", ask.cohort, course.Key))
		}
	}
	row, _ := t.Enrollment(user.Username, course.Key)
	return jsonReply(http.StatusOK, rowOf(t, row))
}

// refusedBy tells why a course takes nobody, "" when it does.
func refusedBy(course campus.Course) string {
	switch {
	case course.Closed, course.InviteOnly:
		return fmt.Sprintf("Enrollment is closed for course '%s'", course.Key)
	case course.Full:
		return fmt.Sprintf("Course '%s' is full", course.Key)
	}
	return ""
}
