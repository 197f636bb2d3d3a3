package lmssim

import "net/http"

// revokeToken is POST /oauth2/revoke_token: it ends an opaque token of the client that asks; anything else it is
// given is no error.
func (s *Server) revokeToken(c *call) reply {
	if r := s.overIPLimit(c); r.status != 0 {
		return r
	}
	if c.req.Method != http.MethodPost {
		return empty(http.StatusMethodNotAllowed).set("Allow", "POST, OPTIONS")
	}
	form := c.oauthForm()
	client, ok := s.authenticateClient(c, form)
	switch {
	case !ok:
		return oauthError(http.StatusUnauthorized, "invalid_client")
	case form.Get("token") == "":
		return oauthError(http.StatusBadRequest, "invalid_request")
	}
	s.tokens.revoke(form.Get("token"), client.ID)
	return empty(http.StatusOK)
}
