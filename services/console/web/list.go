package web

import (
	"context"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

const pageRows = 50

// field is one filter above a list.
type field struct {
	Name, Label, Value string
	Options            []string // what it may be; none: any text
	Hidden             bool     // shown only when something is chosen
}

// rowsView is a page of rows with the filters that chose them.
type rowsView[T any] struct {
	Fields []field
	Rows   []T
	Older  string // address of the next page; "" when there is none
	Newest string // address of the first page; "" on the first page
	Chosen bool   // something is filtered
	Empty  emptyText
}

// emptyText is said when a list has no row.
type emptyText struct{ Title, Hint string }

// readRows reads a page of a list by the request's query. Values that mean nothing choose nothing less.
func readRows[T any](
	c fiber.Ctx, ctx context.Context, fields []field, read func(context.Context, relay.Page) ([]T, error), mark func(T) relay.Mark,
) (rowsView[T], error) {
	v := rowsView[T]{Fields: fields}
	query := url.Values{}
	for i, f := range fields {
		v.Fields[i].Value = c.Query(f.Name)
		if v.Fields[i].Value != "" {
			query.Set(f.Name, v.Fields[i].Value)
			v.Chosen = true
		}
	}
	before := parseMark(c.Query("before"))
	if !before.IsZero() {
		v.Newest = c.Path() + "?" + query.Encode()
	}
	rows, err := read(ctx, relay.Page{Limit: pageRows + 1, Before: before})
	if err != nil {
		return v, err
	}
	if len(rows) > pageRows {
		rows = rows[:pageRows]
		query.Set("before", formatMark(mark(rows[pageRows-1])))
		v.Older = c.Path() + "?" + query.Encode()
	}
	v.Rows = rows
	return v, nil
}

func formatMark(m relay.Mark) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(m.Time.UnixNano(), 36) + "." + m.ID))
}

// parseMark reads an address that formatMark made; anything else is the first page.
func parseMark(text string) relay.Mark {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || strings.ContainsRune(string(raw), 0) {
		return relay.Mark{}
	}
	at, id, _ := strings.Cut(string(raw), ".")
	nanos, err := strconv.ParseInt(at, 36, 64)
	if err != nil || id == "" {
		return relay.Mark{}
	}
	return relay.Mark{Time: time.Unix(0, nanos).UTC(), ID: id}
}

func oneOf[S ~string](values ...S) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return list
}

// clean drops what no text of the ledger can hold.
func clean(text string) string { return strings.ReplaceAll(text, "\x00", "") }

func asked(c fiber.Ctx, name string) string { return clean(c.Query(name)) }
