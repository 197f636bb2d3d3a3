package console

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// kind is the shape of a query parameter.
type kind string

const (
	kindText    kind = "string"
	kindTime    kind = "date-time" // RFC 3339, or how long ago: 90s, 15m, 24h, 7d
	kindNumber  kind = "integer"
	kindBoolean kind = "boolean"
)

// param is one query parameter of a route.
type param struct {
	name  string
	about string
	kind  kind
	enum  []string
}

func text(name, about string) param   { return param{name: name, about: about, kind: kindText} }
func moment(name, about string) param { return param{name: name, about: about, kind: kindTime} }
func flag(name, about string) param   { return param{name: name, about: about, kind: kindBoolean} }

func oneOf[S ~string](name, about string, values ...S) param {
	p := param{name: name, about: about, kind: kindText}
	for _, v := range values {
		p.enum = append(p.enum, string(v))
	}
	return p
}

// checkQuery refuses names that the route does not know, names given twice and values of the wrong shape, so that
// a misspelt filter is never taken for no filter.
func checkQuery(c fiber.Ctx, known []param) error {
	seen := map[string]bool{}
	for name, value := range c.RequestCtx().QueryArgs().All() {
		key, val := string(name), string(value)
		i := slices.IndexFunc(known, func(p param) bool { return p.name == key })
		if i < 0 {
			return &relay.Error{Code: relay.CodeInvalid, Message: "unknown query parameter " + strconv.Quote(key), Hint: "known here: " + names(known)}
		}
		if seen[key] {
			return relay.Errorf(relay.CodeInvalid, "query parameter %q stands there twice", key)
		}
		seen[key] = true
		if err := known[i].check(val); err != nil {
			return err
		}
	}
	return nil
}

func names(params []param) string {
	var all []string
	for _, p := range params {
		all = append(all, p.name)
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

func (p param) check(value string) error {
	if value == "" {
		return nil
	}
	if strings.ContainsRune(value, 0) {
		return relay.Errorf(relay.CodeInvalid, "%s holds a NUL character", p.name)
	}
	if len(p.enum) > 0 && !slices.Contains(p.enum, value) {
		return relay.Errorf(relay.CodeInvalid, "%s must be one of %s", p.name, strings.Join(p.enum, ", "))
	}
	switch p.kind {
	case kindTime:
		if _, ok := parseTime(value, time.Time{}.AddDate(2000, 0, 0)); !ok {
			return relay.Errorf(relay.CodeInvalid, "%s must be a time such as 2026-01-31T12:00:00Z, or how long ago such as 90s, 15m, 24h, 7d", p.name)
		}
	case kindBoolean:
		if _, err := strconv.ParseBool(value); err != nil {
			return relay.Errorf(relay.CodeInvalid, "%s must be true or false", p.name)
		}
	case kindNumber:
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < 0 {
			return relay.Errorf(relay.CodeInvalid, "%s must be a whole number, 0 or more", p.name)
		}
	}
	return nil
}

// values reads a query that checkQuery has passed.
type values struct {
	c   fiber.Ctx
	now time.Time
}

func (v values) text(name string) string { return v.c.Query(name) }

func (v values) time(name string) time.Time {
	t, _ := parseTime(v.c.Query(name), v.now)
	return t
}

func (v values) flag(name string) bool {
	b, _ := strconv.ParseBool(v.c.Query(name))
	return b
}

func (v values) number(name string, missing int64) int64 {
	n, err := strconv.ParseInt(v.c.Query(name), 10, 64)
	if err != nil {
		return missing
	}
	return n
}

// parseTime reads RFC 3339, a date, or a duration before now; days are understood too.
func parseTime(value string, now time.Time) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, value); err == nil {
			return t, true
		}
	}
	if days, ok := strings.CutSuffix(value, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), true
		}
	}
	if d, err := time.ParseDuration(value); err == nil && d >= 0 {
		return now.Add(-d), true
	}
	return time.Time{}, false
}
