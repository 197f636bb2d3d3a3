// Package client speaks the REST API of a running edrelay for the command line.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// DefaultServer is where `edrelay up` listens for operators.
const DefaultServer = "http://127.0.0.1:8081"

// Options says which edrelay is asked, and as whom.
type Options struct {
	Server string // "" is DefaultServer; a bare host:port is http
	Token  string
	HTTP   *http.Client // nil: one that goes straight to the server, whatever proxies the environment names
}

// Client asks one edrelay. Its errors are *relay.Error: the server's own problem, or unavailable when nobody answers.
type Client struct {
	server string
	token  string
	http   *http.Client
}

// New makes a client; it asks nothing yet. A server that is no http(s) address is an invalid error.
func New(opts Options) (*Client, error) {
	server := opts.Server
	if server == "" {
		server = DefaultServer
	}
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	at, err := url.Parse(server)
	if err != nil || at.Hostname() == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, &relay.Error{
			Code: relay.CodeInvalid, Message: "the server must be an address such as " + DefaultServer, Hint: "set --server or EDRELAY_SERVER",
		}
	}
	c := &Client{server: strings.TrimRight(server, "/"), token: opts.Token, http: opts.HTTP}
	if c.http == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.Proxy = nil
		c.http = &http.Client{Transport: transport}
	}
	return c, nil
}

// Server gives the address that is asked.
func (c *Client) Server() string { return c.server }

const answerTimeout = 10 * time.Minute

// Get reads a resource below /api/v1 into into.
func (c *Client) Get(ctx context.Context, path string, query url.Values, into any) error {
	return c.call(ctx, http.MethodGet, path, query, nil, into)
}

// Send asks by a method with body (nil: none) and reads the answer into into (nil: thrown away).
func (c *Client) Send(ctx context.Context, method, path string, body, into any) error {
	return c.call(ctx, method, path, nil, body, into)
}

// Post sends body (nil: none) and reads the answer into into (nil: thrown away).
func (c *Client) Post(ctx context.Context, path string, body, into any) error {
	return c.call(ctx, http.MethodPost, path, nil, body, into)
}

// Delete removes a resource.
func (c *Client) Delete(ctx context.Context, path string, into any) error {
	return c.call(ctx, http.MethodDelete, path, nil, nil, into)
}

// PostLines posts body and reads the answer as JSON lines, each of which line hears.
func (c *Client) PostLines(ctx context.Context, path string, body any, line func(json.RawMessage) error) error {
	resp, err := c.ask(ctx, http.MethodPost, path, nil, body, "application/x-ndjson")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for reader := json.NewDecoder(resp.Body); ; {
		var one json.RawMessage
		if err := reader.Decode(&one); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return c.away(ctx, err)
		}
		if err := line(one); err != nil {
			return err
		}
	}
}

func (c *Client) call(ctx context.Context, method, path string, query url.Values, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	resp, err := c.do(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if into == nil || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return c.broken(err)
	}
	return nil
}

// do sends a request and gives an answer of 2xx, or the error that the answer is.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	return c.ask(ctx, method, path, query, body, "application/json")
}

// ask is do for an answer of another media type.
func (c *Client) ask(ctx context.Context, method, path string, query url.Values, body any, accept string) (*http.Response, error) {
	if c.token == "" {
		return nil, &relay.Error{
			Code: relay.CodeUnauthorized, Message: "no admin token is given",
			Hint: "set EDRELAY_ADMIN_TOKEN or --token, or run where the data dir with the file admin.token is",
		}
	}
	target := c.server + "/api/v1" + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, &relay.Error{Code: relay.CodeInvalid, Message: "this can't be asked of the server", Err: err}
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.away(ctx, err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		defer resp.Body.Close()
		return nil, c.problem(resp)
	}
	return resp, nil
}

func (c *Client) away(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return &relay.Error{
		Code: relay.CodeUnavailable, Message: "no edrelay answers at " + c.server,
		Hint: "start one with `edrelay up`, or say where it is with --server or EDRELAY_SERVER", Err: errors.Unwrap(err),
	}
}

func (c *Client) broken(err error) error {
	return &relay.Error{
		Code: relay.CodeInternal, Message: "the answer of " + c.server + " can't be read",
		Hint: "is that the admin listener of an edrelay of this version?", Err: err,
	}
}

// problem reads an error answer; what is not from edrelay gets the status as its message.
func (c *Client) problem(resp *http.Response) error {
	var p struct {
		Detail, Hint string
		Code         relay.Code
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil || json.Unmarshal(raw, &p) != nil || p.Code == "" {
		return &relay.Error{
			Code: relay.CodeInternal, Message: fmt.Sprintf("%s answered %s", c.server, resp.Status),
			Hint: "is that the admin listener of an edrelay?",
		}
	}
	return &relay.Error{Code: p.Code, Message: p.Detail, Hint: p.Hint}
}
