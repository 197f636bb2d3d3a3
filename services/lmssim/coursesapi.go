package lmssim

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// courseDetail is GET /api/courses/v1/courses/{key}[/]; anonymous callers are welcome.
func (s *Server) courseDetail(c *call) reply {
	if r, ok := s.identify(c, true); !ok && r.status != 0 {
		return r
	}
	if c.req.Method != http.MethodGet && c.req.Method != http.MethodHead {
		return methodNotAllowed(c.req.Method, "GET, HEAD, OPTIONS")
	}
	key := strings.TrimSuffix(c.rest, "/")
	var course campus.Course
	var found bool
	s.campus.Read(func(t *campus.Tx) { course, found = t.Course(key) })
	if !found || course.Hidden && !c.user.Staff {
		return detail(http.StatusNotFound, "Not found.")
	}
	org, number, run := keyParts(key)
	return jsonReply(http.StatusOK, map[string]any{
		"blocks_url": "http://" + c.req.Host + "/api/courses/v2/blocks/?course_id=" + url.QueryEscape(key),
		"course_id":  key, "id": key, "name": course.Name, "org": org, "number": number, "run": run,
		"start": nil, "end": nil, "enrollment_start": nil, "enrollment_end": nil, "pacing": "instructor",
		"hidden": course.Hidden, "invitation_only": course.InviteOnly, "short_description": "", "effort": nil,
	})
}

func keyParts(key string) (org, number, run string) {
	_, key, _ = strings.Cut(key, ":")
	parts := append(strings.Split(key, "+"), "", "", "")
	return parts[0], parts[1], parts[2]
}

// coursePage is any page below /courses/{key}; what it does is the course's About.
func (s *Server) coursePage(c *call) reply {
	if c.req.Method != http.MethodGet && c.req.Method != http.MethodHead {
		return methodNotAllowed(c.req.Method, "GET, HEAD, OPTIONS")
	}
	key, _, _ := strings.Cut(c.rest, "/")
	var course campus.Course
	var found bool
	s.campus.Read(func(t *campus.Tx) { course, found = t.Course(key) })
	if !found {
		return page(http.StatusNotFound, "Page not found")
	}
	switch course.About {
	case campus.AboutLogin:
		return empty(http.StatusFound).set("Location", "/login?next="+url.QueryEscape(c.req.URL.EscapedPath()))
	case campus.AboutMFE:
		return empty(http.StatusFound).set("Location", c.set.MFEURL+"/learning/course/"+key+"/home")
	case campus.AboutMissing:
		return page(http.StatusNotFound, "Page not found")
	default:
		return page(http.StatusOK, "Course")
	}
}

// plainPage is a page that says nothing: the login, a micro-frontend.
func (s *Server) plainPage(c *call) reply {
	if c.req.Method != http.MethodGet && c.req.Method != http.MethodHead {
		return methodNotAllowed(c.req.Method, "GET, HEAD, OPTIONS")
	}
	return page(http.StatusOK, "Open edX")
}
