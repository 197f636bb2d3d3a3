package lms

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
)

// maxHops is how many redirects of a SKU are followed.
const maxHops = 5

// The whole of a course key, and one inside a path or query.
var (
	courseKey   = regexp.MustCompile(`^course-v1:[\pL\pN_~.:-]+\+[\pL\pN_~.:-]+\+[\pL\pN_~.:-]+$`)
	courseInURL = regexp.MustCompile(`course-v1:[^/?#&\s]+`)
)

// IsCourse tells whether text is the key of a course run, whole.
func IsCourse(text string) bool { return len(text) <= 255 && courseKey.MatchString(text) }

// LookUp finds the course that a SKU leads to by the site's redirects, without fetching pages: each Location is searched
// for a course key, at most five, on the site's own host. Answered verdicts come with the SKU's state; others say why
// it isn't known yet.
func (c *Client) LookUp(ctx context.Context, sku string) (relay.SKU, Verdict) {
	found := relay.SKU{SKU: sku, CheckedAt: c.options.Now()}
	where := c.base.JoinPath() // a copy
	where.Path = c.base.Path + "/" + strings.TrimPrefix(c.options.SKUPrefix, "/") + sku
	where.RawPath = c.base.EscapedPath() + "/" + strings.TrimPrefix(c.options.SKUPrefix, "/") + escapeSKU(sku)
	for hop := 0; hop <= maxHops; hop++ {
		answer := c.head(ctx, where)
		if answer.err != nil {
			return found, Verdict{Kind: Unreachable, Reason: "the SKU can't be looked up: " + describe(answer.err)}
		}
		location := answer.header.Get("Location")
		switch {
		case answer.status >= 300 && answer.status < 400 && location != "":
		case answer.status == http.StatusTooManyRequests:
			return found, Verdict{Kind: Throttled, Status: answer.status, Reason: "the LMS throttles calls", After: retryAfter(answer, c.options.Now())}
		case answer.status >= 500:
			return found, Verdict{Kind: Unreachable, Status: answer.status, Reason: "the LMS fails on the SKU"}
		default:
			return ended(found, hop, answer.status), Verdict{Kind: Answered, Status: answer.status}
		}
		next, err := where.Parse(location)
		if err != nil {
			return broken(found, "the SKU's redirect is no URL"), Verdict{Kind: Answered, Status: answer.status}
		}
		if key := courseIn(next); key != "" {
			return toCourse(found, key), Verdict{Kind: Answered, Status: answer.status}
		}
		if !c.sameHost(next) {
			return broken(found, "the SKU's redirect leads to another host and names no course"), Verdict{Kind: Answered, Status: answer.status}
		}
		where = next
	}
	return broken(found, "the SKU's redirects do not end"), Verdict{Kind: Answered}
}

// head asks with HEAD, and with GET where that isn't understood.
func (c *Client) head(ctx context.Context, where *url.URL) reply {
	path := strings.TrimPrefix(where.EscapedPath(), c.base.EscapedPath())
	call := request{method: http.MethodHead, path: path, query: where.Query()}
	answer := c.do(ctx, call, "")
	if answer.err == nil && (answer.status == http.StatusMethodNotAllowed || answer.status == http.StatusNotImplemented) {
		call.method = http.MethodGet
		answer = c.do(ctx, call, "")
	}
	return answer
}

func (c *Client) sameHost(u *url.URL) bool {
	return strings.EqualFold(u.Host, c.base.Host) && (u.Scheme == "http" || u.Scheme == "https") &&
		strings.HasPrefix(u.EscapedPath(), c.base.EscapedPath())
}

func toCourse(found relay.SKU, key string) relay.SKU {
	if !IsCourse(key) {
		return broken(found, "the SKU's redirect names a course key that is none")
	}
	found.State, found.Course = relay.SKUCourse, key
	return found
}

func broken(found relay.SKU, why string) relay.SKU {
	found.State, found.Reason = relay.SKUBroken, why
	return found
}

// ended judges a chain that ends without a course: a SKU that the site doesn't know is no course, one that leads
// somewhere was meant to be.
func ended(found relay.SKU, hops, status int) relay.SKU {
	nowhere := status < 400 || status == http.StatusNotFound || status == http.StatusGone || status == http.StatusBadRequest
	if hops == 0 && nowhere {
		found.State, found.Reason = relay.SKUNone, "the LMS has no redirect for the SKU"
		return found
	}
	return broken(found, "the SKU's redirect leads to no course")
}

// courseIn finds a course key in the path of a Location, then in its query, percent-encoding undone.
func courseIn(u *url.URL) string {
	if key := courseInURL.FindString(u.Path); key != "" {
		return key
	}
	query := u.RawQuery
	for range 2 { // a URL inside a query may be encoded once more
		decoded, err := url.PathUnescape(query) // "+" is part of a key here
		if err != nil {
			break
		}
		query = decoded
		if key := courseInURL.FindString(query); key != "" {
			return key
		}
	}
	return ""
}

// escapeSKU makes a SKU one path segment.
func escapeSKU(sku string) string {
	if sku == "." || sku == ".." {
		return strings.ReplaceAll(sku, ".", "%2E")
	}
	return url.PathEscape(sku)
}
