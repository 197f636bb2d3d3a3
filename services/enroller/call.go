package enroller

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/lms"
)

// work brings claimed rows of one group to an outcome.
func (s *Service) work(ctx context.Context, group relay.WorkGroup, rows []*relay.Work) {
	ctx, release := s.leases.hold(ctx, rows)
	defer release()
	var left []*relay.Work
	switch {
	case group.Action == relay.ActionUnenroll:
		left = s.withoutHeld(ctx, rows)
	case group.Unsure:
		left = s.lookFirst(ctx, group, rows)
	default:
		left = rows
	}
	if len(left) == 0 {
		return
	}
	if group.Action == relay.ActionEnroll && !s.courseReady(ctx, group, left) {
		return
	}
	if (group.Action == relay.ActionUnenroll || group.Unsure) && !s.admitted(ctx, group.Direct) {
		return // stopping: the lease ends and the rows come back
	}
	if left = s.stillLeased(ctx, left); len(left) > 0 {
		s.call(ctx, group, left)
	}
}

// stillLeased gives the rows that are still this process's: while it waited, others may have taken them back, and a
// call for them now could undo what those did since.
func (s *Service) stillLeased(ctx context.Context, rows []*relay.Work) []*relay.Work {
	leased, err := s.Ledger.Leased(ctx, s.Instance, idsOf(rows), s.Now().Add(s.Policy.Lease/4))
	if err != nil {
		s.ledgerTrouble(ctx, "leases not known", err)
		return nil
	}
	return slices.DeleteFunc(slices.Clone(rows), func(row *relay.Work) bool { return !leased[row.ID] })
}

// call makes the bulk call.
func (s *Service) call(ctx context.Context, group relay.WorkGroup, rows []*relay.Work) {
	bulk := lms.Bulk{
		Enroll: group.Action == relay.ActionEnroll, Course: group.Course, Mail: group.MailDue && group.Action == relay.ActionEnroll,
		AutoEnroll: s.Policy.AutoEnroll || group.Direct, Learners: learners(rows),
	}
	begun := time.Now()
	verdict := s.enroll(ctx, bulk, rows)
	s.metrics.call(string(group.Action), verdict, len(bulk.Learners), time.Since(begun))
	s.Log.Info("LMS called", "action", group.Action, "course", group.Course, "learners", len(bulk.Learners), "verdict", verdict.Kind,
		"status", verdict.Status, "reason", verdict.Reason, "took_ms", time.Since(begun).Milliseconds())
	s.learn(ctx, verdict, len(bulk.Learners))
	byKey := make(map[string]string, len(bulk.Learners))
	for _, learner := range bulk.Learners {
		byKey[strings.ToLower(learner)] = learner
	}
	s.settle(ctx, rows, func(row *relay.Work) outcome {
		sent := byKey[row.LearnerKey]
		return outcome{
			call: string(group.Action), verdict: verdict, result: verdict.Results[sent], account: verdict.Account[sent],
			mailed: bulk.Mail, group: len(bulk.Learners),
		}
	})
}

// learn draws the conclusions from a verdict that concern more than its rows.
func (s *Service) learn(ctx context.Context, verdict lms.Verdict, learners int) {
	s.health.observe(verdict)
	switch verdict.Kind {
	case lms.Throttled:
		s.block(ctx, verdict.After)
	case lms.TooLarge:
		s.health.tooLarge(learners)
	}
}

// settle records the outcome of rows. While the ledger is away it tries on for a while; after that the leases end and the
// rows come back as unsure, which is safe.
func (s *Service) settle(ctx context.Context, rows []*relay.Work, of func(*relay.Work) outcome) {
	outcomes := make(map[int64]outcome, len(rows))
	ids := make([]int64, len(rows))
	for i, row := range rows {
		o := of(row)
		o.generation = row.Generation
		outcomes[row.ID], ids[i] = o, row.ID
	}
	ctx = context.WithoutCancel(ctx) // a fence ends calls, not their record
	for attempt := range 20 {
		err := s.Ledger.Settle(ctx, s.Instance, ids, func(rows []*relay.Work) []relay.Attempt {
			return s.settleRows(rows, outcomes)
		})
		if err == nil {
			s.settled.wake()
			poke(s.told)
			poke(s.kick)
			return
		}
		s.Log.Warn("outcome not recorded yet", "rows", len(ids), "error", err)
		if !sleep(ctx, min(time.Duration(attempt+1)*100*time.Millisecond, time.Second), nil) {
			return
		}
	}
}

func (s *Service) settleRows(rows []*relay.Work, outcomes map[int64]outcome) []relay.Attempt {
	now := s.Now()
	attempts := make([]relay.Attempt, len(rows))
	for i, row := range rows {
		o := outcomes[row.ID]
		s.Policy.settle(row, o, now)
		text := string(o.result)
		if o.verdict.Kind != lms.Answered {
			text = o.verdict.Reason
		}
		attempts[i] = relay.Attempt{At: now, EnrollmentID: row.ID, Call: o.call, Status: o.verdict.Status, Outcome: text}
		if row.State == relay.EnrollmentParked {
			s.Log.Warn("enrolment parked", "enrollment", row.ID, "source", row.Source, "order", row.Order, "course", row.Course, "reason", row.Reason)
		}
	}
	return attempts
}

// withoutHeld settles rows whose learner another order keeps in the course, and gives the rest.
func (s *Service) withoutHeld(ctx context.Context, rows []*relay.Work) []*relay.Work {
	held, err := s.Ledger.HandOver(ctx, rows)
	if err != nil {
		s.ledgerTrouble(ctx, "other orders not known", err)
		s.settle(ctx, rows, func(*relay.Work) outcome {
			return outcome{call: "look", verdict: lms.Verdict{Kind: lms.Unreachable, Reason: "the ledger did not say who else holds the course"}}
		})
		return nil
	}
	var kept, left []*relay.Work
	for _, row := range rows {
		if held[row.ID] {
			kept = append(kept, row)
		} else {
			left = append(left, row)
		}
	}
	if len(kept) > 0 {
		s.settle(ctx, kept, func(*relay.Work) outcome { return outcome{call: "held", verdict: lms.Verdict{Kind: lms.Answered}} })
	}
	return left
}

// courseReady asks whether the course exists, since newer releases enrol into courses that don't. Where the LMS would
// say so itself, as it does when it is to mail, its word counts: a hidden course looks absent here.
func (s *Service) courseReady(ctx context.Context, group relay.WorkGroup, rows []*relay.Work) bool {
	exists, verdict := s.courseExists(ctx, group.Course)
	if verdict.Kind == lms.Answered && (exists || group.MailDue) {
		return true
	}
	if verdict.Kind == lms.Answered {
		verdict = lms.Verdict{Kind: lms.UnknownCourse, Status: verdict.Status, Reason: "the LMS has no such course"}
	}
	s.unasked(ctx, rows, verdict)
	return false
}

// unasked settles rows whose call was not made, since a look at the LMS failed first.
func (s *Service) unasked(ctx context.Context, rows []*relay.Work, verdict lms.Verdict) {
	s.learn(ctx, verdict, 1)
	if verdict.Kind == lms.Unknown {
		verdict.Kind = lms.Unreachable // a look changes nothing
	}
	s.settle(ctx, rows, func(*relay.Work) outcome { return outcome{call: "look", verdict: verdict, group: len(rows)} })
}

// learners gives each address of the rows once; the case doesn't matter.
func learners(rows []*relay.Work) []string {
	seen := make(map[string]bool, len(rows))
	var list []string
	for _, row := range rows {
		if !seen[row.LearnerKey] {
			seen[row.LearnerKey] = true
			list = append(list, row.Learner)
		}
	}
	return list
}

// lookFirst asks the LMS what is true of rows whose last outcome is unknown, settles those that are enrolled, and gives
// the rest, which may be asked for again without a mail.
func (s *Service) lookFirst(ctx context.Context, group relay.WorkGroup, rows []*relay.Work) []*relay.Work {
	in, verdict := s.enrolled(ctx, group, rows)
	s.metrics.call("look", verdict, len(rows), 0)
	if verdict.Kind != lms.Answered {
		s.unasked(ctx, rows, verdict)
		return nil
	}
	s.health.observe(verdict)
	var left, done []*relay.Work
	for _, row := range rows {
		if in[row.LearnerKey] {
			done = append(done, row)
		} else {
			left = append(left, row)
		}
	}
	if len(done) > 0 {
		s.settle(ctx, done, func(*relay.Work) outcome {
			return outcome{call: "look", verdict: verdict, result: lms.Enrolled, account: true, group: len(done)}
		})
	}
	return left
}

// enrolled tells which of the rows' learners the LMS has in the course.
func (s *Service) enrolled(ctx context.Context, group relay.WorkGroup, rows []*relay.Work) (map[string]bool, lms.Verdict) {
	keys, verdict := s.usernames(ctx, rows)
	in := map[string]bool{}
	if verdict.Kind != lms.Answered || len(keys) == 0 {
		return in, verdict
	}
	const pages = 5
	cursor := ""
	for range pages {
		if !s.admitted(ctx, group.Direct) {
			return nil, lms.Verdict{Kind: lms.Unreachable, Reason: "edrelay is stopping"}
		}
		listed, verdict := s.LMS.Enrollments(ctx, group.Course, learners(rows), cursor)
		if verdict.Kind != lms.Answered {
			return nil, verdict
		}
		for _, username := range listed.Active {
			if key, ok := keys[username]; ok {
				in[key] = true
			}
		}
		if cursor = listed.Next; cursor == "" || len(in) == len(keys) {
			break
		}
	}
	return in, lms.Verdict{Kind: lms.Answered}
}

// usernames gives the accounts of the rows' learners: username → learner. Those without an active one can't be enrolled.
func (s *Service) usernames(ctx context.Context, rows []*relay.Work) (map[string]string, lms.Verdict) {
	const atOnce = 8
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var group sync.WaitGroup
	keys, verdict := map[string]string{}, lms.Verdict{Kind: lms.Answered}
	slots := make(chan struct{}, atOnce)
	for _, learner := range learners(rows) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			account, got := s.LMS.Account(ctx, learner)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case got.Kind != lms.Answered && verdict.Kind == lms.Answered:
				verdict = got
				cancel()
			case got.Kind == lms.Answered && account.Active:
				keys[account.Username] = strings.ToLower(learner)
			}
		})
	}
	group.Wait()
	return keys, verdict
}
