package doctor_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/services/edrelay/config"
	"github.com/edrelay/edrelay/services/edrelay/doctor"
	"github.com/edrelay/edrelay/services/lmssim"
)

// clinic is a simulated Open edX in perfect health and a configuration that fits it.
func clinic(t *testing.T) (*lmssim.Server, *config.Config) {
	t.Helper()
	lms := lmssim.New(lmssim.Options{})
	for name, staff := range map[string]bool{"worker": true, "clerk": false} {
		if _, err := lms.AddUser(lmssim.User{Username: name, Email: name + "@lms.example", Active: true, Staff: staff}); err != nil {
			t.Fatal(err)
		}
		if err := lms.AddClient(lmssim.Client{ID: name, Secret: "s", Owner: name}); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(lms)
	t.Cleanup(server.Close)
	c := config.Default()
	c.DataDir = t.TempDir()
	c.LMS.URL, c.LMS.ClientID, c.LMS.ClientSecret = server.URL, "worker", "s"
	return lms, c
}

func examine(t *testing.T, c *config.Config) map[string]doctor.Finding {
	t.Helper()
	found := map[string]doctor.Finding{}
	for _, f := range doctor.Examine(t.Context(), doctor.Patient{Config: c, Admin: "http://127.0.0.1:1", Now: time.Now}) {
		found[f.Check] = f
		if f.State != doctor.Good && f.Hint == "" {
			t.Errorf("%s says nothing to do about %q", f.Check, f.Detail)
		}
		if strings.Contains(f.Detail+f.Hint, "top-secret") {
			t.Errorf("%s tells a secret", f.Check)
		}
	}
	return found
}

func TestAHealthyLMSIsFoundHealthy(t *testing.T) {
	t.Parallel()
	lms, c := clinic(t)
	found := examine(t, c)
	for _, check := range []string{"lms token", "lms bulk enrolment", "clock", "postgres"} {
		if found[check].State != doctor.Good {
			t.Errorf("%s: %+v", check, found[check])
		}
	}
	if n := len(lms.State().Enrollments) + len(lms.State().Allowances); n != 0 {
		t.Errorf("the examination left %d rows in the LMS", n)
	}
}

func TestEachIllnessOfAnLMSIsNamed(t *testing.T) {
	t.Parallel()
	for name, ill := range map[string]struct {
		check, detail string
		make          func(*testing.T, *lmssim.Server, *config.Config)
	}{
		"wrong secret": {"lms token", "does not know this client", func(_ *testing.T, _ *lmssim.Server, c *config.Config) { c.LMS.ClientSecret = "top-secret" }},
		"no staff":     {"lms bulk enrolment", "not global staff", func(_ *testing.T, _ *lmssim.Server, c *config.Config) { c.LMS.ClientID = "clerk" }},
		"view disabled": {"lms bulk enrolment", "disabled", func(t *testing.T, lms *lmssim.Server, _ *config.Config) {
			if err := lms.Configure(lmssim.Settings{BulkDisabled: true}); err != nil {
				t.Fatal(err)
			}
		}},
		"nobody there": {"lms token", "does not answer", func(_ *testing.T, _ *lmssim.Server, c *config.Config) { c.LMS.URL = "http://127.0.0.1:1" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lms, c := clinic(t)
			ill.make(t, lms, c)
			f := examine(t, c)[ill.check]
			if f.State != doctor.Bad || !strings.Contains(f.Detail, ill.detail) {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestLogAndLedgerAreExamined(t *testing.T) {
	t.Parallel()
	_, c := clinic(t)
	c.NATS.URL, c.Database.URL = embeddedtest.NATS(t), embeddedtest.Postgres(t)
	found := examine(t, c)
	if found["nats"].State != doctor.Good || found["nats max_payload"].State != doctor.Good || found["postgres"].State != doctor.Good {
		t.Errorf("%+v", found)
	}
	if f := found["postgres schema"]; f.State != doctor.Bad || !strings.Contains(f.Hint, "migrate up") {
		t.Errorf("an empty ledger: %+v", f)
	}
	c.HTTP.BodyLimit = 5 << 20
	if f := examine(t, c)["nats max_payload"]; f.State != doctor.Bad {
		t.Errorf("messages too small: %+v", f)
	}
	c.NATS.URL, c.Database.URL = "nats://127.0.0.1:1", "postgres://edrelay:top-secret@127.0.0.1:1/edrelay?connect_timeout=2"
	found = examine(t, c)
	if found["nats"].State != doctor.Bad || found["postgres"].State != doctor.Bad {
		t.Errorf("nobody there: %+v", found)
	}
}

func TestAFreshMachineIsToldWhatToStart(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.DataDir = t.TempDir()
	found := examine(t, c)
	for _, check := range []string{"sources", "edrelay", "nats", "lms"} {
		if found[check].State != doctor.Warning {
			t.Errorf("%s: %+v", check, found[check])
		}
	}
}
