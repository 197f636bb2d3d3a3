package lmssim_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/edrelay/edrelay/services/lmssim"
)

func TestReadmeNamesEverySettingFaultEndpointAndControlPath(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, lmssim.Settings{})
	text, err := os.ReadFile("README.md")
	p.must(err)
	var names []string
	for name := range p.sim("GET", "/settings", "").json(t) {
		names = append(names, name)
	}
	var index struct{ Control []string }
	p.must(json.Unmarshal(p.sim("GET", "/", "").body, &index))
	names = append(names, index.Control...)
	for _, kind := range []lmssim.FaultKind{
		lmssim.FaultLatency, lmssim.FaultHang, lmssim.FaultReset, lmssim.FaultStatus, lmssim.FaultThrottled, lmssim.FaultHTML,
		lmssim.FaultCutJSON, lmssim.FaultTruncate, lmssim.FaultDrip, lmssim.FaultClose, lmssim.FaultDrop, lmssim.FaultTokenLife,
		lmssim.FaultLearner, lmssim.FaultMail,
	} {
		names = append(names, string(kind))
	}
	for _, endpoint := range []lmssim.Endpoint{
		lmssim.EndpointToken, lmssim.EndpointRevoke, lmssim.EndpointBulk, lmssim.EndpointEnrollment, lmssim.EndpointEnrollments,
		lmssim.EndpointAllowed, lmssim.EndpointAccounts, lmssim.EndpointCourses, lmssim.EndpointPage, lmssim.EndpointRedirect,
		lmssim.EndpointLernito, lmssim.EndpointSink, lmssim.EndpointNone,
	} {
		names = append(names, string(endpoint))
	}
	for _, name := range names {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("README.md does not name %q", name)
		}
	}
}
