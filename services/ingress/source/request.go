package source

import (
	"strings"
	"time"
)

// Request is a request as the door took it. Body and header values are copies and stay valid.
type Request struct {
	Method   string
	Path     string // without a trailing slash
	Topic    string // of the route; "" at /webhooks/in/<name>
	Named    bool   // came to /webhooks/in/<name>: the path says which source
	Secret   string // the segment behind the path of a route that takes one; "" when there was none
	Query    func(name string) string
	Header   Header
	Body     []byte // exact bytes
	Received time.Time
	Remote   string // the sender's address as trusted proxies tell it
}

// Header reads a request's headers, names without case; net/http.Header is one.
type Header interface {
	Get(name string) string // "" when absent
	Values(name string) []string
}

// One gives the value of a header that may stand once only: a second one is a refusal, for then the two ends
// may have judged different values.
func (r *Request) One(name string) (string, error) {
	values := r.Header.Values(name)
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", Refuse(400, "header", "%s is there more than once", name)
}

// MediaType gives the content type in lower case without its parameters.
func (r *Request) MediaType() string {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// keepBytes bounds a header that rides along on the log.
const keepBytes = 512

// Keep copies the named headers for the log, names in lower case; those with bytes that a header of the log
// can't carry are left out.
func (r *Request) Keep(names ...string) map[string]string {
	kept := make(map[string]string, len(names)+8)
	for _, name := range names {
		if value := r.Header.Get(name); value != "" && len(value) <= keepBytes && printable(value) {
			kept[strings.ToLower(name)] = value
		}
	}
	return kept
}

func printable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
