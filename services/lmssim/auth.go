package lmssim

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

const (
	staffPerMinute = 120 // enrolment calls of staff and superusers
	userPerMinute  = 40  // of everybody else
)

func unauthorized(v any) reply {
	return jsonReply(http.StatusUnauthorized, v).set("WWW-Authenticate", `JWT realm="api"`)
}

func bearerError(code, text string) reply {
	return unauthorized(map[string]string{"error_code": code, "developer_message": text})
}

func jwtError(text string) reply { return unauthorized(map[string]string{"detail": text}) }

const noCredentials = "Authentication credentials were not provided."

// identify finds who calls by the Authorization header: a JWT with the scheme JWT, an opaque token with the scheme
// Bearer. ok is false with an answer for credentials that don't hold, and without one for none at all.
func (s *Server) identify(c *call, inactiveToo bool) (r reply, ok bool) {
	scheme, value, given := strings.Cut(c.req.Header.Get("Authorization"), " ")
	value = strings.TrimSpace(value)
	switch {
	case strings.EqualFold(scheme, "JWT"):
		return s.identifyJWT(c, value)
	case strings.EqualFold(scheme, "Bearer") && (!given || value == ""):
		return bearerError("token_not_provided", "Invalid token header. No credentials provided."), false
	case strings.EqualFold(scheme, "Bearer"):
		return s.identifyBearer(c, value, inactiveToo)
	default:
		return reply{}, false
	}
}

func (s *Server) identifyJWT(c *call, value string) (reply, bool) {
	if value == "" {
		return jwtError("Invalid Authorization header. No credentials provided."), false
	}
	if strings.ContainsRune(value, ' ') {
		return jwtError("Invalid Authorization header. Credentials string should not contain spaces."), false
	}
	claims, err := s.signer.check(value, c.now)
	issued, known := s.tokens.find(value)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired), err == nil && known && issued.Expires.Add(leeway).Before(c.now):
		c.log.ExpiredToken = true
		return jwtError("Token has expired."), false
	case err != nil:
		return jwtError("Error decoding token."), false
	}
	username, _ := claims["preferred_username"].(string)
	if !s.findUser(c, username) {
		return jwtError("Invalid token."), false
	}
	return reply{}, true
}

func (s *Server) identifyBearer(c *call, value string, inactiveToo bool) (reply, bool) {
	if strings.ContainsRune(value, ' ') {
		return bearerError("token_malformed", "Invalid token header. Token string should not contain spaces."), false
	}
	issued, known := s.tokens.find(value)
	switch {
	case !known || issued.JWT:
		return bearerError("token_nonexistent", "The provided access token does not match any valid tokens."), false
	case !issued.Expires.After(c.now):
		c.log.ExpiredToken = true
		return bearerError("token_expired", "The provided access token has expired and is no longer valid."), false
	case !s.findUser(c, issued.User):
		return bearerError("token_nonexistent", "The provided access token does not match any valid tokens."), false
	case c.user.Disabled:
		return bearerError("user_is_disabled", "User account is disabled."), false
	case !c.user.Active && !inactiveToo:
		return bearerError("user_not_active", "User inactive or deleted."), false
	}
	return reply{}, true
}

func (s *Server) findUser(c *call, username string) (found bool) {
	s.campus.Read(func(t *campus.Tx) { c.user, found = t.User(username) })
	c.log.User = username
	return found
}

// requireUser answers 401 unless the caller is known.
func (s *Server) requireUser(c *call, inactiveToo bool) (r reply, ok bool) {
	r, ok = s.identify(c, inactiveToo)
	if !ok && r.status == 0 {
		r = unauthorized(map[string]string{"detail": noCredentials})
	}
	return r, ok
}

// requireStaff answers 401 or 403 unless the caller is global staff.
func (s *Server) requireStaff(c *call, inactiveToo bool) (r reply, ok bool) {
	if r, ok = s.requireUser(c, inactiveToo); !ok {
		return r, false
	}
	if !c.user.Staff {
		return forbidden(), false
	}
	return reply{}, true
}

func forbidden() reply {
	return detail(http.StatusForbidden, "You do not have permission to perform this action.")
}

// hasKey tells whether the request carries the platform's API key.
func (c *call) hasKey() bool {
	given := c.req.Header.Get("X-Edx-Api-Key")
	return c.set.APIKey != "" && subtle.ConstantTimeCompare([]byte(given), []byte(c.set.APIKey)) == 1
}

// throttled counts an enrolment call; all enrolment endpoints share one count per user.
func (s *Server) throttled(c *call) (r reply, limited bool) {
	if c.set.ThrottleOff || c.hasKey() {
		return reply{}, false
	}
	limit := userPerMinute
	if c.user.Staff || c.user.Superuser {
		limit = staffPerMinute
	}
	wait, ok := s.throttle.take(strconv.FormatInt(c.user.ID, 10), limit, s.opt.Now())
	if ok {
		return reply{}, false
	}
	seconds := wholeSeconds(wait)
	text := fmt.Sprintf("Request was throttled. Expected available in %d seconds.", seconds)
	return detail(http.StatusTooManyRequests, text).set("Retry-After", strconv.Itoa(seconds)), true
}
