package web

import (
	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/services/console/desk"
)

func (s *site) overview(c fiber.Ctx, v *visit) error {
	o, err := s.desk.Overview(v.ctx, s.Now())
	if err != nil {
		return err
	}
	for name, state := range s.Ready(v.ctx) {
		if state != "ok" {
			o.Needs = append([]desk.Need{{Bad: true, Text: name + ": " + state, Hint: "edrelay doctor says what to do.", Path: "/settings"}}, o.Needs...)
		}
	}
	return s.show(c, v, "overview", "/", "Overview", o)
}
