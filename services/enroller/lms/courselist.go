package lms

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// CourseRun is a course run as the LMS lists it.
type CourseRun struct {
	ID    string     `json:"course_id"`
	Title string     `json:"name"`
	Start *time.Time `json:"start"`
}

// Courses gives one page, from 1, of the course runs that the LMS shows, and whether there are more. A site without
// the list has none. The call is throttled by the platform, apart from enrolments.
func (c *Client) Courses(ctx context.Context, page int) (runs []CourseRun, more bool, verdict Verdict) {
	query := url.Values{"page": {strconv.Itoa(page)}, "page_size": {"100"}}
	answer, failed := c.call(ctx, request{method: http.MethodGet, path: "/api/courses/v1/courses/", query: query})
	if failed != nil {
		return nil, false, *failed
	}
	switch answer.status {
	case http.StatusNotFound:
		return nil, false, Verdict{Kind: Answered, Status: answer.status}
	case http.StatusOK:
		var list struct {
			Results    []CourseRun `json:"results"`
			Pagination struct {
				Next *string `json:"next"`
			} `json:"pagination"`
		}
		if json.Unmarshal(answer.body, &list) != nil {
			return nil, false, unreadable(answer)
		}
		return list.Results, list.Pagination.Next != nil && len(list.Results) > 0, Verdict{Kind: Answered, Status: answer.status}
	}
	return nil, false, unexpected(answer, "courses")
}
