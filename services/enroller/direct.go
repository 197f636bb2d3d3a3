package enroller

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/lms"
)

// answerWithin bounds how long the outcome of a direct request is waited for; the sender gave up long before.
const answerWithin = time.Minute

// checkWithin bounds how long the LMS is asked whether courses exist, before rows are made regardless.
const checkWithin = 5 * time.Second

// directs works requests whose senders wait, each by itself.
type directs struct {
	service *Service
	checks  chan struct{} // bounds how many ask for courses at once
	group   sync.WaitGroup
}

func newDirects(s *Service) *directs { return &directs{service: s, checks: make(chan struct{}, 32)} }

// take begins to work a request. It never blocks: when too many checks are under way, the LMS is slow, and the request
// goes without.
func (d *directs) take(ctx, finish context.Context, r reading) {
	check := false
	select {
	case d.checks <- struct{}{}:
		check = true
	default:
	}
	d.group.Go(func() {
		d.service.direct(ctx, finish, r, func() *relay.DirectOutcome {
			if !check {
				return nil
			}
			defer func() { <-d.checks }()
			return d.service.checkCourses(ctx, r.order.Direct.Courses)
		})
	})
}

func (d *directs) wait() { d.group.Wait() }

// direct checks all courses of a request before anything is written, records it, and tells the sender what became of it.
func (s *Service) direct(ctx, finish context.Context, r reading, check func() *relay.DirectOutcome) {
	if refusal := check(); refusal != nil {
		r.webhook.State, r.webhook.Reason = relay.WebhookIgnored, "a course does not exist; the sender was told"
		if refusal.Verdict == relay.VerdictInvalidCourse {
			r.webhook.Reason = "a course key is malformed; the sender was told"
		}
		s.recordAll(ctx, finish, []reading{r})
		s.answer(finish, r, *refusal)
		return
	}
	s.recordAll(ctx, finish, []reading{r})
	if r.message.Header[relay.HeaderReplyTo] == "" || s.Sender == nil {
		return
	}
	if outcome, ok := s.awaitOutcome(ctx, r); ok {
		s.answer(finish, r, outcome)
	}
}

// checkCourses gives what the sender must hear of the first course that can't be; nil when all exist or the LMS can't say
// now.
func (s *Service) checkCourses(ctx context.Context, list []string) *relay.DirectOutcome {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	for _, course := range list {
		switch {
		case !lms.IsCourse(course):
			return &relay.DirectOutcome{Verdict: relay.VerdictInvalidCourse, Course: course, Courses: len(list)}
		case s.missing(ctx, course):
			return &relay.DirectOutcome{Verdict: relay.VerdictUnknownCourse, Course: course, Courses: len(list)}
		}
	}
	return nil
}

// missing tells whether the LMS says that it has no such course.
func (s *Service) missing(ctx context.Context, course string) bool {
	if s.LMS == nil {
		return false
	}
	exists, verdict := s.courseExists(ctx, course)
	return verdict.Kind == lms.Answered && !exists
}

// applyDirect makes the rows of a direct request due, those of an earlier one too: a repeat is worked again. A replay
// leaves rows alone that the LMS has settled.
func (s *Service) applyDirect(record *relay.OrderRecord, r *reading, now time.Time) {
	ask := r.order.Direct
	key, at := strings.ToLower(ask.Learner), spots(record.Rows)
	for _, course := range ask.Courses {
		one := want{learner: ask.Learner, key: key, sku: course, course: course}
		row := rowFor(at, one)
		if row == nil {
			row = newRow(record, one, false)
			row.Direct = true
			record.Rows = append(record.Rows, row)
			at[one.spot()] = row
		} else if r.again && row.State != relay.EnrollmentWaiting && row.State != relay.EnrollmentParked {
			continue
		}
		if row.Action != relay.ActionEnroll {
			row.Action = relay.ActionEnroll
			row.Generation++
		}
		if !lms.IsAddress(ask.Learner) {
			one.problem = "the learner's address is no e-mail address"
		}
		if !row.InFlight {
			admit(row, one, now)
		}
	}
}

// awaitOutcome waits until every row of the request has settled.
func (s *Service) awaitOutcome(ctx context.Context, r reading) (relay.DirectOutcome, bool) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for {
		settled := s.settled.wait()
		rows, err := s.Ledger.WorkOfOrder(ctx, r.key)
		if err == nil {
			if outcome, done := judgeDirect(r.order.Direct, rows); done {
				return outcome, true
			}
		}
		// Another process may settle the rows, so they are looked at by time, too.
		if !sleep(ctx, 200*time.Millisecond, settled) {
			return relay.DirectOutcome{}, false
		}
	}
}

func judgeDirect(ask *relay.Direct, rows []*relay.Work) (outcome relay.DirectOutcome, done bool) {
	outcome = relay.DirectOutcome{Verdict: relay.VerdictAllowed, Courses: len(ask.Courses)}
	key := strings.ToLower(ask.Learner)
	for _, row := range rows {
		if row.LearnerKey != key || !slices.Contains(ask.Courses, row.Course) {
			continue
		}
		switch row.State {
		case relay.EnrollmentParked:
			return relay.DirectOutcome{Verdict: relay.VerdictFailed, Course: row.Course, Courses: len(ask.Courses)}, true
		case relay.EnrollmentEnrolled, relay.EnrollmentAllowed:
			if row.Account || row.State == relay.EnrollmentEnrolled {
				outcome.Verdict = relay.VerdictEnrolled
			}
			done = true
		default:
			return outcome, false
		}
	}
	return outcome, done
}

func (s *Service) answer(ctx context.Context, r reading, outcome relay.DirectOutcome) {
	subject := r.message.Header[relay.HeaderReplyTo]
	if subject == "" || s.Sender == nil {
		return
	}
	body, _ := json.Marshal(outcome) // plain values always marshal
	err := s.Sender.Send(ctx, subject, relay.Message{
		ID: r.webhook.ID, Type: "io.edrelay.webhook.outcome.v1", Source: "/edrelay/enroller", Time: s.Now(),
		ContentType: "application/json", Body: body,
	})
	if err != nil {
		s.Log.Warn("sender not answered", "webhook", r.webhook.ID, "error", err)
	}
}
