package command

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func replayCommand(a *App) *cobra.Command {
	return family("replay", "Process a range of the log again", replayStart(a), replayList(a), replayShow(a),
		replayMove(a, "pause", "Pause a replay where it is"), replayMove(a, "resume", "Let a paused or failed replay go on"),
		replayMove(a, "cancel", "End a replay; what it has handed out is still tried"))
}

func replayList(a *App) *cobra.Command {
	return listCommand(a, listing[relay.Replay]{
		short: "List replays, newest first", example: "  edrelay replay ls\n  edrelay replay ls --state running --watch", path: "/replays",
		states: []string{"running", "paused", "done", "cancelled", "failed"}, columns: replayColumns,
		empty: "No replay. `edrelay replay start --dry-run …` says what one would do.",
	})
}

func replayColumns(time.Time) []table.Column[relay.Replay] {
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	return []table.Column[relay.Replay]{
		column("ID", func(r relay.Replay) string { return r.ID }),
		wide("TARGET", func(r relay.Replay) string { return r.Target }),
		stateColumn(func(r relay.Replay) string { return string(r.State) }),
		number("MATCHED", func(r relay.Replay) string { return count(r.Matched) }),
		number("DONE", func(r relay.Replay) string { return count(r.Done) }),
		number("FAILED", func(r relay.Replay) string { return count(r.Failed) }),
		number("RATE", func(r relay.Replay) string { return strconv.FormatFloat(r.Rate, 'g', -1, 64) }),
		column("LEFT", timeLeft),
		wide("REASON", func(r relay.Replay) string { return r.Reason }),
	}
}

// timeLeft shows the server's guess.
func timeLeft(r relay.Replay) string {
	switch {
	case r.State != relay.ReplayRunning:
		return ""
	case r.Left == nil:
		return "?"
	}
	return table.Duration(time.Duration(*r.Left * float64(time.Second)))
}

func replayShow(a *App) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show a replay and how far it came",
		Example: "  edrelay replay show K7QM2ZC9TA\n  edrelay replay show K7QM2ZC9TA --watch",
		RunE: func(cmd *cobra.Command, args []string) error {
			show := func(ctx context.Context) error {
				var r relay.Replay
				if err := a.fetch(ctx, "/replays/"+url.PathEscape(args[0]), &r); err != nil {
					return err
				}
				return a.printReplay(r)
			}
			if watch {
				return a.watch(cmd.Context(), show)
			}
			return show(cmd.Context())
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show it again every two seconds until interrupted")
	return cmd
}

func (a *App) printReplay(r relay.Replay) error {
	if a.wantsJSON() {
		return a.printJSON(r)
	}
	return table.Write(a.screen(), []relay.Replay{r}, replayColumns(a.now()))
}

func replayMove(a *App, verb, short string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID", Short: short, Example: "  edrelay replay " + verb + " K7QM2ZC9TA",
		RunE: ordering(a, func(args []string) order { return post(at("replays", args[0], verb), nil) }, a.printReplay),
	}
}

func (a *App) printPlan(p relay.ReplayPlan) error {
	if a.wantsJSON() {
		return a.printJSON(p)
	}
	fmt.Fprintf(a.Out, "%d would be replayed to %s.\n", p.Matched, p.Target)
	if len(p.Samples) == 0 {
		return nil
	}
	fmt.Fprintln(a.Out, "The first of them:")
	return table.Write(a.screen(), p.Samples, eventColumns(a.now()))
}
