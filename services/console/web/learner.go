package web

import (
	"context"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/edrelay/edrelay/internal/relay"
)

// Bounds of what is done with a learner: reading the log takes longer than other pages may.
const (
	searchTimeout  = 5 * time.Minute
	erasureTimeout = time.Hour
)

// learner shows everything that is held of one. It is a POST so that no address bar, history or proxy keeps the learner's
// address, and so that the audit trail has who looked.
func (s *site) learner(c fiber.Ctx, v *visit) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.ctx), searchTimeout)
	defer cancel()
	held, err := s.desk.Ports.Learners.Show(ctx, relay.ShowLearner{Address: clean(c.FormValue("address"))}, func(string, int64, int64) {})
	if err != nil {
		return err
	}
	return s.show(c, v, "learner", "", "Learner", held)
}

// forgetLearner begins to erase one and leads to the page that shows how far it is.
func (s *site) forgetLearner(c fiber.Ctx, v *visit) error {
	address, typed := clean(c.FormValue("address")), clean(c.FormValue("confirm"))
	if !strings.EqualFold(strings.TrimSpace(address), strings.TrimSpace(typed)) {
		return &relay.Error{Code: relay.CodeInvalid, Message: "The address that you typed is not the learner's, so nothing was erased.",
			Hint: "Search for the learner again and type the same address into the box."}
	}
	ask := relay.ForgetLearner{Address: address, IncludeParked: c.FormValue("include_parked") != ""}
	id, err := s.begin(ask, v.who)
	if err != nil {
		return err
	}
	return c.Redirect().Status(fiber.StatusSeeOther).To("/erasures/" + id)
}

// begin has the erasure go on by itself and gives its id.
func (s *site) begin(ask relay.ForgetLearner, by relay.Operator) (string, error) {
	begun, failed := make(chan string, 1), make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), erasureTimeout)
		defer cancel()
		_, err := s.desk.Ports.Learners.Forget(ctx, ask, by, func(e relay.Erasure) {
			select {
			case begun <- e.ID:
			default:
			}
		})
		failed <- err
	}()
	select {
	case id := <-begun:
		return id, nil
	case err := <-failed:
		if err != nil {
			return "", err
		}
		return <-begun, nil
	}
}

func (s *site) erasures(c fiber.Ctx, v *visit) error {
	rows, err := readRows(c, v.ctx, nil, s.desk.Ports.Learners.Erasures, func(e relay.Erasure) relay.Mark {
		return relay.Mark{Time: e.StartedAt, ID: e.ID}
	})
	if err != nil {
		return err
	}
	rows.Empty = emptyText{"Nobody was forgotten yet", "Search for a learner's address; the page of everything held of them has the button."}
	return s.show(c, v, "erasures", "/erasures", "Erasures", rows)
}

func (s *site) erasure(c fiber.Ctx, v *visit) error {
	one, err := s.desk.Ports.Learners.Erasure(v.ctx, named(c))
	if err != nil {
		return err
	}
	return s.show(c, v, "erasure", "/erasures", "Erasure "+one.ID, one)
}
