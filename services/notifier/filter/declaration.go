package filter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/openedx"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/webfilter"
)

const (
	defaultTimeout = 5 * time.Second
	longestTimeout = 9 * time.Second // below the plugin's own 10 s
	maxPosition    = 1_000_000
)

var filterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Default is what a declaration starts from.
func Default() relay.Filter {
	return relay.Filter{Format: relay.FormatPluginJSON, Timeout: relay.Duration(defaultTimeout), Position: 1, Enabled: true}
}

// Parse reads one declaration from JSON over base: what it does not name stays. Unknown keys are errors.
func Parse(declaration []byte, base relay.Filter) (relay.Filter, error) {
	decoder := json.NewDecoder(bytes.NewReader(declaration))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&base); err != nil {
		return relay.Filter{}, relay.Errorf(relay.CodeInvalid, "The filter can't be read: %s", problemOf(err))
	}
	return base, nil
}

// ParseList reads the list of a declaration file, {"filters": [...]}, each over Default.
func ParseList(declarations []json.RawMessage) ([]relay.Filter, error) {
	list := make([]relay.Filter, 0, len(declarations))
	for i, raw := range declarations {
		f, err := Parse(raw, Default())
		if err != nil {
			return nil, relay.Errorf(relay.CodeInvalid, "filters[%d]: %s", i, relay.PublicMessage(err))
		}
		list = append(list, f)
	}
	return list, nil
}

// problemOf keeps the values that stand in JSON errors to themselves, for one may be a URL with a password.
func problemOf(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return wrong.Field + " is of the wrong type"
	}
	if text := err.Error(); strings.HasPrefix(text, "json: unknown field") {
		return strings.TrimPrefix(text, "json: ")
	}
	if text := err.Error(); strings.Contains(text, "is no duration") {
		return text
	}
	return "it is not a JSON object of a filter"
}

// Validate tells whether a declaration can be used; the error's message says what is wrong and where, without the URL.
func Validate(catalogue *openedx.Catalogue, f relay.Filter) error {
	fail := func(format string, args ...any) error {
		return relay.Errorf(relay.CodeInvalid, "filter %q: %s", f.Name, fmt.Sprintf(format, args...))
	}
	if !filterName.MatchString(f.Name) {
		return fail("name must be 1 to 100 letters, digits, '.', '_' or '-'")
	}
	class, known := catalogue.Filter(f.Filter)
	if !known {
		return fail("filter %q is no filter of Open edX", f.Filter)
	}
	if _, err := egress.ParseURL(f.URL); err != nil {
		return fail("url: %v", err)
	}
	if f.Format != relay.FormatPluginJSON && f.Format != relay.FormatPluginForm {
		return fail("format must be plugin-json or plugin-form")
	}
	if timeout := time.Duration(f.Timeout); timeout < 10*time.Millisecond || timeout > longestTimeout {
		return fail("timeout must be between 10ms and %s", relay.Duration(longestTimeout))
	}
	if f.Position < 0 || f.Position > maxPosition {
		return fail("position must be between 0 and %d", maxPosition)
	}
	switch f.WhenUnavailable {
	case "", relay.PolicyLetThrough, relay.PolicyHalt:
	default:
		return fail("when_unavailable must be let-through or halt")
	}
	if f.WhenUnavailable == relay.PolicyHalt && !webfilter.CanHalt(class) {
		return fail("when_unavailable can't be halt: Open edX has no exception for %s", class.Class)
	}
	for key, redirect := range map[string]string{
		"redirect_on_4xx": f.RedirectOn4xx, "redirect_on_5xx": f.RedirectOn5xx, "redirect_on_request_exception": f.RedirectOnRequestException,
	} {
		if err := validateRedirect(redirect); err != nil {
			return fail("%s: %v", key, err)
		}
	}
	return nil
}

func validateRedirect(text string) error {
	u, err := url.Parse(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("must be an http or https URL, or a path")
	}
	return nil
}

// Mask gives a declaration as it may be shown: without the password of its URL.
func Mask(f relay.Filter) relay.Filter {
	f.URL = maskURL(f.URL)
	return f
}

func maskURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return raw
	}
	if _, has := u.User.Password(); !has {
		return raw
	}
	u.User = url.UserPassword(u.User.Username(), "***")
	return strings.Replace(u.String(), ":%2A%2A%2A@", ":***@", 1)
}
