package roster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/edrelay/edrelay/internal/bus"
	"github.com/edrelay/edrelay/internal/embedded/embeddedtest"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/store"
	"github.com/edrelay/edrelay/internal/store/storetest"
	"github.com/edrelay/edrelay/services/ingress/roster"
)

const course = "course-v1:edX+DemoX+Demo"

// start runs the service on a real log and ledger.
func start(t *testing.T) (*bus.Bus, *store.Store) {
	t.Helper()
	log, err := bus.Connect(t.Context(), bus.Config{URL: embeddedtest.NATS(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	if err := log.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	ledger := storetest.Open(t)
	events, err := log.Consumer(t.Context(), bus.ConsumerConfig{Stream: relay.StreamEvents, Durable: "roster", Subjects: roster.Subjects()})
	if err != nil {
		t.Fatal(err)
	}
	service, err := roster.New(roster.Options{Ledger: ledger, Events: events, Publisher: log, Pause: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		events.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return log, ledger
}

func tell(t *testing.T, log *bus.Bus, eventType, body string) {
	t.Helper()
	_, err := log.Publish(t.Context(), relay.Message{Subject: relay.EventSubject(eventType), ID: eventType + body[:min(len(body), 20)],
		Type: eventType, Source: "openedx/lms/web", Time: time.Now(), ContentType: "application/json", Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
}

func TestARequestThatCameTooEarlyIsDoneOnceItsPersonAndCourseAreKnown(t *testing.T) {
	t.Parallel()
	log, ledger := start(t)
	tests := []string{"not JSON", `[]`, `{"user":7}`, `{"user":{"pii":{"email":"no address"}}}`, `{"course":{"course_key":null}}`}
	for _, body := range tests {
		tell(t, log, "org.openedx.learning.student.registration.completed.v1", body)
	}
	if _, err := ledger.Enroll(t.Context(), relay.RosterRequest{Email: "ada@example.com", CourseID: course, Mode: "verified", Retry: true}); err == nil {
		t.Fatal("an unknown person is enrolled")
	}
	tell(t, log, "org.openedx.learning.student.registration.completed.v1",
		`{"user":{"id":7,"is_active":true,"pii":{"username":"ada","email":"Ada@example.com","name":"Ada"}}}`)
	tell(t, log, "org.openedx.content_authoring.course.catalog_info.changed.v1",
		`{"catalog_info":{"course_key":"`+course+`","name":"Demo","schedule_data":{"start":"2026-01-01T00:00:00+00:00"},"hidden":false}}`)
	deadline := time.Now().Add(20 * time.Second)
	for {
		m, err := log.LastMessage(t.Context(), relay.StreamEvents, relay.EventSubject(relay.EventRosterCreated))
		if err == nil {
			if body := string(m.Body); !strings.Contains(body, `"course_id":"`+course+`"`) || !strings.Contains(body, `"mode":"verified"`) {
				t.Errorf("event %s", body)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no event of the new record: ", err)
		}
	}
	list, err := ledger.Roster(t.Context(), relay.RosterQuery{})
	if err != nil || len(list) != 1 || list[0].Email != "Ada@example.com" || !list[0].Active {
		t.Errorf("%+v %v", list, err)
	}
}

func TestAListIsReadLineByLine(t *testing.T) {
	t.Parallel()
	at := time.Now()
	people, err := roster.ReadList(roster.KindPeople, strings.NewReader(
		"\ufeffEmail, username ,name\nada@example.com,ada,\"Lovelace, Ada\"\nnobody,x,y\n\nb@example.com\n\"broken\" x,1,2\nc@example.com,c,C\n"), at)
	if err != nil {
		t.Fatal(err)
	}
	if len(people.People) != 3 || people.People[0] != (relay.Person{Email: "ada@example.com", Username: "ada", Name: "Lovelace, Ada", SeenAt: at}) {
		t.Errorf("people %+v", people.People)
	}
	if len(people.Errors) != 2 || people.Errors[0].Line != 3 || people.Errors[1].Line != 6 {
		t.Errorf("errors %+v", people.Errors)
	}
	courses, err := roster.ReadList(roster.KindCourses, strings.NewReader(
		"title,course_id,start\nA,course-v1:o+c+r,2026-01-31\nB,o/c/r,\nC,wrong,\nD,course-v1:o+c+s,soon\n"), at)
	if err != nil || len(courses.Runs) != 2 || courses.Runs[0].Start == nil || courses.Runs[0].Title != "A" || len(courses.Errors) != 2 {
		t.Errorf("%+v %v", courses, err)
	}
	for name, text := range map[string]string{"empty": "", "other header": "name,age\nx,1\n"} {
		if _, err := roster.ReadList(roster.KindPeople, strings.NewReader(text), at); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := roster.ReadList("planets", strings.NewReader("a"), at); err == nil {
		t.Error("an unknown kind is read")
	}
}

func FuzzReadList(f *testing.F) {
	f.Add("people", "email,username,name\na@b,c,d\n")
	f.Add("courses", "course_id,title,start\ncourse-v1:a+b+c,d,2026-01-01\n\"")
	f.Fuzz(func(t *testing.T, kind, text string) {
		list, err := roster.ReadList(kind, strings.NewReader(text), time.Unix(0, 0))
		if err != nil {
			return
		}
		for _, p := range list.People {
			if !strings.Contains(p.Email, "@") {
				t.Errorf("person %+v", p)
			}
		}
		for _, run := range list.Runs {
			if !roster.IsCourseRun(run.CourseID) {
				t.Errorf("run %+v", run)
			}
		}
	})
}
