package console

import (
	"cmp"
	"context"
	"encoding/json"
	"strconv"
	"strings"

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
	target := targetOf(c, r.path)
	if target == "" && err == nil {
		target = madeBy(c)
	}
	s.record(c, r.method+" "+apiPrefix+r.path, target, status)
	return err
}

// madeBy gives what an order without a name in its path made: the id or the name of the one thing that is answered.
func madeBy(c fiber.Ctx) string {
	if c.Response().IsBodyStream() {
		return ""
	}
	var made struct {
		ID       string `json:"id"`
		ClientID string `json:"client_id"`
		Name     string `json:"name"`
	}
	_ = json.Unmarshal(c.Response().Body(), &made) // what is no such thing has no name
	return shortened(cmp.Or(made.ID, made.ClientID, made.Name))
}

func (s *Service) record(c fiber.Ctx, action, target string, status int) {
	s.recordFor(c.Context(), operator(c), action, target, status)
}

func (s *Service) recordFor(ctx context.Context, who relay.Operator, action, target string, status int) {
	s.write(ctx, relay.AuditEntry{Who: who.Name, Role: who.Role, Action: action, Target: target, Status: status})
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
		path: "/audit-trail", role: relay.RoleAdmin, tag: "audit", summary: "What operators did, and who was refused",
		about: "Of refusals (401 and 403) " + strconv.Itoa(refusalBurst) + " at once are kept and one a minute after that, for each operator and for all strangers together; `" + moreDetail + "` counts the rest.",
		query: []param{
			text("who", "Name of the key, or admin."), text("action", "Method and route."), text("target", "What it was done to."),
			oneOf("state", "What came of it.", relay.AuditDone, relay.AuditRefused, relay.AuditFailed),
			moment("since", "At or after."), moment("until", "Before."),
		},
	}, func(v values) listing[relay.AuditEntry] {
		q := relay.AuditQuery{
			Who: v.text("who"), Action: v.text("action"), Target: v.text("target"), State: relay.AuditState(v.text("state")), Since: v.time("since"), Until: v.time("until"),
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
