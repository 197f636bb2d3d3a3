package lms

import (
	"net/http"
	"time"
)

// JudgeBulk judges an answer to a bulk call without a server.
func JudgeBulk(bulk Bulk, status int, header http.Header, body []byte) Verdict {
	c := &Client{options: Options{Now: time.Now}}
	answer := reply{status: status, header: header, body: body, sent: true}
	if verdict := c.judge(answer); verdict != nil {
		return *verdict
	}
	return judgeBulk(bulk, answer)
}
