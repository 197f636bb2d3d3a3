package enroller

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// How many calls are under way at once. Senders that wait have places of their own.
const (
	callsAtOnce  = 4
	directAtOnce = 8
)

// growth is how many rows a kind of call had at the last look, and when they became more.
type growth struct {
	rows int
	grew time.Time
}

func (g growth) to(rows int, now time.Time) growth {
	if g.rows > 0 && rows > g.rows {
		g.grew = now
	}
	g.rows = rows
	return g
}

// dispatch works due rows off until ctx is done, then waits for the calls under way, which end under finish.
func (s *Service) dispatch(ctx, finish context.Context) {
	var group sync.WaitGroup
	defer group.Wait()
	d := &dispatcher{service: s, group: &group, normal: make(chan struct{}, callsAtOnce), direct: make(chan struct{}, directAtOnce)}
	for ctx.Err() == nil {
		if ready, wait := s.health.ready(); !ready {
			if sleep(ctx, wait, nil) {
				s.health.probe(ctx)
			}
			continue
		}
		pause, err := d.next(ctx, finish)
		if err != nil {
			s.ledgerTrouble(ctx, "due enrolments not found", err)
			continue
		}
		if pause > 0 {
			sleep(ctx, pause, s.kick)
		}
	}
}

type dispatcher struct {
	service *Service
	group   *sync.WaitGroup
	normal  chan struct{}
	direct  chan struct{}
	due     []relay.WorkGroup // as last looked up, less what was sent since
	stale   time.Time         // when due must be looked up again
}

// look gives what is due. Over a large backlog, where looking takes long, one look serves several calls.
func (d *dispatcher) look(ctx context.Context) ([]relay.WorkGroup, error) {
	if len(d.due) > 0 && time.Now().Before(d.stale) {
		return d.due, nil
	}
	s := d.service
	begun := time.Now()
	due, err := s.Ledger.DueGroups(ctx, s.Now(), 2*s.health.tolerated())
	d.due, d.stale = due, begun
	if total(due) > 10*s.health.tolerated() {
		d.stale = time.Now().Add(min(4*time.Since(begun), time.Second))
	}
	return due, err
}

func total(due []relay.WorkGroup) (rows int) {
	for _, group := range due {
		rows += group.Rows
	}
	return rows
}

// untried counts the rows that never failed.
func untried(due []relay.WorkGroup) (rows int) {
	for _, group := range due {
		if !group.Retry {
			rows += group.Rows
		}
	}
	return rows
}

// sent takes what is sent out of what is due.
func (d *dispatcher) sent(group relay.WorkGroup, rows int) {
	i := slices.Index(d.due, group)
	if i < 0 {
		return
	}
	if d.due[i].Rows -= rows; d.due[i].Rows <= 0 || rows == 0 {
		d.due = slices.Delete(d.due, i, i+1)
	}
}

// next sends one call on its way and says how long to rest before the next look.
func (d *dispatcher) next(ctx, finish context.Context) (pause time.Duration, err error) {
	s := d.service
	due, err := d.look(ctx)
	if err != nil {
		return 0, err
	}
	chosen, pause := s.choose(due)
	if chosen == nil {
		return pause, nil
	}
	slots := d.normal
	if chosen.Direct {
		slots = d.direct
	}
	select {
	case slots <- struct{}{}:
	default:
		return s.Policy.Poll / 5, nil // a call ends soon; a direct one may fit in meanwhile
	}
	rows, pause, err := s.claim(ctx, *chosen)
	if pause == 0 {
		d.sent(*chosen, len(rows))
	}
	if err != nil || len(rows) == 0 {
		<-slots
		return max(pause, s.Policy.Poll/5), err
	}
	d.group.Go(func() {
		defer func() { <-slots; poke(s.kick) }()
		s.work(finish, *chosen, rows)
	})
	return 0, nil
}

// choose gives the group to send now: senders that wait first, then what never failed, course by course in turn. Groups
// that aren't full linger for company. With none to send it says when to look again.
func (s *Service) choose(due []relay.WorkGroup) (*relay.WorkGroup, time.Duration) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	spent := s.spent.now(now)
	pause := s.Policy.Poll
	var ready []relay.WorkGroup
	flood := untried(due) >= s.health.tolerated() // small calls would cost the minute's budget
	if flood {
		spent = max(spent, s.Policy.CallsPerMinute/4)
	}
	seen := make(map[relay.WorkGroup]growth, len(due))
	for _, group := range due {
		kind := group
		kind.Rows, kind.Oldest = 0, time.Time{}
		seen[kind] = s.seen[kind].to(group.Rows, now)
		left := s.Policy.linger(spent, group.Retry) - now.Sub(group.Oldest)
		if left > -10*s.Policy.Linger { // rows were added: until that is over, more company is coming
			left = max(left, s.Policy.Linger-now.Sub(seen[kind].grew))
		}
		if left > -50*s.Policy.Linger {
			left = max(left, 5*s.Policy.Linger-now.Sub(s.crowded))
		}
		if flood && s.lane(group, now) == laneRetry {
			continue
		}
		if group.Direct || left <= 0 || group.Rows >= s.groupSize(group) && !group.Retry {
			ready = append(ready, group)
		} else {
			pause = min(pause, max(left, time.Millisecond))
		}
	}
	s.seen = seen
	if len(ready) == 0 {
		return nil, pause
	}
	chosen := slices.MinFunc(ready, func(a, b relay.WorkGroup) int {
		return cmp.Or(
			cmp.Compare(s.lane(a, now), s.lane(b, now)),
			s.served[a.Course].Compare(s.served[b.Course]),
			a.Oldest.Compare(b.Oldest),
		)
	})
	if len(s.served) > 10_000 {
		clear(s.served)
	}
	s.served[chosen.Course] = now
	return &chosen, 0
}

// The lanes, in the order in which they go.
const (
	laneDirect = iota
	laneFresh
	laneRetry
)

// lane is how early a group goes. What failed before waits behind fresh rows, but not for ever.
func (s *Service) lane(group relay.WorkGroup, now time.Time) int {
	switch {
	case group.Direct:
		return laneDirect
	case group.Retry && now.Sub(group.Oldest) < time.Minute:
		return laneRetry
	}
	return laneFresh
}

func (s *Service) groupSize(group relay.WorkGroup) int {
	size := s.health.tolerated()
	if group.GroupLimit > 0 {
		size = min(size, group.GroupLimit)
	}
	return size
}

// claim takes rows of the group. A call that may mail is admitted by the budget first, so that rows are marked as being
// in a call only when the call is made at once.
func (s *Service) claim(ctx context.Context, group relay.WorkGroup) ([]*relay.Work, time.Duration, error) {
	if group.Action == relay.ActionEnroll && !group.Unsure {
		wait, err := s.admit(ctx, group.Direct)
		if err != nil || wait > 0 {
			return nil, min(wait, time.Second), err
		}
	}
	now := s.Now()
	rows, err := s.Ledger.Claim(ctx, s.Instance, group, now, now.Add(s.Policy.Lease), s.groupSize(group))
	return rows, 0, err // none: another process, or another row of the same learners, has them
}

// admit asks the shared budget for one call.
func (s *Service) admit(ctx context.Context, direct bool) (time.Duration, error) {
	reserve := s.Policy.reserve()
	if direct {
		reserve = 0
	}
	gate, err := s.Ledger.Admit(ctx, s.Policy.CallsPerMinute, reserve)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	s.spent = gauge{gate.Spent, s.Now()}
	s.mu.Unlock()
	s.metrics.budget(gate)
	return gate.Wait, nil
}

// admitted waits until the budget admits one more call for rows that are claimed already.
func (s *Service) admitted(ctx context.Context, direct bool) bool {
	for ctx.Err() == nil {
		wait, err := s.admit(ctx, direct)
		if err != nil {
			s.ledgerTrouble(ctx, "call budget not known", err)
			continue
		}
		if wait == 0 {
			return true
		}
		sleep(ctx, min(wait, time.Second), nil)
	}
	return false
}

// block has all processes wait as the LMS asked.
func (s *Service) block(ctx context.Context, wait time.Duration) {
	s.Log.Warn("the LMS throttles calls", "wait", wait.String())
	if err := s.Ledger.Block(ctx, wait); err != nil {
		s.ledgerTrouble(ctx, "throttle not recorded", err)
	}
}
