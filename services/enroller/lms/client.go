package lms

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/telemetry"
)

// maxBody is how much of an answer is read; a bulk call of a thousand learners answers less than 1 MiB.
const maxBody = 8 << 20

// Options configure a Client.
type Options struct {
	URL          string // of the site, e.g. "https://lms.example.org"
	ClientID     string
	ClientSecret string
	SKUPrefix    string        // between the site and a SKU, e.g. "sku/"
	Timeout      time.Duration // of each call, headers and body; 30 s when 0
	UserAgent    string
	Now          func() time.Time // time.Now when nil
}

// Client calls one Open edX site. Safe for concurrent use.
type Client struct {
	options Options
	base    *url.URL
	http    *http.Client
	token   atomic.Pointer[token]
	fetch   singleflight.Group
}

// New makes a client; the error's code is CodeInvalid.
func New(options Options) (*Client, error) {
	base, err := url.Parse(options.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, relay.Errorf(relay.CodeInvalid, "lms.url is not like https://lms.example.org")
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	base.RawQuery, base.Fragment = "", ""
	if options.Timeout <= 0 {
		options.Timeout = 30 * time.Second
	}
	if options.UserAgent == "" {
		options.UserAgent = "edrelay"
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: min(5*time.Second, options.Timeout)}).DialContext,
		TLSHandshakeTimeout:   min(10*time.Second, options.Timeout),
		MaxIdleConnsPerHost:   16,
		MaxConnsPerHost:       32,
		IdleConnTimeout:       30 * time.Second,
		ForceAttemptHTTP2:     true,
		ResponseHeaderTimeout: options.Timeout,
	}
	return &Client{
		options: options, base: base,
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// reply is an answer, read whole. err is set when there is none, or only a part.
type reply struct {
	status int
	header http.Header
	body   []byte
	sent   bool // the LMS may have heard the call
	err    error
}

// request is one call before it has a token.
type request struct {
	method string
	path   string // escaped, relative to the site
	query  url.Values
	form   url.Values
}

// do makes one call without following redirects, within the time-out.
func (c *Client) do(ctx context.Context, call request, authorization string) reply {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	var answer reply
	// Written to by the transport's goroutine, which may outlive the call.
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	r, err := c.build(ctx, call, authorization)
	if err != nil {
		return reply{err: err}
	}
	response, err := c.http.Do(r)
	answer.sent = sent.Load()
	if err != nil {
		answer.err = withoutURL(err)
		return answer
	}
	defer response.Body.Close()
	answer.status, answer.header = response.StatusCode, response.Header
	answer.body, err = io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err == nil && len(answer.body) > maxBody {
		err = errors.New("the answer is longer than 8 MiB")
	}
	answer.err = err
	return answer
}

func (c *Client) build(ctx context.Context, call request, authorization string) (*http.Request, error) {
	target := c.base.String() + call.path
	if len(call.query) > 0 {
		target += "?" + call.query.Encode()
	}
	var body io.Reader
	if call.form != nil {
		body = strings.NewReader(call.form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, call.method, target, body)
	if err != nil {
		return nil, withoutURL(err)
	}
	if call.form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if authorization != "" || call.form != nil {
		r.Header.Set("Accept", "application/json")
	}
	r.Header.Set("User-Agent", c.options.UserAgent)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if parent := telemetry.Parent(ctx); parent != "" {
		r.Header.Set(telemetry.Header, parent)
	}
	return r, nil
}

// withoutURL takes the URL out of an error: its query may hold an address.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// isJSON tells whether the body is a JSON object or list.
func (r reply) isJSON() bool {
	trimmed := strings.TrimSpace(string(r.body[:min(len(r.body), 64)]))
	return (strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[")) && json.Valid(r.body)
}

// detail gives the platform's own short sentence, "" when there is none.
func (r reply) detail() string {
	var body struct {
		Detail string `json:"detail"`
	}
	if json.Unmarshal(r.body, &body) != nil {
		return ""
	}
	return body.Detail
}
