package lmssim

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

// maxBody is the size of the biggest request body that is read, in bytes.
const maxBody = 8 << 20

// call is one request on its way through the platform.
type call struct {
	req      *http.Request
	body     []byte
	endpoint Endpoint
	rest     string // what the route left of the path, decoded
	set      Settings
	now      time.Time
	log      *entry
	user     campus.User // set by authenticate
	keyed    bool        // it carries the platform's API key

	parsed  bool
	data    fields
	dataErr reply
	said    map[string]bool
}

// ServeHTTP answers as the platform does, or as the control API under /_sim/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == controlPrefix || strings.HasPrefix(r.URL.Path, controlPrefix+"/") {
		s.control.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			htmlReply(http.StatusRequestEntityTooLarge).write(w, r.Method)
		}
		return
	}
	c := &call{req: r, body: body, set: s.settings.get(), now: s.now()}
	handle := s.route(c)
	c.log = s.calls.begin(c)
	defer s.answered(c, time.Now())
	s.perform(w, c, handle)
}

// answered files what became of a call, also of one that was cut off.
func (s *Server) answered(c *call, since time.Time) {
	s.calls.end(c.log)
	what := []slog.Attr{
		slog.String("endpoint", string(c.endpoint)), slog.String("method", c.req.Method), slog.Int("status", c.log.Status),
		slog.String("user", c.log.User), slog.Duration("took", time.Since(since)),
	}
	if len(c.log.Faults) > 0 {
		what = append(what, slog.Any("faults", c.log.Faults))
	}
	s.opt.Logger.LogAttrs(c.req.Context(), slog.LevelInfo, "request answered", what...)
}

// fields parses the body, once. The second result answers a body that can't be read.
func (c *call) fields() (fields, reply) {
	if !c.parsed {
		c.data, c.dataErr = parseFields(c.req.Header.Get("Content-Type"), c.body)
		c.parsed = true
	}
	return c.data, c.dataErr
}

// mentions tells whether the request names a learner or a course: as a word of its body, its query or its path.
func (c *call) mentions(word string) bool {
	if c.said == nil {
		c.said = map[string]bool{}
		data, _ := c.fields()
		data.words(c.said)
		for _, values := range c.req.URL.Query() {
			for _, v := range values {
				addWords(v, c.said)
			}
		}
		addWords(strings.ReplaceAll(c.req.URL.Path, "/", " "), c.said)
	}
	return c.said[strings.ToLower(word)]
}

func isSeparator(r rune) bool { return r == ',' || isSpace(r) }

func isSpace(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\v', '\f', '\r', 0x1c, 0x1d, 0x1e, 0x1f, 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000:
		return true
	}
	return r >= 0x2000 && r <= 0x200a
}

func (c *call) clientIP() string {
	host, _, err := net.SplitHostPort(c.req.RemoteAddr)
	if err != nil {
		return c.req.RemoteAddr
	}
	return host
}
