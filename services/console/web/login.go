package web

import (
	"context"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

// loginView is the login page.
type loginView struct {
	To     string
	Failed string
}

func (s *site) loginPage(c fiber.Ctx) error {
	if _, _, ok := s.who(c); ok {
		return c.Redirect().Status(fiber.StatusSeeOther).To(localPath(c.Query("to")))
	}
	return s.render(c, "login", s.view(c, "", "Log in", loginView{To: localPath(c.Query("to"))}))
}

func (s *site) login(c fiber.Ctx) error {
	if !sameSite(c) {
		return relay.Errorf(relay.CodeForbidden, "This form is not from here.")
	}
	to := localPath(c.FormValue("to"))
	ctx, cancel := context.WithTimeout(c.Context(), pageTimeout)
	defer cancel()
	who, key, err := s.Access.Login(ctx, strings.TrimSpace(c.FormValue("token")))
	if relay.CodeOf(err) == relay.CodeUnauthorized {
		s.Refused(c, who, "console login", "", err)
		c.Status(fiber.StatusUnauthorized)
		return s.render(c, "login", s.view(c, "", "Log in", loginView{To: to, Failed: "This token is not known."}))
	}
	if err != nil {
		return err
	}
	held := s.newSession(key)
	s.setCookie(c, s.keys.seal(held), held.Until)
	s.Log.Info("console login", "who", who.Name, "role", who.Role)
	s.Record(ctx, who, "console login", "", fiber.StatusSeeOther)
	return c.Redirect().Status(fiber.StatusSeeOther).To(to)
}

func (s *site) logout(c fiber.Ctx, _ *visit) error {
	s.setCookie(c, "", time.Unix(1, 0))
	return c.Redirect().Status(fiber.StatusSeeOther).To("/login")
}
