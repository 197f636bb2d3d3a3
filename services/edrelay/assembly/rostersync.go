package assembly

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/lms"
)

// syncTime bounds one roster sync.
const syncTime = 10 * time.Minute

// rosterSync asks the LMS for its course runs and for whom and what pending requests miss; nil without an LMS.
func (g *Ground) rosterSync() (func(context.Context) (relay.RosterSync, error), error) {
	site, err := g.LMS()
	if site == nil || err != nil {
		return nil, err
	}
	return func(ctx context.Context) (relay.RosterSync, error) {
		ctx, cancel := context.WithTimeout(ctx, syncTime)
		defer cancel()
		sync := rosterSync{ground: g, site: site, at: time.Now()}
		if err := sync.listed(ctx); err != nil {
			return sync.result, err
		}
		return sync.result, sync.pending(ctx)
	}, nil
}

type rosterSync struct {
	ground *Ground
	site   *lms.Client
	at     time.Time
	result relay.RosterSync
}

// listed takes the course runs that the LMS lists.
func (s *rosterSync) listed(ctx context.Context) error {
	for page := 1; ; page++ {
		listed, more, verdict := s.site.Courses(ctx, page)
		if verdict.Kind != lms.Answered {
			return lmsAway(verdict)
		}
		runs := make([]relay.CourseRun, len(listed))
		for i, run := range listed {
			runs[i] = relay.CourseRun{CourseID: run.ID, Title: run.Title, Start: run.Start, SeenAt: s.at}
		}
		if err := s.ground.Store.AddCourseRuns(ctx, runs); err != nil {
			return err
		}
		if s.result.CourseRuns += len(runs); !more {
			return nil
		}
	}
}

// pending looks up whom and what pending requests miss, each once.
func (s *rosterSync) pending(ctx context.Context) error {
	rows, err := s.ground.Store.RosterPending(ctx, relay.Page{})
	if err != nil {
		return err
	}
	asked := map[string]bool{}
	for _, row := range rows {
		for _, look := range []struct {
			key string
			ask func(context.Context, string) error
		}{{row.Email, s.person}, {row.CourseID, s.course}} {
			if asked[look.key] || look.key == row.Email && row.Missing != relay.MissingPerson {
				continue
			}
			asked[look.key] = true
			if err := look.ask(ctx, look.key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *rosterSync) person(ctx context.Context, email string) error {
	account, verdict := s.site.Account(ctx, email)
	switch {
	case verdict.Kind != lms.Answered:
		return lmsAway(verdict)
	case !account.Exists:
		s.result.Unknown++
		return nil
	}
	s.result.People++
	return s.ground.Store.AddPeople(ctx, []relay.Person{{Email: email, Username: account.Username, SeenAt: s.at}})
}

func (s *rosterSync) course(ctx context.Context, id string) error {
	exists, verdict := s.site.Course(ctx, id)
	if verdict.Kind != lms.Answered {
		return lmsAway(verdict)
	}
	if !exists {
		return nil
	}
	s.result.CourseRuns++
	return s.ground.Store.AddCourseRuns(ctx, []relay.CourseRun{{CourseID: id, SeenAt: s.at}})
}

func lmsAway(verdict lms.Verdict) error {
	return &relay.Error{Code: relay.CodeUnavailable, Message: "The LMS did not answer: " + verdict.Reason,
		Hint: "`edrelay doctor` says what is wrong; what was taken so far stays."}
}
