package roster

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// news is what one event tells of people and course runs.
type news struct {
	people []relay.Person
	runs   []relay.CourseRun
}

// payload is the part of the events' data that tells of them. Each event has one data key, with these inside.
type payload struct {
	PII    *pii    `json:"pii"`
	User   *user   `json:"user"`
	Course *course `json:"course"`
	course
}

type user struct {
	PII *pii `json:"pii"`
}

type pii struct {
	Username string `json:"username"`
	Email    string `json:"email"`
	Name     string `json:"name"`
}

type course struct {
	CourseKey   string `json:"course_key"`
	DisplayName string `json:"display_name"`
	Name        string `json:"name"`
	Start       string `json:"start"`
	Schedule    struct {
		Start string `json:"start"`
	} `json:"schedule_data"`
}

// newsOf reads an event; one that tells nothing, or can't be read, gives none.
func newsOf(m relay.Message) news {
	var data map[string]json.RawMessage
	if json.Unmarshal(m.Body, &data) != nil {
		return news{}
	}
	var found news
	for _, raw := range data {
		var p payload
		if json.Unmarshal(raw, &p) != nil {
			continue
		}
		if p.User != nil && p.PII == nil {
			p.PII = p.User.PII
		}
		found.person(p.PII, m.Time)
		found.run(p.course, m.Time)
		if p.Course != nil {
			found.run(*p.Course, m.Time)
		}
	}
	return found
}

func (n *news) person(p *pii, at time.Time) {
	if p == nil || !strings.Contains(p.Email, "@") {
		return
	}
	n.people = append(n.people, relay.Person{Email: strings.TrimSpace(p.Email), Username: p.Username, Name: p.Name, SeenAt: at})
}

func (n *news) run(c course, at time.Time) {
	if !IsCourseRun(c.CourseKey) {
		return // a role of a whole organisation, for one, names no course
	}
	run := relay.CourseRun{CourseID: c.CourseKey, Title: c.DisplayName, SeenAt: at}
	if run.Title == "" {
		run.Title = c.Name
	}
	for _, text := range []string{c.Start, c.Schedule.Start} {
		if start, err := parseTime(text); err == nil {
			run.Start = &start
			break
		}
	}
	n.runs = append(n.runs, run)
}

// IsCourseRun tells whether text looks like the key of a course run: course-v1:org+course+run, or the old form with
// slashes.
func IsCourseRun(text string) bool {
	if len(text) > 255 || strings.ContainsAny(text, " \t\r\n") {
		return false
	}
	if rest, is := strings.CutPrefix(text, "course-v1:"); is {
		return strings.Count(rest, "+") == 2
	}
	return strings.Count(text, "/") == 2
}

func parseTime(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05", text)
	}
	if err != nil {
		at, err = time.Parse(time.DateOnly, text)
	}
	return at.UTC(), err
}
