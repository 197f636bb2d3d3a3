package command

import "github.com/spf13/cobra"

// filterFlags are the keys of a declaration as flags: disable_halt is --disable-halt.
type filterFlags struct{}

func (filterFlags) declare(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String("filter", "", "class of Open edX, e.g. StudentRegistrationRequested")
	f.String("url", "", "URL to ask; http or https")
	f.String("format", "plugin-json", "plugin-json or plugin-form")
	f.Bool("disable-filtering", false, "ignore the data of its answers")
	f.Bool("disable-halt", false, "ignore the exceptions of its answers")
	f.Bool("halt-on-4xx", false, "stop Open edX on status 400 to 499")
	f.String("redirect-on-4xx", "", "where the learner goes then")
	f.Bool("halt-on-5xx", false, "stop Open edX on status 500 to 599")
	f.String("redirect-on-5xx", "", "where the learner goes then")
	f.Bool("halt-on-request-exception", false, "stop Open edX when the URL gives no answer")
	f.String("redirect-on-request-exception", "", "where the learner goes then")
	f.String("when-unavailable", "", "let-through or halt, when it is not asked at all; default as without an answer")
	f.Duration("timeout", 0, "longest wait for its answer; default 5s")
	f.Int("position", 1, "place among the filters of its class")
	f.Bool("parallel", false, "may be asked together with its neighbours that are parallel too")
	f.StringSlice("allow", nil, "identity fields that its answers may set, e.g. user.email")
	f.Bool("enabled", true, "ask it")
	f.String("description", "", "for people")
}

func (filterFlags) declaration(cmd *cobra.Command) (map[string]any, error) { return flagged(cmd), nil }
