package web

import (
	"context"
	"strconv"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

// settingsView is how this edrelay is set up, without secrets.
type settingsView struct {
	Checks  map[string]string
	Sources []relay.Source
	LMS     []relay.EnrollerStatus
	Keys    []relay.APIKey
}

func (s *site) settings(c fiber.Ctx, v *visit) (err error) {
	page := settingsView{Checks: s.Ready(v.ctx)}
	if s.desk.Ports.Sources != nil {
		if page.Sources, err = s.desk.Ports.Sources.Sources(v.ctx); err != nil {
			return err
		}
	}
	if s.desk.Ports.Figures != nil {
		if page.LMS, err = s.desk.Ports.Figures.EnrollerStatus(v.ctx); err != nil {
			return err
		}
	}
	if s.desk.Ports.Keys != nil && v.who.Role.Allows(relay.RoleAdmin) {
		if page.Keys, err = s.desk.Ports.Keys.APIKeys(v.ctx, relay.APIKeyQuery{Page: relay.Page{Limit: pageRows}}); err != nil {
			return err
		}
	}
	return s.show(c, v, "settings", "/settings", "Settings", page)
}

func (s *site) trail(c fiber.Ctx, v *visit) error {
	q := relay.AuditQuery{Who: asked(c, "who"), Action: asked(c, "action"), Target: asked(c, "target"), State: relay.AuditState(asked(c, "state"))}
	fields := []field{{Name: "state", Label: "State", Options: oneOf(relay.AuditDone, relay.AuditRefused, relay.AuditFailed)}, {Name: "who", Label: "Who"}, {Name: "action", Label: "Action"}, {Name: "target", Label: "Target"}}
	rows, err := readRows(c, v.ctx, fields, func(ctx context.Context, p relay.Page) ([]relay.AuditEntry, error) {
		q.Page = p
		return s.desk.Ports.Audit.AuditTrail(ctx, q)
	}, func(e relay.AuditEntry) relay.Mark { return relay.Mark{ID: strconv.FormatInt(e.ID, 10)} })
	if err != nil {
		return err
	}
	rows.Empty = emptyText{"Nobody has changed anything yet", "Every change over the API or this console is written down here, and who was refused."}
	return s.show(c, v, "trail", "/trail", "Audit trail", rows)
}
