package lmssim

import (
	"net/http"
)

// controlPrefix is where the control API lives; nothing of the platform is below it.
const controlPrefix = "/_sim"

func (s *Server) controlHandler() http.Handler {
	return http.NotFoundHandler()
}
