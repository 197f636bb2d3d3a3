package console

import (
	"bufio"
	"context"
	"encoding/json"
	"strings"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

// mediaLines asks for a line for each step of a long work, the last with what came of it.
const mediaLines = "application/x-ndjson"

const aboutLines = " With `Accept: application/x-ndjson` the answer is one JSON object a line: `step`, `scanned` and `total` while it goes on, " +
	"and at its end `result`, or `problem`."

// WorkLine is one line of a long work that is followed.
type WorkLine struct {
	Step    string   `json:"step,omitempty"`
	Scanned int64    `json:"scanned,omitempty"` // messages looked at
	Total   int64    `json:"total,omitempty"`   // of so many; 0: it is not counted
	Result  any      `json:"result,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

func (s *Service) learnerRoutes() []route {
	port := s.opts.Ports.Learners
	if port == nil {
		return nil
	}
	return []route{
		{
			method: fiber.MethodPost, path: "/learners/show", role: relay.RoleOperator, tag: "learners", summary: "Everything that is held of a learner",
			about: "The address stands in the body so that no URL holds it. The whole log is read." + aboutLines,
			body:  relay.ShowLearner{}, answer: relay.Held{}, handle: s.showLearner,
		},
		{
			method: fiber.MethodPost, path: "/learners/forget", role: relay.RoleAdmin, tag: "learners", summary: "Erase a learner from log and ledger",
			about: "It goes on when the caller goes away, and may be asked for again at any time. A state of `incomplete` names in `blocked` what is left and why." + aboutLines,
			body:  relay.ForgetLearner{}, answer: relay.Erasure{}, handle: s.forgetLearner,
		},
		listRoute(s, route{path: "/erasures", role: relay.RoleViewer, tag: "learners", summary: "Who was forgotten when, without addresses"},
			func(values) listing[relay.Erasure] {
				return listing[relay.Erasure]{
					read: port.Erasures, mark: func(e relay.Erasure) relay.Mark { return relay.Mark{Time: e.StartedAt, ID: e.ID} },
				}
			}),
		{
			method: fiber.MethodGet, path: "/erasures/{id}", role: relay.RoleViewer, tag: "learners", summary: "One erasure and how far it is",
			answer: relay.Erasure{}, handle: func(c fiber.Ctx) error {
				id := c.Params("id")
				return answer(c, func(ctx context.Context) (relay.Erasure, error) { return port.Erasure(ctx, id) })
			},
		},
	}
}

func (s *Service) showLearner(c fiber.Ctx) error {
	var ask relay.ShowLearner
	if err := decode(c, &ask); err != nil {
		return err
	}
	return longWork(c, func(ctx context.Context, line func(WorkLine)) (relay.Held, error) {
		return s.opts.Ports.Learners.Show(ctx, ask, func(step string, scanned, total int64) {
			line(WorkLine{Step: step, Scanned: scanned, Total: total})
		})
	})
}

func (s *Service) forgetLearner(c fiber.Ctx) error {
	var ask relay.ForgetLearner
	if err := decode(c, &ask); err != nil {
		return err
	}
	by := operator(c)
	return longWork(c, func(ctx context.Context, line func(WorkLine)) (relay.Erasure, error) {
		return s.opts.Ports.Learners.Forget(ctx, ask, by, func(e relay.Erasure) {
			line(WorkLine{Step: e.Step, Scanned: e.Scanned, Total: e.Total})
		})
	})
}

// longWork answers with what work gives, or, for those who ask for lines, tells how far it is meanwhile. Work once begun
// goes on when the caller goes away.
func longWork[T any](c fiber.Ctx, work func(ctx context.Context, line func(WorkLine)) (T, error)) error {
	if !strings.Contains(c.Get(fiber.HeaderAccept), mediaLines) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), operationTimeout)
		defer cancel()
		result, err := work(ctx, func(WorkLine) {})
		if err != nil {
			return err
		}
		return c.JSON(result)
	}
	lines, failed := make(chan WorkLine, 16), make(chan error, 1)
	go func() {
		defer close(lines)
		ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
		defer cancel()
		result, err := work(ctx, func(l WorkLine) {
			select {
			case lines <- l:
			default: // the caller is slow or gone; the next line says more
			}
		})
		if err != nil {
			failed <- err
			return
		}
		select {
		case lines <- WorkLine{Result: result}:
		case <-ctx.Done(): // nobody reads
		}
	}()
	first, going := <-lines
	if !going {
		return <-failed
	}
	c.Set(fiber.HeaderContentType, mediaLines)
	c.Set("X-Accel-Buffering", "no")
	return c.SendStreamWriter(func(w *bufio.Writer) { writeLines(w, first, lines, failed) })
}

func writeLines(w *bufio.Writer, first WorkLine, lines <-chan WorkLine, failed <-chan error) {
	encoder := json.NewEncoder(w)
	write := func(l WorkLine) {
		_ = encoder.Encode(l) // the work goes on for a caller who is gone
		_ = w.Flush()
	}
	write(first)
	for l := range lines {
		write(l)
	}
	select {
	case err := <-failed:
		problem := problemOf(err)
		write(WorkLine{Problem: &problem})
	default:
	}
}
