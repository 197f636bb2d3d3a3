package web

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

// back sends the browser to a page that says what was done.
func back(c fiber.Ctx, path, done string, counts ...any) error {
	query := url.Values{"done": {done}}
	if len(counts) > 0 {
		query.Set("n", fmt.Sprint(counts[0]))
	}
	if len(counts) > 1 {
		query.Set("m", fmt.Sprint(counts[1]))
	}
	return c.Redirect().Status(fiber.StatusSeeOther).To(path + "?" + query.Encode())
}

// retry makes one enrolment due now.
func (s *site) retry(c fiber.Ctx, v *visit) error {
	id, err := strconv.ParseInt(c.Params("id"), 10, 64)
	if err != nil {
		return relay.ErrNotFound
	}
	if _, err := s.desk.Ports.Retry.Retry(v.ctx, id, c.FormValue("mail") != ""); err != nil {
		return err
	}
	return back(c, "/enrollments/"+c.Params("id"), "retried")
}

// retryAll makes all parked enrolments due that the list's filters chose.
func (s *site) retryAll(c fiber.Ctx, v *visit) error {
	n, err := s.desk.Ports.Retry.RetryAll(v.ctx, relay.EnrollmentQuery{
		Source: clean(c.FormValue("source")), Order: clean(c.FormValue("order")), Learner: clean(c.FormValue("learner")),
		Course: clean(c.FormValue("course")), Reason: clean(c.FormValue("reason")),
	}, false)
	if err != nil {
		return err
	}
	return back(c, "/enrollments", "retried-all", n)
}

// reverify verifies one rejected webhook again and shows what became of it.
func (s *site) reverify(c fiber.Ctx, v *visit) error {
	list, err := s.desk.Ports.Reverify.Reverify(v.ctx, relay.ReverifyQuery{ID: clean(c.Params("id"))})
	if err != nil {
		return err
	}
	if len(list) == 1 && list[0].Accepted {
		return back(c, "/webhooks/"+url.PathEscape(list[0].Webhook), "accepted")
	}
	return back(c, "/webhooks/"+url.PathEscape(c.Params("id")), "refused")
}

func (s *site) reverifyAll(c fiber.Ctx, v *visit) error {
	list, err := s.desk.Ports.Reverify.Reverify(v.ctx, relay.ReverifyQuery{Source: clean(c.FormValue("source"))})
	if err != nil {
		return err
	}
	accepted := 0
	for _, one := range list {
		if one.Accepted {
			accepted++
		}
	}
	return back(c, "/rejected", "reverified", accepted, len(list)-accepted)
}
