package lmssim

import (
	"net/http"

	"github.com/edrelay/edrelay/services/lmssim/campus"
)

type account struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Active   bool   `json:"is_active"`
}

// accounts is GET /api/user/v1/accounts?email= or ?username=.
func (s *Server) accounts(c *call) reply {
	if r, ok := s.requireUser(c, true); !ok {
		return r
	}
	if c.req.Method != http.MethodGet && c.req.Method != http.MethodHead {
		return methodNotAllowed(c.req.Method, "GET, HEAD, OPTIONS")
	}
	query := c.req.URL.Query()
	var user campus.User
	var found bool
	s.campus.Read(func(t *campus.Tx) {
		if email := query.Get("email"); email != "" {
			user, found = t.UserByEmail(email)
			return
		}
		user, found = t.User(query.Get("username"))
	})
	switch {
	case found && user.Retired:
		return jsonReply(http.StatusNotFound, map[string]string{"error_msg": "This email is associated to a retired account."})
	case !found, !c.user.Staff && user.Username != c.user.Username:
		return empty(http.StatusNotFound)
	}
	return jsonReply(http.StatusOK, []account{{user.ID, user.Username, user.Email, user.Name, user.Active}})
}
