package console

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console/desk"
	"github.com/gofiber/fiber/v3"
)

const (
	defaultLimit = 50
	readTimeout  = 30 * time.Second
)

// listing is a list of the API: who answers it, page by page, for one query, and where a row stands in it.
type listing[T any] struct {
	read func(context.Context, relay.Page) ([]T, error)
	mark func(T) relay.Mark
}

// page is the answer of a list.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"` // cursor of the next page; empty: there is none
}

// listRoute completes a route whose answer is a page of rows. prepare reads the query once.
func listRoute[T any](s *Service, r route, prepare func(values) listing[T]) route {
	var row T
	r.method, r.answer, r.list = fiber.MethodGet, row, true
	r.query = append(r.query,
		param{name: "limit", about: "Rows at most; 0 = all.", kind: kindNumber},
		text("cursor", "The `next` of the page before."))
	r.handle = func(c fiber.Ctx) error {
		v := values{c: c, now: s.opts.Now()}
		before, err := parseCursor(v.text("cursor"))
		if err != nil {
			return err
		}
		return prepare(v).send(c, v.number("limit", defaultLimit), before)
	}
	return r
}

// send answers with limit rows; more than one ledger page of them is written as it is read, so that "all" needs no
// memory.
func (l listing[T]) send(c fiber.Ctx, limit int64, before relay.Mark) error {
	size := limit
	if limit == 0 || limit > desk.PageSize {
		size = desk.PageSize
	}
	rows, next, err := l.page(c.Context(), int(size), before)
	if err != nil {
		return err
	}
	if next.IsZero() || int64(len(rows)) == limit {
		return c.JSON(page[T]{Items: rows, Next: formatCursor(next)})
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSONCharsetUTF8)
	return c.SendStreamWriter(func(w *bufio.Writer) { l.stream(w, limit, rows, next) })
}

// page reads size rows; next is zero when they are the last.
func (l listing[T]) page(ctx context.Context, size int, before relay.Mark) (rows []T, next relay.Mark, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err = l.read(ctx, relay.Page{Limit: size + 1, Before: before})
	if err != nil {
		return nil, relay.Mark{}, err
	}
	if len(rows) > size {
		rows = rows[:size]
		next = l.mark(rows[size-1])
	}
	if rows == nil {
		rows = []T{}
	}
	return rows, next, nil
}

// stream writes the page row by row. When the ledger fails on the way the answer ends early and is no valid JSON,
// which is all that a started answer can say.
func (l listing[T]) stream(w *bufio.Writer, limit int64, rows []T, next relay.Mark) {
	var sent int64
	_, _ = w.WriteString(`{"items":[`)
	for {
		for _, row := range rows {
			if sent++; sent > 1 {
				_ = w.WriteByte(',')
			}
			raw, err := json.Marshal(row)
			if err != nil {
				return
			}
			if _, err := w.Write(raw); err != nil {
				return
			}
		}
		if next.IsZero() || sent == limit {
			break
		}
		size := int64(desk.PageSize)
		if limit > 0 {
			size = min(size, limit-sent)
		}
		var err error
		if rows, next, err = l.page(context.Background(), int(size), next); err != nil {
			return
		}
	}
	_, _ = w.WriteString(`],"next":` + strconv.Quote(formatCursor(next)) + `}`)
}

// formatCursor makes a mark opaque.
func formatCursor(m relay.Mark) string {
	if m.IsZero() {
		return ""
	}
	at := ""
	if !m.Time.IsZero() {
		at = strconv.FormatInt(m.Time.UnixNano(), 36)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(at + "." + m.ID))
}

func parseCursor(cursor string) (relay.Mark, error) {
	if cursor == "" {
		return relay.Mark{}, nil
	}
	bad := relay.Errorf(relay.CodeInvalid, "cursor is not one that edrelay made")
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return relay.Mark{}, bad
	}
	at, id, ok := strings.Cut(string(raw), ".")
	if !ok || id == "" || strings.ContainsRune(id, 0) {
		return relay.Mark{}, bad
	}
	m := relay.Mark{ID: id}
	if at != "" {
		nanos, err := strconv.ParseInt(at, 36, 64)
		if err != nil {
			return relay.Mark{}, bad
		}
		m.Time = time.Unix(0, nanos).UTC()
	}
	return m, nil
}
