package learner

import (
	"context"
	"errors"

	"github.com/edrelay/edrelay/internal/relay"
)

const defaultLimit = 50

// Show gives everything that is held of a learner. The log is read from its beginning, a message at a time.
func (o *Office) Show(ctx context.Context, ask relay.ShowLearner, tell Progress) (relay.Held, error) {
	limit := defaultLimit
	if ask.Limit != nil {
		limit = *ask.Limit
	}
	if limit < 0 {
		return relay.Held{}, relay.Errorf(relay.CodeInvalid, "limit must be 0 or more")
	}
	p, err := o.find(ctx, ask.Address, ask.AddressOnly, tell)
	if err != nil {
		return relay.Held{}, err
	}
	s := &search{office: o, person: p, limit: limit, tell: tell, held: emptyHeld()}
	for _, step := range []func(context.Context) error{s.log, s.mirrors, s.orders, s.roster, s.rest} {
		if err := step(ctx); err != nil {
			return relay.Held{}, err
		}
	}
	s.held.Learner, s.held.Usernames, s.held.UserIDs, s.held.OtherAddresses = p.text, sorted(p.usernames), sorted(p.ids), sorted(p.others)
	return s.held, nil
}

func emptyHeld() relay.Held {
	return relay.Held{
		Webhooks: []relay.HeldMessage{}, Rejected: []relay.HeldMessage{}, Events: []relay.HeldMessage{}, Copies: []relay.HeldCopy{},
		Orders: []relay.HeldOrder{}, Enrollments: []relay.Enrollment{}, Deliveries: []relay.HeldDeliveries{},
		Roster: []relay.RosterEntry{}, Pending: []relay.RosterPending{}, Replays: []string{},
	}
}

// search is one look for a learner.
type search struct {
	office *Office
	person *person
	limit  int
	tell   Progress
	held   relay.Held
}

// few cuts a list at the limit.
func few[T any](list []T, limit int) []T {
	if limit > 0 && len(list) > limit {
		return list[:limit]
	}
	return append([]T{}, list...)
}

func (s *search) log(ctx context.Context) error {
	keep := func(list *[]relay.HeldMessage, count *int, chunk []hit) {
		for _, h := range chunk {
			if *count++; s.limit == 0 || len(*list) < s.limit {
				*list = append(*list, h.HeldMessage)
			}
		}
	}
	for _, part := range []struct {
		stream string
		list   *[]relay.HeldMessage
		count  *int
		more   func(context.Context, []hit) error
	}{
		{relay.StreamWebhooks, &s.held.Webhooks, &s.held.Counts.Webhooks, s.office.states},
		{relay.StreamRejected, &s.held.Rejected, &s.held.Counts.Rejected, nil},
		{relay.StreamEvents, &s.held.Events, &s.held.Counts.Events, s.deliveries},
	} {
		err := s.office.scan(ctx, s.office.Log, part.stream, s.person, 0, "reading "+part.stream, s.tell, func(chunk []hit) error {
			if part.more != nil {
				if err := part.more(ctx, chunk); err != nil {
					return err
				}
			}
			keep(part.list, part.count, chunk)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *search) deliveries(ctx context.Context, chunk []hit) error {
	counts, err := s.office.Ledger.CountDeliveriesOf(ctx, dues(chunk))
	for name, states := range counts {
		row := s.subscription(name)
		row.Delivered += states[relay.DeliveryDelivered]
		row.Waiting += states[relay.DeliveryWaiting]
		row.Parked += states[relay.DeliveryParked]
		for _, n := range states {
			s.held.Counts.Deliveries += n
		}
	}
	return err
}

func (s *search) subscription(name string) *relay.HeldDeliveries {
	for i := range s.held.Deliveries {
		if s.held.Deliveries[i].Subscription == name {
			return &s.held.Deliveries[i]
		}
	}
	s.held.Deliveries = append(s.held.Deliveries, relay.HeldDeliveries{Subscription: name})
	return &s.held.Deliveries[len(s.held.Deliveries)-1]
}

func (s *search) mirrors(ctx context.Context) error {
	return s.office.eachMirror(ctx, func(mirror Mirror) error {
		one := relay.HeldCopy{Reader: mirror.Reader}
		err := s.office.scan(ctx, mirror.Log, relay.StreamEvents, s.person, 0, "reading the mirror of "+mirror.Reader, s.tell, func(chunk []hit) error {
			one.Messages += len(chunk)
			return nil
		})
		if one.Messages > 0 {
			s.held.Copies = append(s.held.Copies, one)
			s.held.Counts.Copies += one.Messages
		}
		return err
	})
}

// eachMirror works on the mirrors of the NATS users one after the other. One that is not there, as after a restore, holds
// nothing.
func (o *Office) eachMirror(ctx context.Context, do func(Mirror) error) error {
	if o.Mirrors == nil {
		return nil
	}
	mirrors, err := o.Mirrors(ctx)
	for _, mirror := range mirrors {
		if err == nil {
			if err = do(mirror); relay.CodeOf(err) == relay.CodeNotFound {
				err = nil
			}
		}
		mirror.Close()
	}
	return err
}

func (s *search) orders(ctx context.Context) error {
	s.tell("reading the ledger", 0, 0)
	keys, err := s.office.orders(ctx, s.person)
	if err != nil {
		return err
	}
	s.held.Counts.Orders = len(keys)
	for _, key := range few(keys, s.limit) {
		s.held.Orders = append(s.held.Orders, relay.HeldOrder(key))
	}
	rows, err := s.office.Ledger.Enrollments(ctx, relay.EnrollmentQuery{Learner: s.person.text})
	s.held.Counts.Enrollments, s.held.Enrollments = len(rows), few(rows, s.limit)
	return err
}

func (s *search) roster(ctx context.Context) error {
	person, err := s.office.Ledger.Person(ctx, s.person.text)
	if err == nil {
		s.held.Person = &person
		s.held.Counts.Roster++
	} else if relay.CodeOf(err) != relay.CodeNotFound {
		return err
	}
	entries, err1 := s.office.Ledger.Roster(ctx, relay.RosterQuery{Email: s.person.text})
	pending, err2 := s.office.Ledger.PendingOf(ctx, s.person.text)
	s.held.Counts.Roster += len(entries)
	s.held.Counts.Pending = len(pending)
	s.held.Roster, s.held.Pending = few(entries, s.limit), few(pending, s.limit)
	return errors.Join(err1, err2)
}

func (s *search) rest(ctx context.Context) error {
	replays, err1 := s.office.Ledger.ReplaysNaming(ctx, s.person.text)
	s.held.Counts.Replays, s.held.Replays = len(replays), few(replays, s.limit)
	outbox, err2 := s.office.Ledger.SearchOutbox(ctx, s.person.in)
	texts, err3 := s.office.Ledger.SearchTexts(ctx, s.person.word(), s.person.holds)
	s.held.Counts.Outbox, s.held.Counts.Texts = outbox, texts
	return errors.Join(err1, err2, err3)
}
