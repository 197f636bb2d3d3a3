package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// subscriptionFlags are the keys of a declaration as flags: max_in_flight is --max-in-flight.
type subscriptionFlags struct {
	headers []string
}

func (s *subscriptionFlags) declare(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String("url", "", "URL to post to; http or https")
	f.StringSlice("events", nil, `event types, or prefixes ending in *; "*" is all`)
	f.String("format", "plugin-json", "plugin-json, plugin-form or cloudevents")
	f.StringSlice("secrets", nil, "signing secrets (whsec_…); made when left out")
	f.StringArrayVar(&s.headers, "header", nil, `further header, "Name: value"; may be repeated`)
	f.Duration("timeout", 0, "longest wait for a whole answer; default 10s")
	f.Int("max-in-flight", 16, "deliveries under way at a time")
	f.Float64("rate", 0, "deliveries a second; 0 = no limit")
	f.Bool("ordered", false, "one event after the other, in the order of the log")
	f.StringSlice("retry", nil, "waits before further attempts, e.g. 5s,30s,2m")
	f.Bool("enabled", true, "deliver to it")
	f.String("description", "", "for people")
}

func (s *subscriptionFlags) declaration(cmd *cobra.Command) (map[string]any, error) {
	declared := flagged(cmd)
	delete(declared, "header")
	if len(s.headers) > 0 {
		headers := map[string]string{}
		for _, header := range s.headers {
			name, value, ok := strings.Cut(header, ":")
			if !ok {
				return nil, usageError{cmd.CommandPath(), fmt.Errorf(`--header must look like "Name: value"`)}
			}
			headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
		declared["headers"] = headers
	}
	return declared, nil
}
