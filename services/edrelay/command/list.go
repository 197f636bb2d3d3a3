package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/services/edrelay/client"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

// listing is an `ls` command: rows of T from one resource of the REST API.
type listing[T any] struct {
	short   string
	example string
	path    string // below /api/v1
	states  []string
	filters []filter
	columns func(now time.Time) []table.Column[T]
	empty   string // said when there is no row, with what to do next
}

// filter is a flag that becomes a query parameter of the same name, dashes as underscores.
type filter struct {
	name, usage string
	is          bool     // a switch
	values      []string // what it may be; none: anything
}

const watchPause = 2 * time.Second

func listCommand[T any](a *App, l listing[T]) *cobra.Command {
	cmd := &cobra.Command{Use: "ls", Aliases: []string{"list"}, Short: l.short, Example: l.example}
	limit := cmd.Flags().Int("limit", 50, "rows at most; 0 = all")
	watch := cmd.Flags().BoolP("watch", "w", false, "show it again every two seconds until interrupted")
	if len(l.states) > 0 {
		l.filters = append([]filter{{name: "state", usage: "only rows in this state: " + strings.Join(l.states, ", "), values: l.states}}, l.filters...)
	}
	for _, f := range l.filters {
		f.declare(cmd)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		query, err := l.query(cmd, *limit)
		if err != nil {
			return err
		}
		c, err := a.remote()
		if err != nil {
			return err
		}
		if !*watch {
			return misuse(cmd, l.print(cmd.Context(), a, c, query, *limit))
		}
		return a.watch(cmd.Context(), func(ctx context.Context) error { return l.print(ctx, a, c, query, *limit) })
	}
	return cmd
}

func (f filter) declare(cmd *cobra.Command) {
	if f.is {
		cmd.Flags().Bool(f.name, false, f.usage)
		return
	}
	cmd.Flags().String(f.name, "", f.usage)
	if len(f.values) > 0 {
		// The flag was made two lines above, so this can't fail.
		_ = cmd.RegisterFlagCompletionFunc(f.name, cobra.FixedCompletions(f.values, cobra.ShellCompDirectiveNoFileComp))
	}
}

// query makes the flags that were set the query, and refuses values that mean nothing.
func (l listing[T]) query(cmd *cobra.Command, limit int) (url.Values, error) {
	if limit < 0 {
		return nil, usageError{cmd.CommandPath(), fmt.Errorf("--limit must be 0 or more")}
	}
	query := url.Values{}
	for _, f := range l.filters {
		flag := cmd.Flags().Lookup(f.name)
		if !flag.Changed || flag.Value.String() == "" {
			continue
		}
		if value := flag.Value.String(); len(f.values) > 0 && !slices.Contains(f.values, value) {
			return nil, usageError{cmd.CommandPath(), fmt.Errorf("--%s must be one of %s", f.name, strings.Join(f.values, ", "))}
		}
		query.Set(strings.ReplaceAll(f.name, "-", "_"), flag.Value.String())
	}
	return query, nil
}

func (l listing[T]) print(ctx context.Context, a *App, c *client.Client, query url.Values, limit int) error {
	if a.wantsJSON() {
		return printRows(ctx, a.Out, c, l.path, query, limit)
	}
	rows := []T{}
	more, err := client.Each(ctx, c, l.path, query, limit, func(row T) error {
		rows = append(rows, row)
		return nil
	})
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		a.note("%s", l.empty)
		return nil
	}
	if err := table.Write(a.screen(), rows, l.columns(time.Now())); err != nil {
		return err
	}
	if more && a.terminal() {
		a.note("\nThese are the newest %d; --limit 0 shows all.", len(rows))
	}
	return nil
}

// printRows writes a JSON array, row by row as the server sends them.
func printRows(ctx context.Context, out io.Writer, c *client.Client, path string, query url.Values, limit int) error {
	begin, count := "[\n  ", 0
	_, err := client.Each(ctx, c, path, query, limit, func(row json.RawMessage) error {
		_, err := fmt.Fprintf(out, "%s%s", begin, row)
		begin = ",\n  "
		count++
		return err
	})
	if err != nil {
		return err
	}
	end := "\n]\n"
	if count == 0 {
		end = "[]\n"
	}
	_, err = io.WriteString(out, end)
	return err
}

// watch shows something again and again until the context ends; on a terminal in the same place.
func (a *App) watch(ctx context.Context, show func(context.Context) error) error {
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	for {
		if a.terminal() && !a.wantsJSON() {
			fmt.Fprint(a.Out, "\x1b[H\x1b[2J")
		}
		if err := show(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// column makes a column of plain text.
func column[T any](title string, text func(T) string) table.Column[T] {
	return table.Column[T]{Title: title, Text: text}
}

// wide makes a column that is shortened first.
func wide[T any](title string, text func(T) string) table.Column[T] {
	return table.Column[T]{Title: title, Text: text, Wide: true}
}

// number makes a column that is aligned right.
func number[T any](title string, text func(T) string) table.Column[T] {
	return table.Column[T]{Title: title, Text: text, Right: true}
}

// stateColumn makes the coloured column of a state.
func stateColumn[T any](state func(T) string) table.Column[T] {
	return table.Column[T]{Title: "STATE", Text: state, Color: func(row T) table.Color { return stateColor(state(row)) }}
}
