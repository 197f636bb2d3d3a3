package egress

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultReadLimit is how much of an answer is read where a Request says nothing.
const DefaultReadLimit = 64 << 10

// Request is one call. Header is sent as it stands, with names in canonical form; CheckHeader is for what operators give.
type Request struct {
	Method     string // default POST
	URL        *url.URL
	Header     http.Header // may be nil; not changed unless Own
	Body       []byte
	Timeout    time.Duration // for the whole call, the answer's body included; 0: the Client's
	ReadLimit  int           // bytes of the answer's body; 0: DefaultReadLimit
	Own        bool          // Header is this call's alone: it may be changed instead of copied
	Repeatable bool          // may be sent again at once when a kept connection turns out dead
}

// Answer is what came back, whatever its status.
type Answer struct {
	Status    int
	Reason    string // phrase beside the status, as sent; often empty
	Header    http.Header
	Body      []byte // at most the read limit
	Truncated bool   // there was more than the read limit, or it did not come whole
	BodyErr   error  // why it did not come whole; nil when it did or when only the limit cut it
	Took      time.Duration
}

// Do sends r and reads the answer. Redirects are answers like others. An error is always an *Error: no answer came.
// When the status came but the body did not come whole, the Answer says so and there is no error.
func (c *Client) Do(ctx context.Context, r Request) (*Answer, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, orDuration(r.Timeout, c.timeout))
	defer cancel()
	if c.proxied {
		if err := c.refuseProxied(ctx, r.URL); err != nil {
			return nil, err
		}
	}
	response, err := c.transport.RoundTrip(c.request(ctx, r))
	if err != nil {
		return nil, classify(err)
	}
	answer := &Answer{Status: response.StatusCode, Reason: reason(response.Status), Header: response.Header}
	answer.read(response, orInt(r.ReadLimit, DefaultReadLimit))
	answer.Took = time.Since(start)
	return answer, nil
}

// request makes what net/http sends. It is built by hand because http.NewRequest parses the URL each time.
func (c *Client) request(ctx context.Context, r Request) *http.Request {
	header := r.Header
	if header == nil || !r.Own {
		header = make(http.Header, len(r.Header)+3)
		maps.Copy(header, r.Header)
	}
	if header["User-Agent"] == nil {
		header["User-Agent"] = c.userAgent
	}
	if user := r.URL.User; user != nil && header["Authorization"] == nil {
		password, _ := user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		header["Authorization"] = []string{"Basic " + credentials}
	}
	if r.Repeatable {
		header["Idempotency-Key"] = []string{} // net/http's sign for it; an empty list is not sent
	}
	request := &http.Request{
		Method: orText(r.Method, http.MethodPost), URL: r.URL, Host: r.URL.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(r.Body)),
	}
	if len(r.Body) > 0 {
		request.Body = io.NopCloser(bytes.NewReader(r.Body))
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil }
	}
	return request.WithContext(ctx)
}

// read takes at most limit bytes. A body that was read to its end leaves the connection fit for the next call; any
// other is closed with its connection.
func (a *Answer) read(response *http.Response, limit int) {
	defer response.Body.Close()
	if response.ContentLength == 0 || response.Body == http.NoBody {
		return
	}
	size := int64(512)
	if n := response.ContentLength; n > 0 {
		size = min(n, int64(limit)) + bytes.MinRead
	}
	buffer := bytes.NewBuffer(make([]byte, 0, size))
	_, err := buffer.ReadFrom(io.LimitReader(response.Body, int64(limit)+1))
	a.Body = buffer.Bytes()
	if err != nil {
		a.BodyErr, a.Truncated = classify(err), true
	}
	if len(a.Body) > limit {
		a.Body, a.Truncated = a.Body[:limit], true
	}
}

// reason gives the phrase of "404 Not Found".
func reason(line string) string {
	_, phrase, _ := strings.Cut(line, " ")
	return Printable([]byte(phrase), 100)
}
