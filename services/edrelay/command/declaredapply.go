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

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

// apply makes the command that makes all declarations of a file so.
func (d declared[T]) apply() *cobra.Command {
	var file string
	var dryRun, prune bool
	cmd := &cobra.Command{
		Use: "apply -f FILE", Short: d.says["apply"].short, Long: d.says["apply"].long,
		Example: "  edrelay " + d.noun + " apply -f edrelay-" + d.plural() + ".yaml --dry-run",
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := d.read(file)
			if err != nil {
				return err
			}
			c, err := d.app.remote()
			if err != nil {
				return err
			}
			var done relay.Applied
			body := map[string]any{d.plural(): list, "dry_run": dryRun, "prune": prune}
			if err := c.Post(cmd.Context(), "/"+d.plural()+"/apply", body, &done); err != nil {
				return err
			}
			return d.applied(done, dryRun)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "YAML file with the key "+d.plural()+"; - is standard input")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would change")
	cmd.Flags().BoolVar(&prune, "prune", false, "remove "+d.plural()+" that are not in the file")
	_ = cmd.MarkFlagRequired("file") // made three lines above, so this can't fail
	return cmd
}

// read gives the kind's list in a declaration file. Errors don't show the file's lines, for they may hold secrets.
func (d declared[T]) read(name string) ([]json.RawMessage, error) {
	raw, err := readFile(name)
	if err != nil {
		return nil, err
	}
	lists, err := readDeclarations(raw)
	if err == nil && d.check != nil {
		err = d.check(raw)
	}
	if err != nil {
		return nil, inFile(name, err)
	}
	return append([]json.RawMessage{}, lists[d.plural()]...), nil
}

// inFile puts the file's name before what is wrong with it.
func inFile(name string, err error) error {
	wrong := &relay.Error{Code: relay.CodeInvalid, Message: name + ": " + relay.PublicMessage(err)}
	if inner, ok := errors.AsType[*relay.Error](err); ok {
		wrong.Hint = inner.Hint
	}
	return wrong
}

// readDeclarations reads the YAML of a declaration file: the lists by their keys. Any other key is an error.
func readDeclarations(raw []byte) (map[string][]json.RawMessage, error) {
	wrong := func(problem string) error {
		return &relay.Error{Code: relay.CodeInvalid, Message: problem, Hint: "The file holds the keys subscriptions and filters, each a list."}
	}
	var document any
	if err := yaml.Unmarshal(raw, &document); err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return nil, wrong("it is not YAML: " + line)
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, wrong("its keys must be text")
	}
	var lists map[string][]json.RawMessage
	if err := json.Unmarshal(text, &lists); err != nil {
		return nil, wrong("it is no map of lists")
	}
	for key := range lists {
		if key != "subscriptions" && key != "filters" {
			return nil, wrong(fmt.Sprintf("unknown field %q", key))
		}
	}
	return lists, nil
}

func readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(name)
}

// printApplied prints what an apply did, value by value, and the secrets that it made.
func (a *App) printApplied(done relay.Applied, dryRun bool) error {
	err := table.Write(a.screen(), done.Changes, []table.Column[relay.Change]{
		column("NAME", func(c relay.Change) string { return c.Name }),
		column("CHANGE", func(c relay.Change) string { return c.Action }),
		wide("KEYS", func(c relay.Change) string { return strings.Join(c.Fields, " ") }),
	})
	if err != nil {
		return err
	}
	if dryRun {
		a.note("Nothing was changed: this was a dry run.")
	}
	var fields []field
	for _, change := range done.Changes {
		for _, d := range change.Diff {
			if change.Action == "changed" {
				fields = append(fields, field{change.Name + " " + d.Key, d.Old + " → " + d.New, table.Plain})
			}
		}
		if secret := done.Secrets[change.Name]; secret != "" {
			fields = append(fields, field{change.Name + " secret", secret, table.Good})
		}
	}
	return a.printFields(fields)
}
