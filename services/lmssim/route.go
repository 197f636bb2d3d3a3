package lmssim

import (
	"net/http"
	"strings"
)

// Endpoint names a part of the platform, for faults and for the request log.
type Endpoint string

// The endpoints.
const (
	EndpointToken       Endpoint = "token"
	EndpointRevoke      Endpoint = "revoke"
	EndpointBulk        Endpoint = "bulk_enroll"
	EndpointEnrollment  Endpoint = "enrollment"         // one enrolment, /api/enrollment/v1/enrollment
	EndpointEnrollments Endpoint = "enrollments"        // the list
	EndpointAllowed     Endpoint = "enrollment_allowed" // allowances
	EndpointAccounts    Endpoint = "accounts"
	EndpointCourses     Endpoint = "courses" // the courses API
	EndpointPage        Endpoint = "page"    // course pages, login
	EndpointRedirect    Endpoint = "redirect"
	EndpointLernito     Endpoint = "lernito"
	EndpointSink        Endpoint = "sink" // /api/openedx_webhook/enrollment/
	EndpointNone        Endpoint = "none" // no such path
)

type handler func(*call) reply

// route finds who answers: redirects come before any view, and paths are exact as in Django's table of routes.
func (s *Server) route(c *call) handler {
	if target, ok := s.redirects.find(c.req.URL); ok {
		c.endpoint = EndpointRedirect
		return func(*call) reply { return target.reply() }
	}
	path, table := c.req.URL.Path, s.exactURLs
	if c.set.LegacyURL {
		table = s.loose
	}
	for _, r := range table {
		rest, ok := strings.CutPrefix(path, r.prefix)
		if ok && r.tail(rest) {
			c.endpoint, c.rest = r.endpoint, rest
			return r.handle
		}
	}
	c.endpoint = EndpointNone
	return func(*call) reply { return page(http.StatusNotFound, "Page not found") }
}

// view is one row of the table: a prefix of the path and what may follow it.
type view struct {
	prefix   string
	tail     func(rest string) bool
	endpoint Endpoint
	handle   handler
}

func exact(rest string) bool         { return rest == "" }
func optionalSlash(rest string) bool { return rest == "" || rest == "/" }
func anything(string) bool           { return true }
func something(rest string) bool     { return rest != "" }

// routes makes the table; bulk says what may follow the path of bulk enrolment.
func (s *Server) routes(bulk func(string) bool) []view {
	return []view{
		{"/api/bulk_enroll/v1/bulk_enroll", bulk, EndpointBulk, s.bulkEnroll},
		{"/oauth2/access_token", optionalSlash, EndpointToken, s.issueToken},
		{"/oauth2/revoke_token", optionalSlash, EndpointRevoke, s.revokeToken},
		{"/api/enrollment/v1/enrollment", exactOrBelow, EndpointEnrollment, s.enrollment},
		{"/api/enrollment/v1/enrollments", optionalSlash, EndpointEnrollments, s.enrollments},
		{"/api/enrollment/v1/enrollment_allowed/", exact, EndpointAllowed, s.enrollmentAllowed},
		{"/api/user/v1/accounts", exact, EndpointAccounts, s.accounts},
		{"/api/courses/v1/courses/", something, EndpointCourses, s.courseDetail},
		{"/lernito/webhook/", exact, EndpointLernito, s.lernito},
		{"/api/lernito/webhook/", exact, EndpointLernito, s.lernito},
		{"/api/openedx_webhook/enrollment/", exact, EndpointSink, s.sinkEnrollment},
		{"/courses/", something, EndpointPage, s.coursePage},
		{"/learning/course/", something, EndpointPage, s.plainPage},
		{"/login", optionalSlash, EndpointPage, s.plainPage},
	}
}

// exactOrBelow takes the path itself without a slash, or "/" and something after it.
func exactOrBelow(rest string) bool { return rest == "" || len(rest) > 1 && rest[0] == '/' }
