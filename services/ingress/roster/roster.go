// Package roster keeps edrelay's record of people and course runs up to date: from Open edX events, from lists that
// operators import, and from the LMS; and works off requests that waited for them.
package roster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// Subjects of the events that tell of people and course runs.
func Subjects() []string {
	subjects := make([]string, len(eventTypes))
	for i, eventType := range eventTypes {
		subjects[i] = relay.EventSubject(eventType)
	}
	return subjects
}

// eventTypes that carry a person, a course run, or both. A login tells of a changed address.
var eventTypes = []string{
	"org.openedx.learning.student.registration.completed.v1",
	"org.openedx.learning.auth.session.login.completed.v1",
	"org.openedx.learning.course.enrollment.created.v1",
	"org.openedx.learning.course.enrollment.changed.v1",
	"org.openedx.learning.user.course_access_role.added.v1",
	"org.openedx.content_authoring.course.created.v1",
	"org.openedx.content_authoring.course.catalog_info.changed.v1",
}

// Ledger keeps the roster.
type Ledger interface {
	AddPeople(ctx context.Context, people []relay.Person) error
	AddCourseRuns(ctx context.Context, runs []relay.CourseRun) error
	ResolvePending(ctx context.Context, limit int) (int, error)
	DrainOutbox(ctx context.Context, limit int, publish func(context.Context, []relay.Message) (int, error)) (int, error)
}

// Events are the messages of Subjects.
type Events interface {
	// Fetch waits for at least one message.
	Fetch(ctx context.Context, most int) ([]relay.Received, error)
}

// Publisher makes messages durable, all or an error.
type Publisher interface {
	PublishBatch(ctx context.Context, messages []relay.Message) ([]relay.Receipt, error)
}

// Options are what the service needs.
type Options struct {
	Ledger    Ledger
	Events    Events
	Publisher Publisher
	Log       *slog.Logger
	Pause     time.Duration // between looks for pending requests and after trouble; 1 s
}

// Service keeps the roster.
type Service struct{ options Options }

// New makes the service.
func New(o Options) (*Service, error) {
	if o.Ledger == nil || o.Events == nil || o.Publisher == nil {
		return nil, errors.New("roster: Ledger, Events and Publisher are needed")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Pause == 0 {
		o.Pause = time.Second
	}
	return &Service{options: o}, nil
}

// most is how many events, pending requests or waiting events are worked at a time.
const most = 200

// Run keeps the roster until ctx is done, and returns nil.
func (s *Service) Run(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.read(ctx)
	}()
	for s.pause(ctx) {
		if err := s.settle(ctx); err != nil && ctx.Err() == nil {
			s.options.Log.Warn("pending roster requests not worked off yet", "error", err)
		}
	}
	<-done
	return nil
}

func (s *Service) pause(ctx context.Context) bool {
	timer := time.NewTimer(s.options.Pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// read takes events until ctx is done. They are acknowledged when the ledger has them; doing so twice changes nothing.
func (s *Service) read(ctx context.Context) {
	for ctx.Err() == nil {
		messages, err := s.options.Events.Fetch(ctx, most)
		if err == nil {
			err = s.keep(ctx, messages)
		}
		if err != nil && ctx.Err() == nil {
			s.options.Log.Warn("roster not brought up to date yet", "error", err)
			s.pause(ctx)
		}
	}
}

func (s *Service) keep(ctx context.Context, messages []relay.Received) error {
	var people []relay.Person
	var runs []relay.CourseRun
	for _, m := range messages {
		news := newsOf(m.Message)
		people, runs = append(people, news.people...), append(runs, news.runs...)
	}
	if err := s.add(ctx, people, runs); err != nil {
		for _, m := range messages {
			_ = m.Reply.Again(ctx, s.options.Pause)
		}
		return err
	}
	for _, m := range messages {
		if err := m.Reply.Ack(ctx); err != nil {
			return fmt.Errorf("acknowledge event: %w", err)
		}
	}
	return nil
}

func (s *Service) add(ctx context.Context, people []relay.Person, runs []relay.CourseRun) error {
	if len(people) > 0 {
		if err := s.options.Ledger.AddPeople(ctx, people); err != nil {
			return err
		}
	}
	if len(runs) == 0 {
		return nil
	}
	return s.options.Ledger.AddCourseRuns(ctx, runs)
}

// settle works off what waited and publishes the events of new records.
func (s *Service) settle(ctx context.Context) error {
	for {
		count, err := s.options.Ledger.ResolvePending(ctx, most)
		if err != nil {
			return err
		}
		if count > 0 {
			s.options.Log.Info("pending roster requests done", "count", count)
		}
		if count < most {
			break
		}
	}
	_, err := s.options.Ledger.DrainOutbox(ctx, most, func(ctx context.Context, messages []relay.Message) (int, error) {
		receipts, err := s.options.Publisher.PublishBatch(ctx, messages)
		if err != nil {
			return 0, err
		}
		return len(receipts), nil
	})
	return err
}
