// Package subscription knows what operators declare about subscriptions: how a declaration is read and judged, what
// applying it changes, and which events a pattern means.
package subscription

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/edrelay/edrelay/internal/relay"
)

// Declaration is a subscription as an operator writes it, in YAML or JSON. Keys left out are nil.
type Declaration struct {
	Name        string             `yaml:"name" json:"name"`
	URL         *string            `yaml:"url" json:"url,omitempty"`
	Events      *[]string          `yaml:"events" json:"events,omitempty"` // exact types, or prefixes ending in "*"
	Format      *relay.Format      `yaml:"format" json:"format,omitempty"`
	Secrets     *[]string          `yaml:"secrets" json:"secrets,omitempty"` // made when left out
	Headers     *map[string]string `yaml:"headers" json:"headers,omitempty"`
	Timeout     *relay.Duration    `yaml:"timeout" json:"timeout,omitempty"`
	MaxInFlight *int               `yaml:"max_in_flight" json:"max_in_flight,omitempty"`
	Rate        *float64           `yaml:"rate" json:"rate,omitempty"` // deliveries a second; 0 = no limit
	Ordered     *bool              `yaml:"ordered" json:"ordered,omitempty"`
	Retry       *[]relay.Duration  `yaml:"retry" json:"retry,omitempty"`
	Enabled     *bool              `yaml:"enabled" json:"enabled,omitempty"`
	Description *string            `yaml:"description" json:"description,omitempty"`
}

// file is what `apply -f` reads. The filters of the same file are another command's.
type file struct {
	Subscriptions []Declaration `yaml:"subscriptions"`
	Filters       any           `yaml:"filters"`
}

// maxDeclared bounds one file.
const maxDeclared = 10_000

// Parse reads a file of declarations, YAML or JSON. Unknown keys, wrong types, a name twice or none are
// relay.CodeInvalid errors that name line and key, never a value.
func Parse(text []byte) ([]Declaration, error) {
	var read file
	if err := yaml.UnmarshalWithOptions(text, &read, yaml.Strict()); err != nil {
		return nil, parseError(err)
	}
	if len(read.Subscriptions) > maxDeclared {
		return nil, relay.Errorf(relay.CodeInvalid, "more than %d subscriptions", maxDeclared)
	}
	seen := map[string]bool{}
	for i, d := range read.Subscriptions {
		if d.Name == "" {
			return nil, relay.Errorf(relay.CodeInvalid, "subscriptions[%d]: name is missing", i)
		}
		if seen[d.Name] {
			return nil, relay.Errorf(relay.CodeInvalid, "subscriptions[%d]: the name %s stands twice", i, shown(d.Name))
		}
		seen[d.Name] = true
	}
	return read.Subscriptions, nil
}

// ParseOne reads one declaration in JSON, of the REST API. Errors as Parse.
func ParseOne(text []byte) (Declaration, error) {
	var d Declaration
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		problem := "a value has the wrong type"
		if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			problem = "unknown field " + field
		} else if wrongType, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			problem = wrongType.Field + " has the wrong type"
		}
		return d, relay.Errorf(relay.CodeInvalid, "subscription: %s", problem)
	}
	return d, nil
}

// parseError keeps line, column and the kind of mistake of a YAML error, not the text around it: that may hold secrets.
func parseError(err error) error {
	message := "the file is no YAML of subscriptions"
	if errors.Is(err, relay.ErrDuration) {
		message = "timeout or retry holds a value that " + relay.ErrDuration.Error()
	}
	if located, ok := errors.AsType[yaml.Error](err); ok {
		kind := "a value has the wrong type"
		if text := located.GetMessage(); strings.HasPrefix(text, "unknown field") || strings.HasPrefix(text, "mapping key") {
			kind = text
		} else if _, syntax := errors.AsType[*yaml.SyntaxError](err); syntax {
			kind = "not YAML"
		}
		if token := located.GetToken(); token != nil && token.Position != nil {
			message = fmt.Sprintf("line %d, column %d: %s", token.Position.Line, token.Position.Column, kind)
		}
	}
	return &relay.Error{Code: relay.CodeInvalid, Message: message,
		Hint: "Keys are name, url, events, format, secrets, headers, timeout, max_in_flight, rate, ordered, retry, enabled, description."}
}

func shown(name string) string {
	if len(name) > 100 {
		name = name[:100]
	}
	return fmt.Sprintf("%q", name)
}
