package lms

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const tokenPath = "/oauth2/access_token"

// token is what authenticates calls until it is renewed.
type token struct {
	authorization string
	renew         time.Time // before it expires
}

// authorize gives the value of the Authorization header: the token at hand, or a new one that all callers share. A
// verdict other than nil says why there is none.
func (c *Client) authorize(ctx context.Context) (*token, *Verdict) {
	if held := c.token.Load(); held != nil && c.options.Now().Before(held.renew) {
		return held, nil
	}
	type fetched struct {
		token   *token
		verdict *Verdict
	}
	result := c.fetch.DoChan("token", func() (any, error) {
		if held := c.token.Load(); held != nil && c.options.Now().Before(held.renew) {
			return fetched{token: held}, nil
		}
		got, verdict := c.fetchToken(context.WithoutCancel(ctx)) // not only this caller waits for it
		if got != nil {
			c.token.Store(got)
		}
		return fetched{got, verdict}, nil
	})
	select {
	case <-ctx.Done():
		return nil, &Verdict{Kind: Unreachable, Reason: "no token in time"}
	case r := <-result:
		f := r.Val.(fetched)
		return f.token, f.verdict
	}
}

// drop forgets a token that the LMS refused, unless another took its place already.
func (c *Client) drop(refused *token) { c.token.CompareAndSwap(refused, nil) }

func (c *Client) fetchToken(ctx context.Context) (*token, *Verdict) {
	asked := c.options.Now()
	answer := c.do(ctx, request{method: http.MethodPost, path: tokenPath, form: url.Values{
		"grant_type": {"client_credentials"}, "client_id": {c.options.ClientID}, "client_secret": {c.options.ClientSecret},
		"token_type": {"jwt"},
	}}, "")
	if verdict := judgeToken(answer, asked); verdict != nil {
		return nil, verdict
	}
	var body struct {
		AccessToken string  `json:"access_token"`
		TokenType   string  `json:"token_type"`
		ExpiresIn   float64 `json:"expires_in"`
	}
	if json.Unmarshal(answer.body, &body) != nil || body.AccessToken == "" || strings.ContainsAny(body.AccessToken, " \r\n") {
		return nil, &Verdict{Kind: Unreachable, Status: answer.status, Reason: "the LMS gave no readable token"}
	}
	scheme := "Bearer "
	if strings.EqualFold(body.TokenType, "jwt") {
		scheme = "JWT "
	}
	life := time.Duration(min(body.ExpiresIn, 86400) * float64(time.Second))
	if life <= 0 {
		life = 30 * time.Second // a restricted application: what it says of the opaque token isn't true of the JWT
	}
	margin := min(life/10, 30*time.Second)
	return &token{authorization: scheme + body.AccessToken, renew: asked.Add(life - margin)}, nil
}

func judgeToken(answer reply, now time.Time) *Verdict {
	switch {
	case answer.err != nil:
		return &Verdict{Kind: Unreachable, Status: answer.status, Reason: "the LMS gave no token: " + describe(answer.err)}
	case answer.status == http.StatusOK:
		return nil
	case answer.status == http.StatusTooManyRequests, answer.status == http.StatusForbidden: // 403: its rate limit on old releases
		return &Verdict{Kind: Throttled, Status: answer.status, Reason: "the LMS limits how often tokens are fetched", After: retryAfter(answer, now)}
	case answer.status == http.StatusBadRequest, answer.status == http.StatusUnauthorized:
		return &Verdict{
			Kind: Refused, Status: answer.status, Reason: "the LMS does not accept lms.client_id and lms.client_secret",
			Hint: "Compare them with the OAuth application in the LMS admin; its grant type must be client credentials.",
		}
	case answer.status >= 300 && answer.status < 500:
		return &Verdict{Kind: Refused, Status: answer.status, Reason: "the LMS has no token endpoint at lms.url", Hint: "Check lms.url, its scheme too."}
	}
	return &Verdict{Kind: Unreachable, Status: answer.status, Reason: "the LMS gave no token"}
}
