package web

import (
	"strings"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/services/console/desk"
)

// story answers "what happened to …?".
func (s *site) story(c fiber.Ctx, v *visit) error {
	q := strings.TrimSpace(asked(c, "q"))
	if q == "" {
		return s.show(c, v, "story", "", "Search", &desk.Story{})
	}
	found, err := s.desk.Story(v.ctx, q)
	if err != nil {
		return err
	}
	return s.show(c, v, "story", "", "What happened to "+q+"?", found)
}
