package client

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strconv"
)

// Each reads a list row by row as it arrives, newest first, at most limit rows (0 = all). more tells whether there are
// rows behind the last.
func Each[T any](ctx context.Context, c *Client, path string, query url.Values, limit int, row func(T) error) (more bool, err error) {
	query = maps.Clone(query)
	if query == nil {
		query = url.Values{}
	}
	query.Set("limit", strconv.Itoa(limit))
	resp, err := c.do(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	reader := json.NewDecoder(resp.Body)
	for range 3 { // {"items":[
		if _, err := reader.Token(); err != nil {
			return false, c.broken(err)
		}
	}
	for reader.More() {
		var one T
		if err := reader.Decode(&one); err != nil {
			return false, c.broken(err)
		}
		if err := row(one); err != nil {
			return false, err
		}
	}
	var next json.Token
	for range 3 { // ],"next":"…"
		if next, err = reader.Token(); err != nil {
			return false, c.broken(err)
		}
	}
	if _, err := reader.Token(); err != nil { // }
		return false, c.broken(err)
	}
	return next != "", nil
}

// List reads a list into memory.
func List[T any](ctx context.Context, c *Client, path string, query url.Values, limit int) ([]T, error) {
	rows := []T{}
	_, err := Each(ctx, c, path, query, limit, func(row T) error {
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

// Follow reads a stream of JSON lines until the context ends, the server closes it, or line errs.
func (c *Client) Follow(ctx context.Context, path string, query url.Values, line func(json.RawMessage) error) error {
	resp, err := c.do(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for reader := json.NewDecoder(resp.Body); ; {
		var one json.RawMessage
		if err := reader.Decode(&one); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return c.away(ctx, err)
		}
		if err := line(one); err != nil {
			return err
		}
	}
}
