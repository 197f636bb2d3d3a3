package command

import (
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// order is one request that changes something.
type order struct {
	method, path string // path is below /api/v1
	body         any
}

func post(path string, body any) order { return order{http.MethodPost, path, body} }

// at gives the path of one thing, or of what is done to it.
func at(collection, id, verb string) string {
	path := "/" + collection + "/" + url.PathEscape(id)
	if verb != "" {
		path += "/" + verb
	}
	return path
}

// ordering makes one order a command's work: programs get the answer as it is, people what say writes of it.
func ordering[T any](a *App, make func(args []string) order, say func(T) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := a.remote()
		if err != nil {
			return err
		}
		o := make(args)
		var answer T
		if err := c.Send(cmd.Context(), o.method, o.path, o.body, &answer); err != nil {
			return misuse(cmd, err)
		}
		if a.wantsJSON() {
			return a.printJSON(answer)
		}
		return say(answer)
	}
}
