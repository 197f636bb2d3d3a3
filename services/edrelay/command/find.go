package command

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/services/edrelay/table"
)

// story is what the API knows of what somebody asked.
type story struct {
	Asked   string `json:"asked"`
	Verdict string `json:"verdict"`
	Moments []struct {
		At    time.Time `json:"at"`
		Kind  string    `json:"kind"`
		State string    `json:"state"`
		What  string    `json:"what"`
		More  string    `json:"more"`
	} `json:"moments"`
}

func findCommand(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "find TERM", Short: "What happened to an order, a learner, a course, a webhook or an event?",
		Long: `Tell what happened, oldest first: the webhooks that came in (accepted, rejected or not yet worked), what was asked of the
LMS and what it answered, and where each enrolment stands. Exit status 1 when nothing is known.`,
		Example: `  edrelay find 1001
  edrelay find '#1001'
  edrelay find ada@example.org`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.remote()
			if err != nil {
				return err
			}
			var raw map[string]any
			var found story
			query := url.Values{"q": args}
			if a.wantsJSON() {
				if err := c.Get(cmd.Context(), "/search", query, &raw); err != nil {
					return err
				}
				return a.printJSON(raw)
			}
			if err := c.Get(cmd.Context(), "/search", query, &found); err != nil {
				return err
			}
			return a.printStory(found)
		},
	}
}

func (a *App) printStory(s story) error {
	screen := a.screen()
	var out strings.Builder
	for _, m := range s.Moments {
		mark, what := "·", table.Clean(m.What)
		if color := map[string]table.Color{"good": table.Good, "wait": table.Wait, "bad": table.Bad}[m.State]; color != table.Plain && screen.Color {
			mark = string(color) + "●\x1b[0m"
		}
		fmt.Fprintf(&out, "%s  %s %s\n", m.At.UTC().Format("2006-01-02 15:04:05Z"), mark, what)
		if m.More != "" {
			fmt.Fprintf(&out, "%24s %s\n", "", table.Clean(m.More))
		}
	}
	fmt.Fprintf(&out, "%s\n", table.Clean(s.Verdict))
	if _, err := fmt.Fprint(a.Out, out.String()); err != nil {
		return err
	}
	if len(s.Moments) == 0 {
		return quietError{}
	}
	return nil
}
