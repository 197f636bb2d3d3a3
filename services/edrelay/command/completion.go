package command

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/services/edrelay/client"
)

// completable says where the shell finds what a family's commands are told, and which field of a row that is.
var completable = map[string]struct{ path, field string }{
	"subscription": {"/subscriptions", "name"},
	"filter":       {"/filters", "name"},
	"source":       {"/sources", "name"},
	"nats-user":    {"/nats-users", "name"},
	"webhook":      {"/webhooks", "id"},
	"enrollment":   {"/enrollments", "id"},
	"event":        {"/events", "id"},
	"delivery":     {"/deliveries", "id"},
	"replay":       {"/replays", "id"},
	"token":        {"/tokens", "id"},
	"key":          {"/keys", "id"},
	"client":       {"/clients", "client_id"},
}

// Bounds of what the shell is offered: it asks at every press of a key.
const (
	completeMost   = 100
	completeWithin = 2 * time.Second
)

// completeNames has the shell complete names and ids of what the running edrelay has: arguments by their family, flags by
// their name.
func (a *App) completeNames(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		a.completeNames(sub)
	}
	if parent := cmd.Parent(); parent != nil {
		_, argument, takes := strings.Cut(cmd.Use, " ")
		if _, known := completable[parent.Name()]; known && cmd.ValidArgsFunction == nil && takes && (strings.HasPrefix(argument, "NAME") || strings.Contains(argument, "ID")) && cmd.Name() != "add" {
			cmd.ValidArgsFunction = a.complete(parent.Name(), true)
		}
	}
	for _, name := range []string{"subscription", "source", "filter"} {
		if cmd.Flags().Lookup(name) != nil {
			// Fails only where the command completes it by itself already.
			_ = cmd.RegisterFlagCompletionFunc(name, a.complete(name, false))
		}
	}
}

func (a *App) complete(family string, once bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if once && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		from := completable[family]
		c, err := a.remote()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		var found []string
		_, err = client.Each(ctx, c, from.path, url.Values{}, completeMost, func(row map[string]any) error {
			if text := fmt.Sprint(row[from.field]); row[from.field] != nil && strings.HasPrefix(text, begun) {
				found = append(found, text)
			}
			return nil
		})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}
