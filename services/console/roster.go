package console

import (
	"context"
	"strings"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/gofiber/fiber/v3"
)

// mostImported is how many rows one import may bring.
const mostImported = 1000

// RosterPeople brings people into the roster.
type RosterPeople struct {
	People []relay.Person `json:"people"` // at most 1000
}

// RosterCourses brings course runs into the roster.
type RosterCourses struct {
	Courses []relay.CourseRun `json:"courses"` // at most 1000
}

// RosterTaken says how many rows were taken.
type RosterTaken struct {
	Taken int `json:"taken"`
}

func (s *Service) rosterRoutes() []route {
	if s.opts.Ports.Roster == nil {
		return nil
	}
	routes := []route{
		listRoute(s, route{path: "/roster", role: relay.RoleViewer, tag: "roster", summary: "Who is in which course run",
			query: []param{oneOf[string]("state", "Whether it counts.", "active", "inactive"), text("email", "Address, without case."), text("course_id", "Course run.")}},
			s.rosterListing),
		listRoute(s, route{path: "/roster/pending", role: relay.RoleViewer, tag: "roster", summary: "Requests for people and course runs that the roster does not know"},
			func(values) listing[relay.RosterPending] {
				return listing[relay.RosterPending]{
					read: s.opts.Ports.Roster.RosterPending,
					mark: func(p relay.RosterPending) relay.Mark { return numberMark(p.ID) },
				}
			}),
		{
			method: fiber.MethodPost, path: "/roster/{id}/deactivate", role: relay.RoleAdmin, tag: "roster", summary: "End an entry of the roster",
			about: "The next request for it makes it active again.", answer: relay.RosterEntry{}, handle: s.deactivateRoster,
		},
		{
			method: fiber.MethodPost, path: "/roster/people", role: relay.RoleAdmin, tag: "roster", summary: "Bring people into the roster",
			body: RosterPeople{}, answer: RosterTaken{}, handle: s.importPeople,
		},
		{
			method: fiber.MethodPost, path: "/roster/courses", role: relay.RoleAdmin, tag: "roster", summary: "Bring course runs into the roster",
			body: RosterCourses{}, answer: RosterTaken{}, handle: s.importCourses,
		},
	}
	if s.opts.Ports.SyncRoster == nil {
		return routes
	}
	return append(routes, route{
		method: fiber.MethodPost, path: "/roster/sync", role: relay.RoleAdmin, tag: "roster", summary: "Ask the LMS for course runs and for the people who are missing",
		answer: relay.RosterSync{}, handle: func(c fiber.Ctx) error {
			result, err := s.opts.Ports.SyncRoster(c.Context())
			if err != nil {
				return err
			}
			return c.JSON(result)
		},
	})
}

func (s *Service) rosterListing(v values) listing[relay.RosterEntry] {
	q := relay.RosterQuery{State: v.text("state"), Email: v.text("email"), CourseID: v.text("course_id")}
	return listing[relay.RosterEntry]{
		read: func(ctx context.Context, p relay.Page) ([]relay.RosterEntry, error) {
			q := q
			q.Page = p
			return s.opts.Ports.Roster.Roster(ctx, q)
		},
		mark: func(e relay.RosterEntry) relay.Mark { return numberMark(e.ID) },
	}
}

func (s *Service) deactivateRoster(c fiber.Ctx) error {
	id, err := numberParam(c, "id")
	if err != nil {
		return err
	}
	return answer(c, func(ctx context.Context) (relay.RosterEntry, error) {
		return s.opts.Ports.Roster.DeactivateRoster(ctx, id)
	})
}

func (s *Service) importPeople(c fiber.Ctx) error {
	var ask RosterPeople
	if err := decode(c, &ask); err != nil {
		return err
	}
	if err := checkRows(len(ask.People)); err != nil {
		return err
	}
	for i := range ask.People {
		if local, domain, found := strings.Cut(ask.People[i].Email, "@"); !found || local == "" || domain == "" || len(ask.People[i].Email) > 254 {
			return relay.Errorf(relay.CodeInvalid, "people[%d].email is no address", i)
		}
		ask.People[i].SeenAt = s.opts.Now()
	}
	return answer(c, func(ctx context.Context) (RosterTaken, error) {
		return RosterTaken{len(ask.People)}, s.opts.Ports.Roster.AddPeople(ctx, ask.People)
	})
}

func (s *Service) importCourses(c fiber.Ctx) error {
	var ask RosterCourses
	if err := decode(c, &ask); err != nil {
		return err
	}
	if err := checkRows(len(ask.Courses)); err != nil {
		return err
	}
	for i := range ask.Courses {
		if id := ask.Courses[i].CourseID; id == "" || len(id) > 255 {
			return relay.Errorf(relay.CodeInvalid, "courses[%d].course_id must have 1 to 255 characters", i)
		}
		ask.Courses[i].SeenAt = s.opts.Now()
	}
	return answer(c, func(ctx context.Context) (RosterTaken, error) {
		return RosterTaken{len(ask.Courses)}, s.opts.Ports.Roster.AddCourseRuns(ctx, ask.Courses)
	})
}

func checkRows(count int) error {
	if count == 0 || count > mostImported {
		return relay.Errorf(relay.CodeInvalid, "1 to %d rows are wanted at a time", mostImported)
	}
	return nil
}
