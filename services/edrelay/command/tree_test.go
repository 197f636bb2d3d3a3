package command

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// each calls visit for every command that does something by itself.
func each(cmd *cobra.Command, visit func(*cobra.Command)) {
	for _, sub := range cmd.Commands() {
		if sub.HasSubCommands() {
			each(sub, visit)
			continue
		}
		visit(sub)
	}
}

func TestEveryCommandHasAnExampleThatNamesIt(t *testing.T) {
	t.Parallel()
	each((&App{}).root(), func(cmd *cobra.Command) {
		if !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("`%s --help` has no example of it", cmd.CommandPath())
		}
		if cmd.Short == "" {
			t.Errorf("%s says nothing of itself", cmd.CommandPath())
		}
	})
}

func TestEveryListCanBeWatched(t *testing.T) {
	t.Parallel()
	lists := 0
	each((&App{}).root(), func(cmd *cobra.Command) {
		if cmd.Name() != "ls" {
			return
		}
		lists++
		for _, flag := range []string{"watch", "limit"} {
			if cmd.Flags().Lookup(flag) == nil {
				t.Errorf("%s has no --%s", cmd.CommandPath(), flag)
			}
		}
	})
	if lists < 10 {
		t.Errorf("only %d lists seen", lists)
	}
}

func TestTheShellCompletesNamesOfWhatThereIs(t *testing.T) {
	t.Parallel()
	o := operate(t)
	o.must("subscription", "add", "crm", "--url", "https://crm.example/hook", "--events", "*")
	o.must("subscription", "add", "mail", "--url", "https://mail.example/hook", "--events", "*")
	for _, c := range []struct{ args, want, not string }{
		{"subscription show ", "crm mail", ""},
		{"subscription pause c", "crm", "mail"},
		{"subscription show crm ", "", "crm"},
		{"delivery ls --subscription ", "crm mail", ""},
		{"replay start --subscription m", "mail", "crm"},
		{"subscription add ", "", "crm"},
	} {
		got := o.run(append([]string{"__complete"}, strings.Split(c.args, " ")...)...)
		words := strings.Fields(got.out)
		for _, want := range strings.Fields(c.want) {
			if !slices.Contains(words, want) {
				t.Errorf("%s⇥ lacks %s: %s %s", c.args, want, got.out, got.err)
			}
		}
		if c.not != "" && slices.Contains(words, c.not) {
			t.Errorf("%s⇥ offers %s", c.args, c.not)
		}
	}
	away := runWith(t, []string{"EDRELAY_SERVER=http://127.0.0.1:9", "EDRELAY_ADMIN_TOKEN=x"}, "__complete", "subscription", "show", "")
	if away.status != 0 || strings.Contains(away.out, "refused") {
		t.Errorf("without a running edrelay: %+v", away)
	}
}

func TestHelpFitsAScreenAndFamiliesShowExamples(t *testing.T) {
	t.Parallel()
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if sub.Name() != "completion" { // cobra's own
				walk(sub)
			}
		}
		if cmd.HasSubCommands() && cmd.HasParent() && cmd.Example == "" {
			t.Errorf("`%s --help` has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Long) {
			if len([]rune(strings.TrimSpace(line))) > 130 {
				t.Errorf("%s: a line of its help is too long: %s", cmd.CommandPath(), line)
			}
		}
	}
	walk((&App{}).root())
}
