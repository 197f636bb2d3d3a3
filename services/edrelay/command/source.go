package command

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/edrelay/table"
)

func sourceCommand(a *App) *cobra.Command {
	return family("source", "Sources of webhooks, and a signed test webhook to one", sourceList(a), sourceTest(a))
}

func sourceList(a *App) *cobra.Command {
	return listCommand(a, listing[relay.Source]{
		short: "List the configured sources", example: "  edrelay source ls", path: "/sources",
		columns: func(time.Time) []table.Column[relay.Source] {
			return []table.Column[relay.Source]{
				column("NAME", func(s relay.Source) string { return s.Name }),
				column("KIND", func(s relay.Source) string { return s.Kind }),
				stateColumn(func(s relay.Source) string { return s.State }),
				number("SECRETS", func(s relay.Source) string { return strconv.Itoa(s.Secrets) }),
				wide("PATHS", func(s relay.Source) string { return strings.Join(s.Paths, " ") }),
			}
		},
		empty: "No source is configured. Set one in edrelay.yaml under `sources`, or EDRELAY_SHOPIFY_SHOP_DOMAIN and EDRELAY_SHOPIFY_SECRET.",
	})
}

func sourceTest(a *App) *cobra.Command {
	return &cobra.Command{
		Use: "test NAME", Short: "Post a signed test webhook of a source to the running edrelay",
		Long: `Post a signed test webhook of a source to the door of the running edrelay, as the sender would.
Its order is marked as a test and enrols nobody. Exit status 0 says that the door took it.`,
		Example: "  edrelay source test shopify",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.remote()
			if err != nil {
				return err
			}
			var result relay.SourceTest
			if err := c.Post(cmd.Context(), "/sources/"+url.PathEscape(args[0])+"/test", nil, &result); err != nil {
				return err
			}
			if err := a.printSourceTest(result); err != nil {
				return err
			}
			if !result.OK {
				return quietError{}
			}
			return nil
		},
	}
}

func (a *App) printSourceTest(r relay.SourceTest) error {
	if a.wantsJSON() {
		return a.printJSON(r)
	}
	color := table.Good
	if !r.OK {
		color = table.Bad
	}
	return a.printFields([]field{
		{"source", r.Source, table.Plain}, {"posted to", r.URL, table.Plain},
		{"answer", strconv.Itoa(r.Status), color}, {"body", r.Answer, table.Plain},
		{"took", table.Duration(time.Duration(r.DurationMS) * time.Millisecond), table.Plain},
	})
}
