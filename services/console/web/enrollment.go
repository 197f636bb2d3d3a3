package web

import (
	"context"
	"strconv"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

func (s *site) enrollments(c fiber.Ctx, v *visit) error {
	q := relay.EnrollmentQuery{
		State: relay.EnrollmentState(asked(c, "state")), Source: asked(c, "source"), Order: asked(c, "order"), Learner: asked(c, "learner"),
		Course: asked(c, "course"), Reason: asked(c, "reason"),
	}
	fields := []field{
		{Name: "state", Label: "State", Options: oneOf(
			relay.EnrollmentWaiting, relay.EnrollmentEnrolled, relay.EnrollmentAllowed, relay.EnrollmentUnenrolled, relay.EnrollmentParked)},
		{Name: "source", Label: "Source"}, {Name: "order", Label: "Order"}, {Name: "learner", Label: "Learner"}, {Name: "course", Label: "Course"},
		{Name: "reason", Label: "Reason", Hidden: true},
	}
	rows, err := readRows(c, v.ctx, fields, func(ctx context.Context, p relay.Page) ([]relay.Enrollment, error) {
		q.Page = p
		return s.desk.Ports.Enrollments.Enrollments(ctx, q)
	}, func(e relay.Enrollment) relay.Mark { return relay.Mark{ID: strconv.FormatInt(e.ID, 10)} })
	if err != nil {
		return err
	}
	rows.Empty = emptyText{"No enrolment yet", "A paid order of a configured source makes one."}
	return s.show(c, v, "enrollments", "/enrollments", "Enrolments", rows)
}

// enrollmentView is one enrolment with what the LMS answered.
type enrollmentView struct {
	relay.Enrollment
	Answers []relay.Attempt
}

const shownAnswers = 100

func (s *site) enrollment(c fiber.Ctx, v *visit) error {
	id, err := strconv.ParseInt(c.Params("id"), 10, 64)
	if err != nil {
		return relay.ErrNotFound
	}
	row, err := s.desk.Ports.Enrollments.Enrollment(v.ctx, id)
	if err != nil {
		return err
	}
	answers, err := s.desk.Ports.Enrollments.Attempts(v.ctx, id, shownAnswers)
	if err != nil {
		return err
	}
	return s.show(c, v, "enrollment", "/enrollments", "Enrolment "+c.Params("id"), enrollmentView{row, answers})
}
