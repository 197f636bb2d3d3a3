package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	tokenPath = "/oauth2/access_token"
	bulkPath  = "/api/bulk_enroll/v1/bulk_enroll"
	clockRoom = 30 * time.Second
)

// openEdX tests that the LMS gives a token, lets its user enrol in bulk, and agrees about the time. The bulk call names
// nobody and no course, so it is refused for that when all else is right.
func openEdX(ctx context.Context, p Patient) []Finding {
	lms := p.Config.LMS
	if lms.URL == "" {
		return []Finding{warning("lms", "lms.url is not set; enrolments wait", "set lms.url, lms.client_id and lms.client_secret")}
	}
	base := strings.TrimRight(lms.URL, "/")
	token, answer, found := fetchToken(ctx, base, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {lms.ClientID}, "client_secret": {lms.ClientSecret}, "token_type": {"jwt"},
	})
	all := []Finding{found}
	if answer != nil {
		all = append(all, clock(p.Now(), answer.Header.Get("Date")))
	}
	if token == "" {
		return all
	}
	return append(all, permission(ctx, base, token))
}

func fetchToken(ctx context.Context, base string, form url.Values) (string, *http.Response, Finding) {
	const check = "lms token"
	answer, body, err := send(ctx, base+tokenPath, "", form)
	if err != nil {
		return "", nil, bad(check, "the LMS does not answer: "+plain(err), "is lms.url right, and reachable from here?")
	}
	var got struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
	}
	decodes := json.Unmarshal(body, &got) == nil
	switch {
	case answer.StatusCode == http.StatusOK && decodes && strings.EqualFold(got.TokenType, "jwt") && got.AccessToken != "":
		return got.AccessToken, answer, good(check, "given")
	case answer.StatusCode == http.StatusUnauthorized:
		return "", answer, bad(check, "the LMS does not know this client or its secret", "compare lms.client_id and lms.client_secret with the OAuth2 application in the LMS admin")
	case answer.StatusCode == http.StatusBadRequest:
		return "", answer, bad(check, "the LMS refuses the client-credentials grant", "set the OAuth2 application's grant type to client credentials")
	case answer.StatusCode == http.StatusTooManyRequests:
		return "", answer, warning(check, "too many tokens were asked for in this minute", "try again in a minute")
	case answer.StatusCode == http.StatusOK:
		return "", answer, bad(check, "the answer holds no JWT", "is lms.url the LMS, and not Studio or a front end?")
	}
	return "", answer, bad(check, fmt.Sprintf("the LMS answers %d", answer.StatusCode), "is lms.url the LMS, and not Studio or a front end?")
}

func permission(ctx context.Context, base, token string) Finding {
	const check = "lms bulk enrolment"
	answer, body, err := send(ctx, base+bulkPath, token, url.Values{"action": {"enroll"}})
	if err != nil {
		return bad(check, "the LMS does not answer: "+plain(err), "try again")
	}
	switch answer.StatusCode {
	case http.StatusBadRequest:
		return good(check, "allowed")
	case http.StatusUnauthorized:
		return bad(check, "the LMS does not accept the token that it gave", "is the clock of this machine right?")
	case http.StatusForbidden:
		return bad(check, "the user of the OAuth2 application is not global staff", "make that user staff in the LMS admin")
	case http.StatusTooManyRequests:
		return warning(check, "the LMS throttles this user right now", "try again in a minute; lower lms.calls_per_minute if others use the same user")
	case http.StatusNotFound:
		if json.Valid(body) {
			break
		}
		return bad(check, "the view is disabled", "set FEATURES['ENABLE_BULK_ENROLLMENT_VIEW'] = True in the LMS settings")
	}
	return bad(check, fmt.Sprintf("the LMS answers %d", answer.StatusCode), "read the LMS log")
}

// clock compares this machine's clock with the Date of an answer, which has whole seconds.
func clock(now time.Time, date string) Finding {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return warning("clock", "the LMS does not say what time it is", "compare the clocks by hand")
	}
	if off := now.Sub(theirs).Abs(); off > clockRoom {
		return bad("clock", fmt.Sprintf("this machine and the LMS are %s apart", off.Round(time.Second)), "set both clocks by NTP; tokens and signatures depend on them")
	}
	return good("clock", "agrees with the LMS")
}

func send(ctx context.Context, target, token string, form url.Values) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		request.Header.Set("Authorization", "JWT "+token)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return answer, body, err
}

// plain is an error without the URL that it may quote.
func plain(err error) string {
	if wrapped, ok := err.(*url.Error); ok {
		return wrapped.Err.Error()
	}
	return err.Error()
}
