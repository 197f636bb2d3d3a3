package console

import (
	"context"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

func (s *Service) sourceRoutes() []route {
	if s.opts.Ports.Sources == nil {
		return nil
	}
	return []route{
		listRoute(s, route{path: "/sources", role: relay.RoleViewer, tag: "sources", summary: "Configured senders, by name"}, func(values) listing[relay.Source] {
			return listing[relay.Source]{
				read: s.sources,
				mark: func(src relay.Source) relay.Mark { return relay.Mark{ID: src.Name} },
			}
		}),
		{
			method: fiber.MethodPost, path: "/sources/{name}/test", role: relay.RoleOperator, tag: "sources",
			summary: "Post a signed test webhook of the source to the door", answer: relay.SourceTest{},
			handle: func(c fiber.Ctx) error {
				name := c.Params("name")
				return answer(c, func(ctx context.Context) (relay.SourceTest, error) { return s.opts.Ports.Sources.TestSource(ctx, name) })
			},
		},
	}
}

// sources pages through the configuration, which is short and sorted by name.
func (s *Service) sources(ctx context.Context, p relay.Page) ([]relay.Source, error) {
	all, err := s.opts.Ports.Sources.Sources(ctx)
	if err != nil {
		return nil, err
	}
	var rows []relay.Source
	for _, src := range all {
		if src.Name > p.Before.ID && len(rows) < p.Limit {
			if src.Paths == nil {
				src.Paths = []string{}
			}
			if src.Settings == nil {
				src.Settings = map[string]string{}
			}
			rows = append(rows, src)
		}
	}
	return rows, nil
}
