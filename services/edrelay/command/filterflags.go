package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

var errNothingToChange = errors.New("no flag says what to change")

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

// declaration holds what the flags say, by the keys of the declaration file.
func (filterFlags) declaration(cmd *cobra.Command) map[string]any {
	declared := map[string]any{}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if cmd.InheritedFlags().Lookup(f.Name) != nil {
			return
		}
		key := strings.ReplaceAll(f.Name, "-", "_")
		switch f.Value.Type() {
		case "bool":
			declared[key] = f.Value.String() == "true"
		case "int":
			declared[key], _ = cmd.Flags().GetInt(f.Name)
		case "stringSlice":
			declared[key], _ = cmd.Flags().GetStringSlice(f.Name)
		case "string", "duration":
			declared[key] = f.Value.String()
		}
	})
	return declared
}

func filterApply(a *App) *cobra.Command {
	var file string
	var dryRun, prune bool
	cmd := &cobra.Command{
		Use: "apply -f FILE", Short: "Make the filters of a file so, all or none", Args: cobra.NoArgs,
		Long: `Make the filters under the key "filters" of a YAML file so, all or none, and say what changed. Filters that are not in
the file stay as they are unless --prune. "-" reads standard input.`,
		Example: "  edrelay filter apply -f edrelay-filters.yaml --dry-run",
		RunE: func(cmd *cobra.Command, _ []string) error {
			declared, err := readDeclarations(file)
			if err != nil {
				return err
			}
			c, err := a.remote()
			if err != nil {
				return err
			}
			var done struct {
				Changes []relay.Change `json:"changes"`
			}
			body := map[string]any{"filters": append([]json.RawMessage{}, declared.Filters...), "dry_run": dryRun, "prune": prune}
			if err := c.Post(cmd.Context(), "/filters/apply", body, &done); err != nil {
				return err
			}
			return a.printChanges(done.Changes, dryRun)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "YAML file with the key filters; - is standard input")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would change")
	cmd.Flags().BoolVar(&prune, "prune", false, "remove filters that are not in the file")
	_ = cmd.MarkFlagRequired("file") // made three lines above, so this can't fail
	return cmd
}

// declarations are the two lists of a declaration file.
type declarations struct {
	Subscriptions []json.RawMessage `json:"subscriptions"`
	Filters       []json.RawMessage `json:"filters"`
}

// readDeclarations reads a YAML file; any other key is an error. Errors don't show the file's lines, for they may hold secrets.
func readDeclarations(name string) (declarations, error) {
	var declared declarations
	raw, err := readFile(name)
	if err != nil {
		return declared, err
	}
	wrong := func(problem string) error {
		return &relay.Error{
			Code: relay.CodeInvalid, Message: fmt.Sprintf("%s: %s", name, problem),
			Hint: "The file holds the keys subscriptions and filters, each a list.",
		}
	}
	var document any
	if err := yaml.Unmarshal(raw, &document); err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return declared, wrong("it is not YAML: " + line)
	}
	text, err := json.Marshal(document)
	if err != nil {
		return declared, wrong("its keys must be text")
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&declared); err != nil {
		return declared, wrong(strings.TrimPrefix(err.Error(), "json: "))
	}
	return declared, nil
}

func readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(name)
}

// printChanges prints what an apply did.
func (a *App) printChanges(changes []relay.Change, dryRun bool) error {
	if a.wantsJSON() {
		return a.printJSON(changes)
	}
	err := table.Write(a.screen(), changes, []table.Column[relay.Change]{
		column("NAME", func(c relay.Change) string { return c.Name }),
		column("CHANGE", func(c relay.Change) string { return c.Action }),
		wide("KEYS", func(c relay.Change) string { return strings.Join(c.Fields, " ") }),
	})
	if dryRun {
		a.note("Nothing was changed: this was a dry run.")
	}
	return err
}
