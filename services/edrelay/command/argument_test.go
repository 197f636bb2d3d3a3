package command

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// fresh runs a command that reaches nothing, so that only its use is judged.
func fresh(t *testing.T, cmd *cobra.Command, args ...string) outcome {
	t.Helper()
	path := strings.Fields(cmd.CommandPath())[1:]
	return runWith(t, []string{"EDRELAY_SERVER=http://127.0.0.1:9", "EDRELAY_ADMIN_TOKEN=x"}, append(path, args...)...)
}

// said holds a wrong use to its form: status 2, nothing on stdout, what is wrong, an example, and where the help is.
func said(t *testing.T, cmd *cobra.Command, got outcome, what string) {
	t.Helper()
	first, rest, _ := strings.Cut(got.err, "\n")
	if got.status != 2 || got.out != "" || !strings.HasPrefix(first, "edrelay: "+strings.TrimPrefix(cmd.CommandPath(), "edrelay ")+": ") || !strings.Contains(first, what) ||
		!strings.Contains(rest, "for example: edrelay") || !strings.Contains(rest, "`"+cmd.CommandPath()+" --help`") || strings.Contains(got.err, "arg(s)") {
		t.Errorf("%s (want %s): status %d, %s%s", cmd.CommandPath(), what, got.status, got.out, got.err)
	}
}

func TestEveryCommandSaysWhichArgumentIsMissingOrTooMuch(t *testing.T) {
	t.Parallel()
	taking, needing := 0, 0
	each((&App{}).root(), func(cmd *cobra.Command) {
		if cmd.Parent().Name() == "completion" { // cobra's own
			return
		}
		names, required := arguments(cmd)
		args := slices.Repeat([]string{"x"}, len(names)+1)
		if required > 0 {
			taking++
			said(t, cmd, fresh(t, cmd), names[0]+" is missing")
			said(t, cmd, fresh(t, cmd, append([]string{" "}, args[2:]...)...), names[0]+" is empty")
		}
		said(t, cmd, fresh(t, cmd, args...), "“x”")
		var missing []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Annotations[cobra.BashCompOneRequiredFlag] != nil {
				missing = append(missing, "--"+f.Name)
			}
		})
		if len(missing) > 0 {
			needing++
			said(t, cmd, fresh(t, cmd, args[1:]...), strings.Join(missing, " and "))
		}
	})
	if taking < 20 || needing < 5 {
		t.Errorf("only %d commands with an argument and %d with a flag that must be there seen", taking, needing)
	}
}

func TestAnUnknownCommandIsToldWithWhatThereIs(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"webhok": "there is: webhook", "webhook shwo": "there is: show", "webhook nonsense": "there is: ls, reverify, show", "audit nonsense": "there is: trail",
	} {
		got := runWith(t, nil, strings.Fields(args)...)
		if got.status != 2 || !strings.Contains(got.err, "“"+strings.Fields(args)[len(strings.Fields(args))-1]+"”") || !strings.Contains(got.err, want) {
			t.Errorf("%s: status %d, %s", args, got.status, got.err)
		}
	}
}
