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
	path := c.req.URL.Path
	for _, r := range s.routes(c.set) {
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

func (s *Server) routes(set Settings) []view {
	bulk := exact
	if set.LegacyURL {
		bulk = anything
	}
	return []view{
		{"/api/bulk_enroll/v1/bulk_enroll", bulk, EndpointBulk, s.bulkEnroll},
		{"/oauth2/access_token", optionalSlash, EndpointToken, s.issueToken},
	}
}
