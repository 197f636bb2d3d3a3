package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// FilterApplyRequest declares filters; those that are not in it stay as they are unless Prune.
type FilterApplyRequest struct {
	Filters []json.RawMessage `json:"filters"` // each with the keys of a filter; what is left out takes its default
	DryRun  bool              `json:"dry_run"`
	Prune   bool              `json:"prune"`
}

// Changes says what an apply did, or would do.
type Changes struct {
	Changes []relay.Change `json:"changes"`
}

// FilterTestRequest chooses the made-up question of a test; an empty Filter is the filter's own class.
type FilterTestRequest struct {
	Filter string `json:"filter"`
}

func (s *Service) filterRoutes() []route {
	if s.opts.Ports.Filters == nil {
		return nil
	}
	const declaration = "Keys are those of the declaration file; what is left out takes its default. In force when this answers."
	one := route{tag: "filters", role: relay.RoleOperator, answer: relay.Filter{}}
	with := func(method, path, summary, about string, body any, status int, handle fiber.Handler) route {
		r := one
		r.method, r.path, r.summary, r.about, r.body, r.status, r.handle = method, path, summary, about, body, status, handle
		return r
	}
	show := with(fiber.MethodGet, "/filters/{name}", "One filter", "", nil, 0, s.named(s.opts.Ports.Filters.Filter))
	show.role = relay.RoleViewer
	apply := with(fiber.MethodPost, "/filters/apply", "Declare many filters, all or none", declaration, FilterApplyRequest{}, 0, s.applyFilters)
	apply.answer = Changes{}
	remove := with(fiber.MethodDelete, "/filters/{name}", "Remove a filter", "", nil, fiber.StatusNoContent, s.removeFilter)
	remove.answer = nil
	test := with(fiber.MethodPost, "/filters/{name}/test", "Ask a filter a made-up question", "Enabled or not; nothing is put on record.",
		FilterTestRequest{}, 0, s.testFilter)
	test.answer = relay.FilterTest{}
	return []route{
		s.filterList(), s.filterCallList(), apply, show,
		with(fiber.MethodPost, "/filters", "Declare a new filter", declaration, relay.Filter{}, fiber.StatusCreated, s.addFilter),
		with(fiber.MethodPatch, "/filters/{name}", "Change a filter", "What is left out stays. In force when this answers.", relay.Filter{}, 0, s.editFilter),
		with(fiber.MethodPost, "/filters/{name}/pause", "Don't ask a filter", "", nil, 0, s.enableFilter(false)),
		with(fiber.MethodPost, "/filters/{name}/resume", "Ask a filter again", "", nil, 0, s.enableFilter(true)),
		remove, test,
	}
}

func (s *Service) filterList() route {
	return listRoute(s, route{
		path: "/filters", role: relay.RoleViewer, tag: "filters", summary: "Filters, in the order in which they are asked",
		query: []param{oneOf("state", "Whether it is asked.", relay.FilterActive, relay.FilterPaused), text("filter", "Class of Open edX.")},
	}, func(v values) listing[relay.Filter] {
		state, class := relay.FilterState(v.text("state")), v.text("filter")
		return listing[relay.Filter]{
			read: func(ctx context.Context, p relay.Page) ([]relay.Filter, error) {
				all, err := s.opts.Ports.Filters.Filters(ctx)
				var rows []relay.Filter
				for _, f := range all {
					if filterKey(f) > p.Before.ID && len(rows) < p.Limit && (state == "" || f.State == state) && (class == "" || f.Filter == class) {
						rows = append(rows, f)
					}
				}
				return rows, err
			},
			mark: func(f relay.Filter) relay.Mark { return relay.Mark{ID: filterKey(f)} },
		}
	})
}

// filterKey sorts filters as they are asked.
func filterKey(f relay.Filter) string { return fmt.Sprintf("%s %09d %s", f.Filter, f.Position, f.Name) }

func (s *Service) filterCallList() route {
	return listRoute(s, route{
		path: "/filter-calls", role: relay.RoleViewer, tag: "filters", summary: "What filters were asked and what came of it, newest first",
		query: []param{
			text("name", "Name of the filter."), text("filter", "Class of Open edX."),
			oneOf("outcome", "What it came to.", relay.FilterChanged, relay.FilterHalted, relay.FilterUnchanged, relay.FilterFailed, relay.FilterSkipped),
			moment("since", "Asked at or after."), moment("until", "Asked before."),
		},
	}, func(v values) listing[relay.FilterCall] {
		query := relay.FilterCallQuery{
			Name: v.text("name"), Filter: v.text("filter"), Outcome: relay.FilterOutcome(v.text("outcome")), Since: v.time("since"), Until: v.time("until"),
		}
		return listing[relay.FilterCall]{
			read: func(ctx context.Context, p relay.Page) ([]relay.FilterCall, error) {
				query := query
				query.Page = p
				return s.opts.Ports.Filters.FilterCalls(ctx, query)
			},
			mark: func(call relay.FilterCall) relay.Mark { return relay.Mark{Time: call.At, ID: call.ID} },
		}
	})
}

// named answers with what work gives for the name in the path.
func (s *Service) named(work func(context.Context, string) (relay.Filter, error)) fiber.Handler {
	return func(c fiber.Ctx) error {
		name, err := url.PathUnescape(c.Params("name"))
		if err != nil {
			return relay.ErrNotFound
		}
		return answer(c, func(ctx context.Context) (relay.Filter, error) { return work(ctx, name) })
	}
}

func (s *Service) addFilter(c fiber.Ctx) error {
	var declaration json.RawMessage
	if err := decode(c, &declaration); err != nil {
		return err
	}
	c.Status(fiber.StatusCreated)
	return answer(c, func(ctx context.Context) (relay.Filter, error) {
		return s.opts.Ports.Filters.AddFilter(ctx, declaration)
	})
}

func (s *Service) editFilter(c fiber.Ctx) error {
	var change json.RawMessage
	if err := decode(c, &change); err != nil {
		return err
	}
	return s.named(func(ctx context.Context, name string) (relay.Filter, error) {
		return s.opts.Ports.Filters.EditFilter(ctx, name, change)
	})(c)
}

func (s *Service) enableFilter(enabled bool) fiber.Handler {
	return s.named(func(ctx context.Context, name string) (relay.Filter, error) {
		return s.opts.Ports.Filters.EnableFilter(ctx, name, enabled)
	})
}

func (s *Service) removeFilter(c fiber.Ctx) error {
	name, err := url.PathUnescape(c.Params("name"))
	if err != nil {
		return relay.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(c.Context(), readTimeout)
	defer cancel()
	if err := s.opts.Ports.Filters.RemoveFilter(ctx, name); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Service) applyFilters(c fiber.Ctx) error {
	var ask FilterApplyRequest
	if err := decode(c, &ask); err != nil {
		return err
	}
	return answer(c, func(ctx context.Context) (Changes, error) {
		changes, err := s.opts.Ports.Filters.ApplyFilters(ctx, ask.Filters, ask.DryRun, ask.Prune)
		return Changes{append([]relay.Change{}, changes...)}, err
	})
}

func (s *Service) testFilter(c fiber.Ctx) error {
	var ask FilterTestRequest
	if len(c.Body()) > 0 {
		if err := decode(c, &ask); err != nil {
			return err
		}
	}
	name, err := url.PathUnescape(c.Params("name"))
	if err != nil {
		return relay.ErrNotFound
	}
	return answer(c, func(ctx context.Context) (relay.FilterTest, error) {
		return s.opts.Ports.Filters.TestFilter(ctx, name, ask.Filter)
	})
}
