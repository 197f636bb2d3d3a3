package lms

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// Account is what the LMS knows under an e-mail address.
type Account struct {
	Exists   bool
	Username string
	Active   bool
}

// Account looks an address up. Answered verdicts come with the account; a retired address has none. The call is not
// throttled by the platform.
func (c *Client) Account(ctx context.Context, email string) (Account, Verdict) {
	answer, verdict := c.call(ctx, request{method: http.MethodGet, path: "/api/user/v1/accounts", query: url.Values{"email": {email}}})
	if verdict != nil {
		return Account{}, *verdict
	}
	switch answer.status {
	case http.StatusNotFound:
		return Account{}, Verdict{Kind: Answered, Status: answer.status}
	case http.StatusOK:
		var list []struct {
			Username string `json:"username"`
			Active   bool   `json:"is_active"`
		}
		if json.Unmarshal(answer.body, &list) != nil {
			return Account{}, unreadable(answer)
		}
		if len(list) == 0 {
			return Account{}, Verdict{Kind: Answered, Status: answer.status}
		}
		return Account{Exists: true, Username: list[0].Username, Active: list[0].Active}, Verdict{Kind: Answered, Status: answer.status}
	}
	return Account{}, unexpected(answer, "accounts")
}

// Course tells whether a course exists; one that is hidden counts as absent. The call is not throttled by the platform.
func (c *Client) Course(ctx context.Context, key string) (bool, Verdict) {
	answer, verdict := c.call(ctx, request{method: http.MethodGet, path: "/api/courses/v1/courses/" + escapeKey(key) + "/"})
	if verdict != nil {
		return false, *verdict
	}
	switch answer.status {
	case http.StatusOK:
		return true, Verdict{Kind: Answered, Status: answer.status}
	case http.StatusNotFound, http.StatusBadRequest:
		return false, Verdict{Kind: Answered, Status: answer.status}
	}
	return false, unexpected(answer, "courses")
}

// Listed is one page of the list of enrolments of a course.
type Listed struct {
	Active []string // usernames with an active enrolment in the course
	Next   string   // cursor of the next page; "" at the end
}

// Enrollments gives one page of the enrolments of a course, of these addresses alone where the platform's release
// understands that. The call counts against the platform's throttle.
func (c *Client) Enrollments(ctx context.Context, course string, emails []string, cursor string) (Listed, Verdict) {
	query := url.Values{"course_id": {course}, "page_size": {"100"}}
	if len(emails) > 0 {
		query.Set("email", strings.Join(emails, ","))
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	answer, verdict := c.call(ctx, request{method: http.MethodGet, path: "/api/enrollment/v1/enrollments", query: query})
	if verdict != nil {
		return Listed{}, *verdict
	}
	if answer.status != http.StatusOK {
		return Listed{}, unexpected(answer, "enrollments")
	}
	var body struct {
		Next    string `json:"next"`
		Results []struct {
			User   string `json:"user"`
			Course string `json:"course_id"`
			Active bool   `json:"is_active"`
		} `json:"results"`
	}
	if json.Unmarshal(answer.body, &body) != nil {
		return Listed{}, unreadable(answer)
	}
	page := Listed{Next: cursorOf(body.Next)}
	for _, one := range body.Results {
		if one.Active && one.Course == course {
			page.Active = append(page.Active, one.User)
		}
	}
	return page, Verdict{Kind: Answered, Status: answer.status}
}

func cursorOf(next string) string {
	parsed, err := url.Parse(next)
	if err != nil {
		return ""
	}
	return parsed.Query().Get("cursor")
}

func unreadable(answer reply) Verdict {
	return Verdict{Kind: Unknown, Status: answer.status, Reason: "the LMS's answer can't be read"}
}

func unexpected(answer reply, what string) Verdict {
	return Verdict{Kind: Unknown, Status: answer.status, Reason: "the LMS's API of " + what + " answers unexpectedly"}
}

// escapeKey escapes a course key as one segment; "+" and ":" stay, as the platform writes them.
func escapeKey(key string) string { return url.PathEscape(key) }
