package lmssim

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"
)

// Profile is the generation of the platform that is played.
type Profile string

// The profiles.
const (
	// Teak and before: an unknown course is 404; a boolean counts only as true or True, whatever it is echoed as.
	Teak Profile = "teak"
	// Ulmo: an unknown course is taken unless the learner is to be mailed.
	Ulmo Profile = "ulmo"
	// Next is Ulmo with further keys in each result and async_processing.
	Next Profile = "next"
)

// Form is the canonical form of a Lernito body that its signature is made over.
type Form string

// The canonical forms.
const (
	Compact Form = "compact" // as the shipped code does
	Spaced  Form = "spaced"  // as its documentation says
	Either  Form = "either"
)

// Duration is a time.Duration that JSON writes as text, e.g. "1.5s".
type Duration time.Duration

// MarshalText writes "1.5s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads "1.5s".
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration like 1.5s", text)
	}
	*d = Duration(parsed)
	return nil
}

// Settings are what may be changed while the simulator runs. The zero value is a Teak platform with its
// throttle on.
type Settings struct {
	Profile         Profile  `json:"profile"`           // Teak when empty
	ThrottleOff     bool     `json:"throttle_off"`      // no 429, neither for enrolment calls nor for tokens
	TokenTTL        Duration `json:"token_ttl"`         // of opaque tokens; 10 h when 0
	JWTTTL          Duration `json:"jwt_ttl"`           // of JWTs; 1 h when 0
	LegacyURL       bool     `json:"legacy_url"`        // bulk enrolment also with a slash or any suffix
	LegacyRateLimit bool     `json:"legacy_rate_limit"` // the token endpoint answers 403 instead of 429
	BulkDisabled    bool     `json:"bulk_disabled"`     // bulk enrolment is 404 HTML
	AtomicRequests  bool     `json:"atomic_requests"`   // a bulk call that fails takes its earlier courses back
	APIKey          string   `json:"api_key"`           // X-Edx-Api-Key that bypasses the throttle; "" for none
	ClockSkew       Duration `json:"clock_skew"`        // added to the platform's clock
	MFEURL          string   `json:"mfe_url"`           // where AboutMFE leads; https://apps.lms.example when empty
	LernitoSecret   string   `json:"lernito_secret"`    // "" refuses every Lernito webhook
	LernitoForm     Form     `json:"lernito_form"`      // Compact when empty
}

func (s Settings) withDefaults() (Settings, error) {
	s.Profile = cmp.Or(s.Profile, Teak)
	s.LernitoForm = cmp.Or(s.LernitoForm, Compact)
	s.MFEURL = cmp.Or(s.MFEURL, "https://apps.lms.example")
	s.TokenTTL = cmp.Or(s.TokenTTL, Duration(10*time.Hour))
	s.JWTTTL = cmp.Or(s.JWTTTL, Duration(time.Hour))
	switch s.Profile {
	case Teak, Ulmo, Next:
	default:
		return s, fmt.Errorf("profile %q is none of teak, ulmo, next", s.Profile)
	}
	switch s.LernitoForm {
	case Compact, Spaced, Either:
	default:
		return s, fmt.Errorf("lernito_form %q is none of compact, spaced, either", s.LernitoForm)
	}
	return s, nil
}

// Options make a simulator; the zero value is a good one.
type Options struct {
	Settings      Settings
	Now           func() time.Time // time.Now when nil; waits of faults are always real time
	Logger        *slog.Logger     // silent when nil
	JWTSecret     string           // signs HS256 JWTs; a fixed text when empty, so that a restart keeps them valid
	CaseSensitive bool             // compare e-mail addresses with case
	KeepRequests  int              // newest requests kept, with their bodies; 10,000 when 0
	KeepMails     int              // newest mails kept; 100,000 when 0
	KeepAudit     int              // newest audit rows kept; 100,000 when 0
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.JWTSecret = cmp.Or(o.JWTSecret, "lms-sim signs its tokens with this")
	o.KeepRequests = cmp.Or(o.KeepRequests, 10_000)
	o.KeepMails = cmp.Or(o.KeepMails, 100_000)
	o.KeepAudit = cmp.Or(o.KeepAudit, 100_000)
	return o
}
