package lmssim_test

import (
	"testing"

	"github.com/edrelay/edrelay/services/lmssim"
)

func TestBulkEnrolsAnActiveLearner(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	p.learner("a@x.example")
	for _, scheme := range []string{"Bearer ", "JWT "} {
		kind := ""
		if scheme == "JWT " {
			kind = "jwt"
		}
		p.auth = scheme + p.token(kind)
		if got := flags(p.bulk("a@x.example").result(t, 0)); got[5:] != "TTFF" {
			t.Errorf("%s: %s", scheme, got)
		}
	}
}
