// Package command is edrelay's command line: one file a noun, each a list of cobra commands. Services are run
// here; everything that reads or changes a running edrelay is a client of its REST API.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/assembly"
	"github.com/edrelay/edrelay/services/edrelay/config"
)

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// App is what every command works with.
type App struct {
	Version string
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Environ []string

	configFile string
	server     string
	token      string
	output     string
}

// Run runs the command line and gives the exit status: 0 done, 1 failed, 2 used wrongly.
func (a *App) Run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	ran, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if silent := (quietError{}); errors.As(err, &silent) {
		return exitFailed
	}
	if isUsage(err) {
		err = usageError{ran.CommandPath(), err}
	}
	a.explain(ran, err)
	if usage := (usageError{}); errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// explain writes an error to stderr with what to do next.
func (a *App) explain(cmd *cobra.Command, err error) {
	fmt.Fprintf(a.Err, "edrelay: %s\n", strings.TrimSpace(err.Error()))
	usage, misused := errors.AsType[usageError](err)
	known, ok := errors.AsType[*relay.Error](err)
	switch {
	case ok && known.Hint != "":
		fmt.Fprintf(a.Err, "  → %s\n", known.Hint)
	case ok && known.Code == relay.CodeNotFound && lists(cmd.Parent()):
		fmt.Fprintf(a.Err, "  → `%s ls` lists those that there are.\n", cmd.Parent().CommandPath())
	case !misused:
		fmt.Fprintf(a.Err, "  → `%s --help` shows how it is used; `edrelay doctor` says what is wrong around it.\n", cmd.CommandPath())
	}
	if misused {
		fmt.Fprintf(a.Err, "  → `%s --help` shows how it is used.\n", usage.command)
	}
}

// lists tells whether a command has a list below it.
func lists(cmd *cobra.Command) bool {
	return cmd != nil && slices.ContainsFunc(cmd.Commands(), func(sub *cobra.Command) bool { return sub.Name() == "ls" })
}

// misuse makes what the server calls invalid a wrong use of the command, whose flags said it.
func misuse(cmd *cobra.Command, err error) error {
	if relay.CodeOf(err) == relay.CodeInvalid {
		return usageError{cmd.CommandPath(), err}
	}
	return err
}

// usageError is a command used wrongly.
type usageError struct {
	command string
	err     error
}

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// quietError ends with status 1 after the command has said everything itself.
type quietError struct{}

func (quietError) Error() string { return "failed" }

// isUsage knows the errors of cobra itself, which have no type.
func isUsage(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, "if any flags in the group")
}

func (a *App) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "edrelay",
		Short:         "Carries events between the world and Open edX over NATS JetStream",
		Long:          rootHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       a.Version,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if a.output != "table" && a.output != "json" {
			return usageError{cmd.CommandPath(), fmt.Errorf("--output must be table or json")}
		}
		return missingFlag(cmd)
	}
	root.SetVersionTemplate("edrelay {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{cmd.CommandPath(), err} })
	flags := root.PersistentFlags()
	flags.StringVar(&a.configFile, "config", a.env("EDRELAY_CONFIG", ""), "configuration file (EDRELAY_CONFIG; edrelay.yaml where there is one)")
	flags.StringVar(&a.server, "server", a.env("EDRELAY_SERVER", ""), "address of the running edrelay's admin listener (EDRELAY_SERVER; http://127.0.0.1:8081)")
	flags.StringVar(&a.token, "token", "", "admin token or API key (EDRELAY_ADMIN_TOKEN; the file admin.token in the data dir)")
	flags.StringVarP(&a.output, "output", "o", a.env("EDRELAY_OUTPUT", "table"), "table for people, json for programs")
	for _, group := range groups {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for _, make := range group.commands {
			cmd := make(a)
			cmd.GroupID = group.id
			root.AddCommand(cmd)
		}
	}
	root.SetHelpCommandGroupID(groups[1].id)
	root.SetCompletionCommandGroupID(groups[1].id)
	useWell(root)
	a.completeNames(root)
	return root
}

const rootHelp = `edrelay takes signed webhooks of shops and partners, makes them durable and enrols learners in Open edX;
delivers Open edX events to every URL that subscribed; answers Open edX filters; and shows and replays all of it.

Try it:       edrelay demo
Run it:       edrelay up --config edrelay.yaml
Look at it:   edrelay webhook ls · edrelay enrollment ls · edrelay doctor`

// family makes a command that only holds others: without one of them it shows its help, with a wrong one it is
// used wrongly.
func family(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(subs...)
	var examples []string
	for _, sub := range subs {
		first, _, _ := strings.Cut(sub.Example, "\n")
		examples = append(examples, first)
	}
	cmd.Example = strings.Join(examples, "\n")
	return cmd
}

func (a *App) env(name, otherwise string) string {
	for _, pair := range a.Environ {
		if key, value, _ := strings.Cut(pair, "="); key == name && value != "" {
			return value
		}
	}
	return otherwise
}

// config loads the configuration that --config, EDRELAY_CONFIG or ./edrelay.yaml names; unknown variables are told
// on stderr.
func (a *App) config() (*config.Config, error) {
	file := a.configFile
	if file == "" {
		if _, err := os.Stat("edrelay.yaml"); err == nil {
			file = "edrelay.yaml"
		}
	}
	loaded, warnings, err := config.Load(config.Options{File: file, Dotenv: ".env", Environment: a.Environ, Kinds: assembly.Kinds()})
	for _, name := range warnings {
		fmt.Fprintf(a.Err, "edrelay: %s is set and means nothing to edrelay; a slip of the hand?\n", name)
	}
	return loaded, err
}

// adminToken gives the token of --token or EDRELAY_ADMIN_TOKEN. It is no flag's default, since help would print it.
func (a *App) adminToken() string {
	if a.token != "" {
		return a.token
	}
	return a.env("EDRELAY_ADMIN_TOKEN", "")
}
