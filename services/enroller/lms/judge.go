package lms

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// call makes a call with a token; a 401 renews the token once. A verdict other than nil ends the matter.
func (c *Client) call(ctx context.Context, r request) (reply, *Verdict) {
	for attempt := 0; ; attempt++ {
		held, verdict := c.authorize(ctx)
		if verdict != nil {
			return reply{}, verdict
		}
		answer := c.do(ctx, r, held.authorization)
		if answer.err == nil && answer.status == http.StatusUnauthorized {
			c.drop(held)
			if attempt == 0 {
				continue
			}
		}
		return answer, c.judge(answer)
	}
}

// judge gives the verdict on what is the same for every call; nil for an answer that the call itself must read.
func (c *Client) judge(answer reply) *Verdict {
	status := answer.status
	switch {
	case answer.err != nil && !answer.sent:
		return &Verdict{Kind: Unreachable, Reason: "the LMS can't be reached: " + describe(answer.err)}
	case answer.err != nil:
		return &Verdict{Kind: Unknown, Status: status, Reason: "the LMS did not answer: " + describe(answer.err)}
	case status == http.StatusUnauthorized:
		return &Verdict{
			Kind: Refused, Status: status, Reason: "the LMS refuses a fresh token",
			Hint: "Check that the clocks agree and that the OAuth application's user is active.",
		}
	case status == http.StatusForbidden:
		return &Verdict{
			Kind: Refused, Status: status, Reason: "the LMS forbids enrolling: the OAuth application's user is not global staff",
			Hint: "Give that user the staff status in the LMS admin.",
		}
	case status == http.StatusTooManyRequests:
		return &Verdict{Kind: Throttled, Status: status, Reason: "the LMS throttles calls", After: retryAfter(answer, c.options.Now())}
	case status == http.StatusRequestTimeout, status >= 500:
		return &Verdict{Kind: Unknown, Status: status, Reason: "the LMS answered " + strconv.Itoa(status)}
	case status >= 300 && status < 400:
		return &Verdict{Kind: Refused, Status: status, Reason: "the LMS redirects its API", Hint: "Write the final address, with its scheme, into lms.url."}
	case status == http.StatusRequestEntityTooLarge, status == http.StatusRequestURITooLong:
		return &Verdict{Kind: TooLarge, Status: status, Reason: "the call is too large for the LMS"}
	}
	return nil
}

// describe says what failed without an address, a host's credentials or a query.
func describe(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "time-out"
	case errors.Is(err, context.Canceled):
		return "edrelay is stopping"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "its name is not known"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its certificate is not trusted"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "its certificate is not trusted"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "time-out"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return "no connection"
	}
	return "the connection broke"
}

// The platform's sentence when it throttles.
var expected = regexp.MustCompile(`available in (\d+) second`)

// unspecifiedWait is how long a 429 that names no time is waited for.
const unspecifiedWait = 30 * time.Second

// retryAfter reads how long the LMS asks to wait: the header as seconds or date, then its sentence.
func retryAfter(answer reply, now time.Time) time.Duration {
	const longest = 24 * time.Hour
	text := answer.header.Get("Retry-After")
	if text == "" {
		if found := expected.FindStringSubmatch(answer.detail()); found != nil {
			text = found[1]
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		return min(time.Duration(min(n, 1<<20))*time.Second, longest)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), longest)
	}
	return unspecifiedWait
}
