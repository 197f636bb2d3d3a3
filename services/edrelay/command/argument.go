package command

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/edrelay/edrelay/internal/relay"
)

// useWell has every command say itself, with an example, which argument is missing or too much.
func useWell(cmd *cobra.Command) {
	cmd.Args = checkArguments
	if names, _ := arguments(cmd); cmd.HasSubCommands() && len(names) == 0 {
		cmd.Args = noSuchCommand
	}
	for _, sub := range cmd.Commands() {
		useWell(sub)
	}
}

// noSuchCommand refuses what a command that only holds others does not hold.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	problem := &relay.Error{Code: relay.CodeInvalid, Message: "unknown command " + quoted(args[0]) + " for " + cmd.CommandPath()}
	cmd.SuggestionsMinimumDistance = 2
	like := cmd.SuggestionsFor(args[0])
	if len(like) == 0 && cmd.HasParent() {
		for _, sub := range cmd.Commands() {
			like = append(like, sub.Name())
		}
	}
	if len(like) > 0 {
		problem.Hint = "there is: " + strings.Join(like, ", ")
	}
	return usageError{cmd.CommandPath(), problem}
}

// arguments gives the names of what a command takes, as its usage line has them: NAME must be there, [NAME] may be.
func arguments(cmd *cobra.Command) (names []string, required int) {
	for _, word := range strings.Fields(cmd.Use)[1:] {
		if strings.HasPrefix(word, "-") {
			break // a flag and its value
		}
		name := strings.Trim(word, "[]")
		if name == word {
			required++
		}
		names = append(names, name)
	}
	return names, required
}

func checkArguments(cmd *cobra.Command, args []string) error {
	names, required := arguments(cmd)
	switch {
	case len(args) < required:
		return wrongUse(cmd, names[len(args)]+" is missing")
	case len(args) > len(names) && len(names) == 0:
		return wrongUse(cmd, "it takes no argument, and "+quoted(args[0])+" is one")
	case len(args) > len(names):
		return wrongUse(cmd, "it takes "+strings.Join(names, " ")+" alone, and "+quoted(args[len(names)])+" is too much")
	}
	for i, arg := range args {
		if strings.TrimSpace(arg) == "" {
			return wrongUse(cmd, names[i]+" is empty")
		}
	}
	return nil
}

func quoted(text string) string { return "“" + text + "”" }

// missingFlag tells which flags a command can't do without.
func missingFlag(cmd *cobra.Command) error {
	var missing []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if needed := f.Annotations[cobra.BashCompOneRequiredFlag]; len(needed) > 0 && needed[0] == "true" && !f.Changed {
			missing = append(missing, "--"+f.Name)
		}
	})
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return wrongUse(cmd, missing[0]+" is missing")
	}
	return wrongUse(cmd, strings.Join(missing, " and ")+" are missing")
}

// wrongUse is a usage error with the command's first example.
func wrongUse(cmd *cobra.Command, what string) error {
	problem := &relay.Error{Code: relay.CodeInvalid, Message: strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ") + ": " + what}
	if example, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n"); example != "" {
		problem.Hint = "for example: " + example
	}
	if lists(cmd.Parent()) && !strings.HasSuffix(what, "too much") {
		if names, _ := arguments(cmd); len(names) > 0 && cmd.ValidArgsFunction != nil {
			problem.Hint += "\n  → `" + cmd.Parent().CommandPath() + " ls` lists those that there are."
		}
	}
	return usageError{cmd.CommandPath(), problem}
}
