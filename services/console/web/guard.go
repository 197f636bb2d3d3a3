package web

import (
	"context"
	"crypto/hmac"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

const pageTimeout = 20 * time.Second

// policy lets a page load its own style sheet, script and pictures, talk to its own server, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// visit is one request of somebody who is logged in.
type visit struct {
	who  relay.Operator
	form string // the token that this session's forms carry
	ctx  context.Context
}

// handle sets the headers of every answer and shows errors as pages.
func (s *site) handle(next fiber.Handler) fiber.Handler {
	return func(c fiber.Ctx) error {
		for name, value := range map[string]string{
			fiber.HeaderContentSecurityPolicy: policy, fiber.HeaderXContentTypeOptions: "nosniff", fiber.HeaderXFrameOptions: "DENY",
			fiber.HeaderReferrerPolicy: "no-referrer", fiber.HeaderCacheControl: "no-store", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			c.Set(name, value)
		}
		err := next(c)
		if err == nil {
			return nil
		}
		return s.sorry(c, err)
	}
}

// sorry shows an error with what to do next.
func (s *site) sorry(c fiber.Ctx, err error) error {
	failure := s.Failure(err)
	if failure.Status >= http.StatusInternalServerError {
		s.Log.Error("console page failed", "method", c.Method(), "route", c.Route().Path, "error", err)
	}
	view := s.view(c, "", failure.Title, failure)
	if who, held, ok := s.who(c); ok {
		view.Who, view.Form = who, s.keys.formToken(held)
	}
	c.Status(failure.Status)
	return s.render(c, "error", view)
}

// inside lets those in who are logged in, hold the role and, for changes, come from a form of their own session.
func (s *site) inside(r room) fiber.Handler {
	return func(c fiber.Ctx) error {
		who, held, ok := s.who(c)
		if !ok {
			return s.toLogin(c)
		}
		if !who.Role.Allows(r.role) {
			return s.refuse(c, who, r, "This needs the role "+string(r.role)+".", "Log in with a key that has it.")
		}
		ctx, cancel := context.WithTimeout(c.Context(), pageTimeout)
		defer cancel()
		v := &visit{who: who, form: s.keys.formToken(held), ctx: ctx}
		if r.method == fiber.MethodGet {
			return r.enter(c, v)
		}
		if !sameSite(c) || !hmac.Equal([]byte(c.FormValue("form")), []byte(v.form)) {
			return s.refuse(c, who, r, "This form is not from your session.", "Reload the page and try again.")
		}
		err := r.enter(c, v)
		status := c.Response().StatusCode()
		if err != nil {
			status = s.Failure(err).Status
		}
		s.Record(ctx, who, "console "+r.path, c.Params("id"), status)
		return err
	}
}

// refuse says what somebody may not do, and has it written down.
func (s *site) refuse(c fiber.Ctx, who relay.Operator, r room, message, hint string) error {
	err := &relay.Error{Code: relay.CodeForbidden, Message: message, Hint: hint}
	s.Refused(c, who, "console "+r.path, c.Params("id"), err)
	return err
}

// toLogin sends people to the login page and back afterwards; scripts hear that the session is over.
func (s *site) toLogin(c fiber.Ctx) error {
	if c.Get("X-Live") != "" || c.Path() == "/live" {
		return c.SendStatus(fiber.StatusUnauthorized)
	}
	target := "/login"
	if c.Method() == fiber.MethodGet && c.Path() != "/" {
		target += "?to=" + url.QueryEscape(c.OriginalURL())
	}
	return c.Redirect().Status(fiber.StatusSeeOther).To(target)
}

// sameSite refuses what another site has a browser send.
func sameSite(c fiber.Ctx) bool {
	switch c.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
		origin := c.Get(fiber.HeaderOrigin)
		if origin == "" {
			return true
		}
		at, err := url.Parse(origin)
		return err == nil && at.Host == c.Host()
	}
	return false
}

// localPath keeps redirects on this site.
func localPath(to string) string {
	at, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsRune(to, '\\') || at.Host != "" {
		return "/"
	}
	return to
}

func (s *site) asset(c fiber.Ctx, assets fs.FS) error {
	name := c.Params("name")
	raw, err := fs.ReadFile(assets, name)
	if err != nil {
		return relay.ErrNotFound
	}
	c.Set(fiber.HeaderContentType, mime.TypeByExtension(path.Ext(name)))
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderCacheControl, "no-cache")
	if c.Query("v") == s.pages.mark {
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	return c.Send(raw)
}
