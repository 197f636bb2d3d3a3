package console

import (
	"context"

	"strconv"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// audited answers a change and writes down who asked for what and what was answered.
func (s *Service) audited(c fiber.Ctx, r route) error {
	err := r.handle(c)
	status := c.Response().StatusCode()
	if err != nil {
		status = problemOf(err).Status
	}
	s.record(c, r.method+" "+apiPrefix+r.path, targetOf(c, r.path), status)
	return err
}

func (s *Service) record(c fiber.Ctx, action, target string, status int) {
	s.recordFor(c.Context(), operator(c), action, target, status)
}

func (s *Service) recordFor(ctx context.Context, who relay.Operator, action, target string, status int) {
	if s.opts.Ports.Audit == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	entry := relay.AuditEntry{At: s.opts.Now(), Who: who.Name, Role: who.Role, Action: action, Target: target, Status: status}
	if err := s.opts.Ports.Audit.RecordAudit(ctx, entry); err != nil {
		s.opts.Log.Error("audit entry lost", "who", who.Name, "action", action, "status", status, "error", err)
	}
}

// targetOf gives what the path's parameters name.
func targetOf(c fiber.Ctx, path string) string {
	var parts []string
	for _, m := range pathParam.FindAllStringSubmatch(path, -1) {
		parts = append(parts, c.Params(m[1]))
	}
	return strings.Join(parts, "/")
}

func (s *Service) auditRoutes() []route {
	if s.opts.Ports.Audit == nil {
		return nil
	}
	return []route{listRoute(s, route{
		path: "/audit-trail", role: relay.RoleAdmin, tag: "audit", summary: "What operators did",
		query: []param{
			text("who", "Name of the key, or admin."), text("action", "Method and route."), text("target", "What it was done to."),
			moment("since", "At or after."), moment("until", "Before."),
		},
	}, func(v values) listing[relay.AuditEntry] {
		q := relay.AuditQuery{
			Who: v.text("who"), Action: v.text("action"), Target: v.text("target"), Since: v.time("since"), Until: v.time("until"),
		}
		return listing[relay.AuditEntry]{
			read: func(ctx context.Context, p relay.Page) ([]relay.AuditEntry, error) {
				q.Page = p
				return s.opts.Ports.Audit.AuditTrail(ctx, q)
			},
			mark: func(e relay.AuditEntry) relay.Mark { return relay.Mark{ID: strconv.FormatInt(e.ID, 10)} },
		}
	})}
}
