package web

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v3"
)

// doneTexts say what was done, on the page that follows a change; {n} and {m} are counts.
var doneTexts = map[string]string{
	"retried":        "It is tried again now.",
	"retried-all":    "{n} enrolments are tried again now.",
	"accepted":       "It passes now and is worked like a new one.",
	"refused":        "It is still refused, for the reason below.",
	"reverified":     "{n} pass now and are worked like new ones; {m} are still refused.",
	"paused":         "It is paused; its backlog is kept.",
	"resumed":        "It goes on.",
	"filter-paused":  "The filter is not asked any more, in every process.",
	"filter-resumed": "The filter is asked again, in every process.",

	"started": "The replay is on its way.",

	"replay-running":   "The replay goes on.",
	"replay-paused":    "The replay is paused.",
	"replay-cancelled": "The replay is cancelled.",

	"saved": "Saved.",
}

// doneText gives the words for an address that a change led to. Only numbers are taken from it.
func doneText(c fiber.Ctx) string {
	number := func(name string) string {
		n, _ := strconv.Atoi(c.Query(name))
		return strconv.Itoa(n)
	}
	return strings.NewReplacer("{n}", number("n"), "{m}", number("m")).Replace(doneTexts[c.Query("done")])
}
