package console

import (
	"context"
	"strconv"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// EnrollmentDetail is one enrolment with what the LMS answered, newest first.
type EnrollmentDetail struct {
	relay.Enrollment
	Answers []relay.Attempt `json:"answers"`
}

const shownAnswers = 100

func (s *Service) enrollmentDetail(ctx context.Context, id int64) (EnrollmentDetail, error) {
	row, err := s.opts.Ports.Enrollments.Enrollment(ctx, id)
	if err != nil {
		return EnrollmentDetail{}, err
	}
	answers, err := s.opts.Ports.Enrollments.Attempts(ctx, id, shownAnswers)
	return EnrollmentDetail{row, append([]relay.Attempt{}, answers...)}, err
}

// enrollmentState chooses enrolments, in lists and to be tried again.
var enrollmentState = oneOf("state", "Where it stands.",
	relay.EnrollmentWaiting, relay.EnrollmentEnrolled, relay.EnrollmentAllowed, relay.EnrollmentUnenrolled, relay.EnrollmentParked)

func (s *Service) enrollmentRoutes() []route {
	if s.opts.Ports.Enrollments == nil {
		return nil
	}
	return []route{
		listRoute(s, route{
			path: "/enrollments", role: relay.RoleViewer, tag: "enrollments", summary: "What was asked of the LMS and what it answered",
			query: []param{
				enrollmentState,
				text("source", "Name of the source."), text("order", "Number of the order."), text("learner", "Address of the learner."),
				text("course", "Course id."), text("webhook_id", "The webhook that asked for it."), text("reason", "Reason, exactly."),
			},
		}, s.enrollmentListing),
		{
			method: fiber.MethodGet, path: "/enrollments/{id}", role: relay.RoleViewer, tag: "enrollments", summary: "One enrolment with what the LMS answered",
			answer: EnrollmentDetail{}, handle: func(c fiber.Ctx) error {
				id, err := numberParam(c, "id")
				if err != nil {
					return err
				}
				return answer(c, func(ctx context.Context) (EnrollmentDetail, error) { return s.enrollmentDetail(ctx, id) })
			},
		},
	}
}

func (s *Service) enrollmentListing(v values) listing[relay.Enrollment] {
	q := relay.EnrollmentQuery{
		State: relay.EnrollmentState(v.text("state")), Source: v.text("source"), Order: v.text("order"), Learner: v.text("learner"),
		Course: v.text("course"), WebhookID: v.text("webhook_id"), Reason: v.text("reason"),
	}
	return listing[relay.Enrollment]{
		read: func(ctx context.Context, p relay.Page) ([]relay.Enrollment, error) {
			q := q
			q.Page = p
			return s.opts.Ports.Enrollments.Enrollments(ctx, q)
		},
		mark: func(e relay.Enrollment) relay.Mark { return numberMark(e.ID) },
	}
}

func numberMark(id int64) relay.Mark { return relay.Mark{ID: strconv.FormatInt(id, 10)} }

// numberParam reads a path parameter that is a row's number; anything else names nothing.
func numberParam(c fiber.Ctx, name string) (int64, error) {
	id, err := strconv.ParseInt(c.Params(name), 10, 64)
	if err != nil || id <= 0 {
		return 0, relay.ErrNotFound
	}
	return id, nil
}
