package console

import (
	"context"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

func (s *Service) replayRoutes() []route {
	port := s.opts.Ports.Replays
	if port == nil {
		return nil
	}
	one := func(path, summary string, work func(context.Context, string) (relay.Replay, error)) route {
		return route{
			method: fiber.MethodPost, path: path, role: relay.RoleOperator, tag: "replays", summary: summary, answer: relay.Replay{},
			handle: func(c fiber.Ctx) error {
				id := c.Params("id")
				return answer(c, func(ctx context.Context) (relay.Replay, error) { return work(ctx, id) })
			},
		}
	}
	show := one("/replays/{id}", "One replay", port.Replay)
	show.method, show.role = fiber.MethodGet, relay.RoleViewer
	return []route{
		s.replayList(), show,
		{
			method: fiber.MethodPost, path: "/replays", role: relay.RoleOperator, tag: "replays", summary: "Start a replay",
			about: "It ends at what is the newest of the log now.", body: relay.ReplayRequest{}, answer: relay.Replay{}, status: fiber.StatusCreated,
			handle: s.startReplay,
		},
		{
			method: fiber.MethodPost, path: "/replays/plan", role: relay.RoleViewer, tag: "replays", summary: "Say exactly what a replay would do, and do nothing",
			body: relay.ReplayRequest{}, answer: relay.ReplayPlan{}, handle: func(c fiber.Ctx) error { return operate(c, port.PlanReplay) },
		},
		one("/replays/{id}/pause", "Pause a replay", port.PauseReplay),
		one("/replays/{id}/resume", "Let a paused or failed replay go on", port.ResumeReplay),
		one("/replays/{id}/cancel", "End a replay", port.CancelReplay),
	}
}

func (s *Service) replayList() route {
	return listRoute(s, route{
		path: "/replays", role: relay.RoleViewer, tag: "replays", summary: "Replays, newest first",
		query: []param{oneOf("state", "Where it stands.", replayStates...)},
	}, func(v values) listing[relay.Replay] {
		state := relay.ReplayState(v.text("state"))
		return listing[relay.Replay]{
			read: func(ctx context.Context, p relay.Page) ([]relay.Replay, error) {
				return s.opts.Ports.Replays.Replays(ctx, relay.ReplayQuery{Page: p, State: state})
			},
			mark: func(r relay.Replay) relay.Mark { return relay.Mark{Time: r.CreatedAt, ID: r.ID} },
		}
	})
}

var replayStates = []relay.ReplayState{
	relay.ReplayRunning, relay.ReplayPaused, relay.ReplayDone, relay.ReplayCancelled, relay.ReplayFailed,
}

func (s *Service) startReplay(c fiber.Ctx) error {
	by := operator(c).Name
	c.Status(fiber.StatusCreated)
	return operate(c, func(ctx context.Context, ask relay.ReplayRequest) (relay.Replay, error) {
		return s.opts.Ports.Replays.StartReplay(ctx, ask, by)
	})
}
