package console

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// Bounds of what the audit trail keeps of refusals. Strangers share one allowance, each operator has their own.
const (
	refusalBurst = 20               // at once
	refusalPause = time.Minute      // for one more after that
	refusalMost  = 100              // characters kept of what a caller wrote
	stranger     = "unknown"        // who did not get in
	moreDetail   = "more_like_this" // how many were not written down since the one before
)

// refusals bounds what those can have written down who are refused.
type refusals struct {
	mu     sync.Mutex
	byName map[string]*allowance // "" for strangers
}

// allowance is what one may still have written down.
type allowance struct {
	left    int
	since   time.Time // when the allowance was last full, or grew
	skipped int
}

// spend tells whether a refusal is written down, and how many were not since the last that was.
func (r *refusals) spend(name string, now time.Time) (skipped int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName == nil {
		r.byName = map[string]*allowance{}
	}
	a := r.byName[name]
	if a == nil {
		a = &allowance{left: refusalBurst, since: now}
		r.byName[name] = a
	}
	if grown := int(now.Sub(a.since) / refusalPause); grown > 0 {
		a.left = min(refusalBurst, a.left+grown)
		a.since = a.since.Add(time.Duration(grown) * refusalPause)
	}
	if a.left == 0 {
		a.skipped++
		return 0, false
	}
	a.left--
	skipped, a.skipped = a.skipped, 0
	return skipped, true
}

// refused writes down, within bounds, that somebody was not let in or may not do this. who.Name is empty for a stranger.
func (s *Service) refused(c fiber.Ctx, who relay.Operator, action, target string, status int) {
	allowed := who.Name
	if who.Role == "" {
		allowed = ""
	}
	skipped, ok := s.refusals.spend(allowed, s.opts.Now())
	if !ok {
		return
	}
	s.opts.Log.Warn("operator refused", "who", who.Name, "role", who.Role, "action", action, "status", status, "remote", c.IP())
	entry := relay.AuditEntry{Who: who.Name, Role: who.Role, Action: action, Target: shortened(target), Status: status, Detail: map[string]string{"from": c.IP()}}
	if entry.Who == "" {
		entry.Who = stranger
	}
	if skipped > 0 {
		entry.Detail[moreDetail] = strconv.Itoa(skipped)
	}
	s.write(c.Context(), entry)
}

// refusedOn is refused for the pages.
func (s *Service) refusedOn(c fiber.Ctx, who relay.Operator, action, target string, err error) {
	s.refused(c, who, action, target, problemOf(err).Status)
}

func shortened(text string) string {
	if runes := []rune(text); len(runes) > refusalMost {
		return string(runes[:refusalMost]) + "…"
	}
	return text
}

// write adds an entry to the audit trail; one that can't be written is told in the log.
func (s *Service) write(ctx context.Context, entry relay.AuditEntry) {
	if s.opts.Ports.Audit == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	entry.At = s.opts.Now()
	if err := s.opts.Ports.Audit.RecordAudit(ctx, entry); err != nil {
		s.opts.Log.Error("audit entry lost", "who", entry.Who, "action", entry.Action, "status", entry.Status, "error", err)
	}
}
