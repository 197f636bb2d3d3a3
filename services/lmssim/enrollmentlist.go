package lmssim

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

const enrollmentsPerPage = 100

type listedEnrollment struct {
	Created string `json:"created"`
	Mode    string `json:"mode"`
	Active  bool   `json:"is_active"`
	Course  string `json:"course_id"`
	User    string `json:"user"`
}

// enrollments is GET /api/enrollment/v1/enrollments?course_id=&username=&email=, by pages.
func (s *Server) enrollments(c *call) reply {
	if r, ok := s.requireStaff(c, true); !ok {
		return r
	}
	if r, limited := s.throttled(c); limited {
		return r
	}
	if c.req.Method != http.MethodGet && c.req.Method != http.MethodHead {
		return methodNotAllowed(c.req.Method, "GET, HEAD, OPTIONS")
	}
	query := c.req.URL.Query()
	wanted := campus.EnrollmentQuery{
		Course: query.Get("course_id"), Usernames: commaList(query.Get("username")), Emails: commaList(query.Get("email")),
	}
	if wanted.Course != "" && !campus.ValidCourseKey(wanted.Course) {
		return jsonReply(http.StatusBadRequest, map[string][]string{"course_id": {"Invalid course key"}})
	}
	size := enrollmentsPerPage
	if n, err := strconv.Atoi(query.Get("page_size")); err == nil && n > 0 {
		size = min(n, enrollmentsPerPage)
	}
	after, ok := readCursor(query.Get("cursor"))
	if !ok {
		return detail(http.StatusNotFound, "Invalid cursor")
	}
	var rows []campus.Enrollment
	s.campus.Read(func(t *campus.Tx) { rows = t.Enrollments(wanted) })
	return c.enrollmentPage(rows, after, size)
}

// enrollmentPage shows the rows after an id. Pages lead forward only.
func (c *call) enrollmentPage(rows []campus.Enrollment, after int64, size int) reply {
	shown, next := []listedEnrollment{}, any(nil)
	var last int64
	for _, e := range rows {
		if e.ID <= after {
			continue
		}
		if len(shown) == size {
			next = c.pageURL(last)
			break
		}
		last = e.ID
		shown = append(shown, listedEnrollment{platformTime(e.Created), e.Mode, e.Active, e.Course, e.User})
	}
	return jsonReply(http.StatusOK, map[string]any{"next": next, "previous": nil, "results": shown})
}

func (c *call) pageURL(after int64) string {
	query := c.req.URL.Query()
	query.Set("cursor", base64.URLEncoding.EncodeToString([]byte("p="+strconv.FormatInt(after, 10))))
	u := url.URL{Scheme: "http", Host: c.req.Host, Path: c.req.URL.Path, RawQuery: query.Encode()}
	if c.req.TLS != nil {
		u.Scheme = "https"
	}
	return u.String()
}

func readCursor(text string) (after int64, ok bool) {
	if text == "" {
		return 0, true
	}
	raw, err := base64.URLEncoding.DecodeString(text)
	number, found := strings.CutPrefix(string(raw), "p=")
	if err != nil || !found {
		return 0, false
	}
	after, err = strconv.ParseInt(number, 10, 64)
	return after, err == nil
}

func commaList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}
