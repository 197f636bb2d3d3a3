package command

import (
	"errors"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/edrelay/edrelay/internal/relay"
)

// declared is a kind of thing that operators declare under a name. All kinds have the same verbs.
type declared[T any] struct {
	app      *App
	noun     string // "filter"; its plural is the path and the key of the declaration file
	handle   string // a name, for the examples
	required []string
	flags    func() declaredFlags // of one command
	print    func(T) error
	check    func(file []byte) error // finds what is wrong with a declaration file, with line and column; may be nil
	applied  func(done relay.Applied, dryRun bool) error
	says     map[string]saying // by verb
}

// saying is what a verb's help says.
type saying struct {
	short, long string
	with        []string // what follows the handle in each example; one without anything when left out
}

// declaredFlags are the keys of a declaration as flags.
type declaredFlags interface {
	declare(*cobra.Command)
	// declaration holds what the flags say, by the keys of the declaration file.
	declaration(*cobra.Command) (map[string]any, error)
}

var errNothingToChange = errors.New("no flag says what to change")

func (d declared[T]) plural() string { return d.noun + "s" }

func (d declared[T]) path(name string) string { return "/" + d.plural() + "/" + url.PathEscape(name) }

// verbs gives the commands that all kinds have.
func (d declared[T]) verbs() []*cobra.Command {
	return []*cobra.Command{
		d.show(), d.add(), d.edit(), d.remove(), d.order("pause"), d.order("resume"), d.apply(),
	}
}

// verb makes a command about one name.
func (d declared[T]) verb(verb string, run func(cmd *cobra.Command, name string) error) *cobra.Command {
	says := d.says[verb]
	if says.with == nil {
		says.with = []string{""}
	}
	example := ""
	for i, with := range says.with {
		if i > 0 {
			example += "\n"
		}
		example += "  edrelay " + d.noun + " " + verb + " " + d.handle + with
	}
	return &cobra.Command{
		Use: verb + " NAME", Short: says.short, Long: says.long, Example: example,
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd, args[0]) },
	}
}

func (d declared[T]) show() *cobra.Command {
	return d.verb("show", func(cmd *cobra.Command, name string) error {
		var one T
		if err := d.app.fetch(cmd.Context(), d.path(name), &one); err != nil {
			return err
		}
		return d.print(one)
	})
}

func (d declared[T]) add() *cobra.Command {
	flags := d.flags()
	cmd := d.verb("add", func(cmd *cobra.Command, name string) error {
		declaration, err := flags.declaration(cmd)
		if err != nil {
			return err
		}
		declaration["name"] = name
		return d.send(cmd, "POST", "/"+d.plural(), declaration)
	})
	flags.declare(cmd)
	for _, flag := range d.required {
		_ = cmd.MarkFlagRequired(flag) // made one line above, so this can't fail
	}
	return cmd
}

func (d declared[T]) edit() *cobra.Command {
	flags := d.flags()
	cmd := d.verb("edit", func(cmd *cobra.Command, name string) error {
		change, err := flags.declaration(cmd)
		if err != nil {
			return err
		}
		if len(change) == 0 {
			return usageError{cmd.CommandPath(), errNothingToChange}
		}
		return d.send(cmd, "PATCH", d.path(name), change)
	})
	flags.declare(cmd)
	return cmd
}

// order makes a verb that the API has under the same name and that answers with what came of it.
func (d declared[T]) order(verb string) *cobra.Command {
	return d.verb(verb, func(cmd *cobra.Command, name string) error { return d.send(cmd, "POST", d.path(name)+"/"+verb, nil) })
}

func (d declared[T]) remove() *cobra.Command {
	return d.verb("rm", func(cmd *cobra.Command, name string) error {
		c, err := d.app.remote()
		if err != nil {
			return err
		}
		if err := c.Delete(cmd.Context(), d.path(name), nil); err != nil {
			return err
		}
		d.app.note("The %s %s is removed.", d.noun, name)
		return nil
	})
}

// send sends a body and prints what came of it.
func (d declared[T]) send(cmd *cobra.Command, method, path string, body any) error {
	c, err := d.app.remote()
	if err != nil {
		return err
	}
	var made T
	if err := c.Send(cmd.Context(), method, path, body, &made); err != nil {
		return err
	}
	return d.print(made)
}

// flagged holds the values of the flags that were given, by the keys of the declaration file: --halt-on-4xx is halt_on_4xx.
func flagged(cmd *cobra.Command) map[string]any {
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
		case "float64":
			declared[key], _ = cmd.Flags().GetFloat64(f.Name)
		case "stringSlice":
			declared[key], _ = cmd.Flags().GetStringSlice(f.Name)
		case "string", "duration":
			declared[key] = f.Value.String()
		}
	})
	return declared
}
