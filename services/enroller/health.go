package enroller

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/lms"
)

// The conditions of an LMS as one process sees it.
const (
	conditionReady  = "ready"
	conditionDown   = "down"   // calls failed one after another: the circuit is open until a probe gets through
	conditionPaused = "paused" // the LMS refuses edrelay: a person must mend the configuration; probed meanwhile
	conditionAbsent = "absent" // no lms is configured
)

// tripAfter is how many calls in a row must fail before the circuit opens.
const tripAfter = 3

// health is whether the LMS is worth calling. In the bad conditions nothing is called but a probe that enrols nobody,
// so an outage burns neither retries nor mails.
type health struct {
	service *Service
	changed chan struct{}

	mu        sync.Mutex
	condition string
	reason    string
	hint      string
	since     time.Time
	fails     int       // in a row
	probes    int       // failed in a row
	probeAt   time.Time // when the next probe is due
	smaller   int       // learners in one call that the LMS takes, after it called more too large; 0 = unknown
}

func newHealth(s *Service) *health {
	h := &health{service: s, changed: make(chan struct{}, 1), condition: conditionReady, since: s.Now()}
	if s.LMS == nil {
		h.condition, h.reason = conditionAbsent, "no lms is configured"
		h.hint = "Set lms.url, lms.client_id and lms.client_secret."
	}
	s.metrics.condition(h.condition)
	return h
}

// Status says how this process fares with the LMS.
func (s *Service) Status() relay.EnrollerStatus {
	h := s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	return relay.EnrollerStatus{
		Instance: s.Instance, State: h.condition, Reason: h.reason, Hint: h.hint, Since: h.since, SeenAt: s.Now(),
	}
}

// observe learns from a call.
func (h *health) observe(verdict lms.Verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch verdict.Kind {
	case lms.Refused:
		h.turn(conditionPaused, verdict)
	case lms.Unknown, lms.Unreachable:
		h.fails++
		if h.fails >= tripAfter && h.condition == conditionReady {
			h.turn(conditionDown, verdict)
		}
	case lms.Throttled:
	default:
		h.fails = 0
		if h.condition != conditionReady {
			h.turn(conditionReady, verdict)
		}
	}
}

// turn changes the condition and raises one alarm for it, not one for each call.
func (h *health) turn(condition string, verdict lms.Verdict) {
	now := h.service.Now()
	if h.condition != condition || h.reason != verdict.Reason {
		level, message := slog.LevelError, "the LMS refuses edrelay; enrolments wait"
		switch condition {
		case conditionReady:
			level, message = slog.LevelInfo, "the LMS is back; enrolments go on"
		case conditionDown:
			level, message = slog.LevelWarn, "the LMS is down; enrolments wait"
		}
		h.service.Log.Log(context.Background(), level, message, "reason", verdict.Reason, "hint", verdict.Hint, "status", verdict.Status)
		h.since = now
		h.probes = 0
	}
	h.condition, h.reason, h.hint = condition, verdict.Reason, verdict.Hint
	if condition == conditionReady {
		h.reason, h.hint = "", ""
	}
	h.probeAt = now.Add(h.untilProbe())
	h.service.metrics.condition(condition)
	poke(h.changed)
}

func (h *health) untilProbe() time.Duration {
	p := h.service.Policy
	if h.condition == conditionDown {
		return min(p.delay(h.probes+1), p.Probe)
	}
	return p.Probe
}

// ready tells whether the LMS may be called, and else how long until a probe is due, which is soon also when the clock
// went back.
func (h *health) ready() (bool, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.condition == conditionReady {
		return true, 0
	}
	return false, min(max(0, h.probeAt.Sub(h.service.Now())), h.untilProbe())
}

// probe asks whether the LMS is back.
func (h *health) probe(ctx context.Context) {
	s := h.service
	gate, err := s.Ledger.Admit(ctx, s.Policy.CallsPerMinute, 0)
	if err != nil || gate.Wait > 0 {
		sleep(ctx, max(gate.Wait, s.Policy.Poll), nil)
		return
	}
	verdict := s.LMS.Probe(ctx)
	if ctx.Err() != nil {
		return
	}
	if verdict.Kind == lms.Throttled {
		s.block(ctx, verdict.After)
		return
	}
	h.observe(verdict)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.probes++
	h.probeAt = s.Now().Add(h.untilProbe())
}

// tolerated is how many learners one call may carry.
func (h *health) tolerated() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.smaller > 0 {
		return min(h.smaller, h.service.Policy.BatchSize)
	}
	return h.service.Policy.BatchSize
}

func (h *health) tooLarge(learners int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if learners > 1 && (h.smaller == 0 || learners/2 < h.smaller) {
		h.smaller = learners / 2
	}
}
