package lmssim

import (
	"net/http"
	"sync"
	"time"
	"unicode/utf8"
)

// Request is one call that the platform got, as it came.
type Request struct {
	Sequence     int64       `json:"sequence"` // 1 for the first
	At           time.Time   `json:"at"`       // by the platform's clock
	Endpoint     Endpoint    `json:"endpoint"`
	Method       string      `json:"method"`
	Path         string      `json:"path"` // as sent, still encoded
	Query        string      `json:"query,omitempty"`
	Header       http.Header `json:"header"`
	Body         []byte      `json:"-"`
	Text         string      `json:"body,omitempty"`          // the body where it is UTF-8
	Binary       []byte      `json:"body_base64,omitempty"`   // the body where it is not
	User         string      `json:"user,omitempty"`          // username whose token it carried
	Status       int         `json:"status"`                  // 0 while it is worked or when no answer was sent
	Faults       []string    `json:"faults,omitempty"`        // ids of the faults that hit it
	ExpiredToken bool        `json:"expired_token,omitempty"` // it carried a token past its end
}

// entry is a request that is being worked. Only its own goroutine touches the embedded Request; what others may
// read is filed, under the log's lock.
type entry struct {
	Request
	filed *Request
}

type requestLog struct {
	mu      sync.Mutex
	keep    int // requests
	last    int64
	newest  []*Request
	size    int                        // of their bodies, in bytes
	tallies map[Endpoint]map[int]int64 // by status
	expired int64                      // calls with an expired token
	fetches []time.Time                // successful token calls of the last hour
	minute  []time.Time                // enrolment calls of the last minute
	busiest int                        // most of them at once
}

func (l *requestLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.newest, l.size, l.expired, l.fetches = 0, nil, 0, 0, nil
	l.minute, l.busiest = nil, 0
	l.tallies = map[Endpoint]map[int]int64{}
}

// begin files a request that has just come.
func (l *requestLog) begin(c *call) *entry {
	e := &entry{Request: Request{
		At: c.now, Endpoint: c.endpoint, Method: c.req.Method, Path: c.req.URL.EscapedPath(),
		Query: c.req.URL.RawQuery, Header: c.req.Header.Clone(), Body: c.body,
	}}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.Sequence = l.last
	filed := e.Request
	e.filed = &filed
	l.file(e.filed)
	switch e.Endpoint {
	case EndpointBulk, EndpointEnrollment, EndpointEnrollments, EndpointAllowed:
		l.minute = appendWithin(l.minute, e.At, window)
		l.busiest = max(l.busiest, len(l.minute))
	}
	return e
}

// keepBodies is how much of the bodies is kept, in bytes; the oldest requests go first.
const keepBodies = 256 << 20

func (l *requestLog) file(r *Request) {
	l.newest = append(l.newest, r)
	l.size += len(r.Body)
	for len(l.newest) > l.keep || l.size > keepBodies && len(l.newest) > 1 {
		l.size -= len(l.newest[0].Body)
		l.newest[0] = nil
		l.newest = l.newest[1:]
	}
}

// end writes down what became of a request.
func (l *requestLog) end(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*e.filed = e.Request
	if l.tallies[e.Endpoint] == nil {
		l.tallies[e.Endpoint] = map[int]int64{}
	}
	l.tallies[e.Endpoint][e.Status]++
	if e.ExpiredToken {
		l.expired++
	}
	if e.Endpoint == EndpointToken && e.Status == http.StatusOK {
		l.fetches = appendWithin(l.fetches, e.At, time.Hour)
	}
}

// appendWithin appends a time and forgets those that are a span or more older.
func appendWithin(times []time.Time, at time.Time, span time.Duration) []time.Time {
	old := 0
	for old < len(times) && at.Sub(times[old]) >= span {
		old++
	}
	return append(times[old:], at)
}

// list gives the newest requests, oldest first; "" is every endpoint.
func (l *requestLog) list(endpoint Endpoint) []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := []Request{}
	for _, r := range l.newest {
		if endpoint == "" || r.Endpoint == endpoint {
			found = append(found, r.readable())
		}
	}
	return found
}

func (r *Request) readable() Request {
	shown := *r
	if utf8.Valid(r.Body) {
		shown.Text = string(r.Body)
	} else {
		shown.Binary = r.Body
	}
	return shown
}
