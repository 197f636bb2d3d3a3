package command

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/edrelay/edrelay/internal/relay"
)

func learnerCommand(a *App) *cobra.Command {
	return family("learner", "Personal data: what is held of a learner, and forgetting them",
		learnerShow(a), learnerForget(a), erasureList(a), erasureShow(a))
}

func learnerShow(a *App) *cobra.Command {
	var ask relay.ShowLearner
	var limit int
	cmd := &cobra.Command{
		Use: "show ADDRESS", Short: "Everything that edrelay holds of a learner",
		Long: `Find a learner in log and ledger: webhooks, rejected webhooks, events, the mirrors of NATS users, orders, enrolments,
deliveries, the roster, replays and whatever else holds the address. Events that name the learner by a username or user id that
belongs to the address are found too. The audit trail keeps who looked. Exit status 1 when nothing is held.`,
		Example: `  edrelay learner show ada@example.org
  edrelay learner show ada@example.org --limit 0 --output json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return usageError{cmd.CommandPath(), fmt.Errorf("--limit must be 0 or more")}
			}
			ask.Address, ask.Limit = args[0], &limit
			var held relay.Held
			if err := a.longWork(cmd.Context(), "/learners/show", ask, &held); err != nil {
				return err
			}
			if a.wantsJSON() {
				return a.printJSON(held)
			}
			if err := a.printHeld(held); err != nil {
				return err
			}
			if held.Counts.Total() == 0 {
				return quietError{}
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "rows of each kind at most; 0 = all; the counts are exact")
	cmd.Flags().BoolVar(&ask.AddressOnly, "address-only", false, "leave out events that name the learner by username or user id alone")
	return cmd
}

func learnerForget(a *App) *cobra.Command {
	var ask relay.ForgetLearner
	var yes bool
	cmd := &cobra.Command{
		Use: "forget ADDRESS", Short: "Erase a learner from log and ledger",
		Long: `Erase a learner: messages are taken out of the files of the log and of the mirrors, rows of the ledger keep a meaningless
name in the place of the address, and what still waits for the learner ends. Other learners of the same orders keep their
enrolments. What blocks, and what is out of edrelay's reach, is printed with what to do. Doing it again finishes what was cut
short. It can't be undone. Exit status 1 when something blocks.`,
		Example: `  edrelay learner forget ada@example.org --dry-run
  edrelay learner forget ada@example.org
  edrelay learner forget ada@example.org --yes --output json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ask.Address = args[0]
			if !ask.DryRun && !yes {
				if err := a.confirmForget(cmd, ask); err != nil {
					return err
				}
			}
			var done relay.Erasure
			if err := a.longWork(cmd.Context(), "/learners/forget", ask, &done); err != nil {
				return err
			}
			if err := a.printErasure(done); err != nil {
				return err
			}
			if done.State == relay.ErasureIncomplete || done.State == relay.ErasureFailed {
				return quietError{}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&ask.DryRun, "dry-run", false, "count and show samples, change nothing")
	flags.BoolVar(&yes, "yes", false, "don't ask")
	flags.BoolVar(&ask.AddressOnly, "address-only", false, "leave events that name the learner by username or user id alone")
	flags.BoolVar(&ask.Rewrite, "rewrite", false, "write the ledger's tables anew too, so that no dead bytes stay in Postgres' tables; each is locked meanwhile")
	flags.BoolVar(&ask.IncludeParked, "include-parked", false, "erase parked webhooks too that name others; what they ask for is given up")
	return cmd
}

// confirmForget shows what would be erased and has the operator type the address once more.
func (a *App) confirmForget(cmd *cobra.Command, ask relay.ForgetLearner) error {
	if file, ok := a.In.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		return usageError{cmd.CommandPath(), fmt.Errorf("nobody can be asked here; --yes forgets without asking, --dry-run only looks")}
	}
	ask.DryRun = true
	var plan relay.Erasure
	if err := a.longWork(cmd.Context(), "/learners/forget", ask, &plan); err != nil {
		return err
	}
	if err := a.writeErasure(a.Err, plan); err != nil {
		return err
	}
	fmt.Fprint(a.Err, "\nThis can't be undone. Type the address to forget the learner: ")
	typed, err := bufio.NewReader(a.In).ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	if !strings.EqualFold(strings.TrimSpace(typed), strings.TrimSpace(ask.Address)) {
		return &relay.Error{Code: relay.CodeInvalid, Message: "that is not the address, so nothing was erased", Hint: "Ask for it again, or look only with --dry-run."}
	}
	return nil
}

// workLine is one line of a long work.
type workLine struct {
	Step    string          `json:"step"`
	Scanned int64           `json:"scanned"`
	Total   int64           `json:"total"`
	Result  json.RawMessage `json:"result"`
	Problem *struct {
		Code         relay.Code `json:"code"`
		Detail, Hint string
	} `json:"problem"`
}

// longWork asks for something that takes a while and shows on a terminal how far it is.
func (a *App) longWork(ctx context.Context, path string, body, into any) error {
	c, err := a.remote()
	if err != nil {
		return err
	}
	file, ok := a.Err.(*os.File)
	shows := ok && term.IsTerminal(int(file.Fd()))
	said, ended := false, false
	err = c.PostLines(ctx, path, body, func(raw json.RawMessage) error {
		var line workLine
		if err := json.Unmarshal(raw, &line); err != nil {
			return err
		}
		switch {
		case line.Problem != nil:
			ended = true
			return &relay.Error{Code: line.Problem.Code, Message: line.Problem.Detail, Hint: line.Problem.Hint}
		case line.Result != nil:
			ended = true
			return json.Unmarshal(line.Result, into)
		case shows:
			said = true
			fmt.Fprintf(a.Err, "\r\x1b[K%s", progressText(line))
		}
		return nil
	})
	if said {
		fmt.Fprint(a.Err, "\r\x1b[K")
	}
	if err == nil && !ended {
		err = &relay.Error{Code: relay.CodeUnavailable, Message: "edrelay ended before the work did", Hint: "Ask for it again; what is done stays done."}
	}
	return err
}

func progressText(line workLine) string {
	if line.Total == 0 {
		return line.Step
	}
	return fmt.Sprintf("%s: %d of %d", line.Step, line.Scanned, line.Total)
}
