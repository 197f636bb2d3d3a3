package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/console"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

// follow hands every event that comes to see; it connects again when the running edrelay restarts.
func (a *App) follow(ctx context.Context, eventType string, from uint64, see func(relay.LogEntry, json.RawMessage) error) error {
	c, err := a.remote()
	if err != nil {
		return err
	}
	stopped := errors.New("stopped")
	for first := true; ; first = false {
		query := url.Values{"type": {eventType}}
		if from > 0 {
			query.Set("from", strconv.FormatUint(from, 10))
		}
		err := c.Follow(ctx, "/events/stream", query, func(raw json.RawMessage) error {
			var entry relay.LogEntry
			if err := json.Unmarshal(raw, &entry); err != nil {
				return err
			}
			from, first = entry.Sequence+1, false
			if err := see(entry, raw); err != nil {
				return errors.Join(stopped, err)
			}
			return nil
		})
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, stopped) || first && err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

func eventTail(a *App) *cobra.Command {
	var eventType string
	var from uint64
	cmd := &cobra.Command{
		Use: "tail", Short: "Show events as they come, until interrupted",
		Example: "  edrelay event tail\n  edrelay event tail --type 'org.openedx.learning.*' --output json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.follow(cmd.Context(), eventType, from, func(e relay.LogEntry, raw json.RawMessage) error {
				if a.wantsJSON() {
					_, err := fmt.Fprintf(a.Out, "%s\n", raw)
					return err
				}
				_, err := fmt.Fprintf(a.Out, "%s  %8d  %s  %s\n", e.Time.Local().Format("15:04:05"), e.Sequence, table.Clean(e.Type), table.Clean(e.ID))
				return err
			})
		},
	}
	cmd.Flags().StringVar(&eventType, "type", "", "exact type, or a prefix ending in *")
	cmd.Flags().Uint64Var(&from, "from", 0, "begin at this sequence; without it with what comes from now on")
	return cmd
}

func eventPublish(a *App) *cobra.Command {
	var ask console.PublishRequest
	var data string
	cmd := &cobra.Command{
		Use: "publish TYPE", Short: "Put an event on the log",
		Long: "Put an event on the log. It is durable when the command ends, and goes to every subscription that wants its type.",
		Example: `  edrelay event publish org.example.course.finished.v1 --data '{"course": {"id": 7}}'
  edrelay event publish org.example.course.finished.v1 --data @event.json
  jq . event.json | edrelay event publish org.example.course.finished.v1 --data -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			raw, err := a.readData(data)
			if err != nil {
				return err
			}
			if !json.Valid(raw) {
				return usageError{cmd.CommandPath(), errors.New("--data must be a JSON object")}
			}
			ask.Type, ask.Data = args[0], raw
			c, err := a.remote()
			if err != nil {
				return err
			}
			var made console.Published
			if err := c.Post(cmd.Context(), "/events", ask, &made); err != nil {
				return err
			}
			if a.wantsJSON() {
				return a.printJSON(made)
			}
			return table.Write(a.screen(), []relay.Event{made.Event}, eventColumns(a.now()))
		},
	}
	cmd.Flags().StringVar(&data, "data", "{}", "the payload: JSON, @FILE, or - for stdin")
	cmd.Flags().StringVar(&ask.ID, "id", "", "id of the event; made when left out")
	cmd.Flags().StringVar(&ask.Source, "source", "", "CloudEvents source; /edrelay/operator when left out")
	cmd.Flags().StringVar(&ask.Subject, "subject", "", "CloudEvents subject")
	return cmd
}

const maxData = 1 << 20

func (a *App) readData(data string) ([]byte, error) {
	switch name, file := strings.CutPrefix(data, "@"); {
	case file:
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, &relay.Error{Code: relay.CodeInvalid, Message: "the file of --data can't be read", Err: err}
		}
		return raw, nil
	case data == "-":
		return io.ReadAll(io.LimitReader(a.In, maxData+1))
	}
	return []byte(data), nil
}
