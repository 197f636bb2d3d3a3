package filter

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/edrelay/edrelay/internal/egress"
	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/internal/webfilter"
)

// Test asks one filter, enabled or not, a made-up question of its class, or of another class, and says what it
// answered and what Open edX would hear. Nothing is put on record. relay.ErrNotFound for an unknown filter or class.
func (s *Service) Test(ctx context.Context, name, class string) (relay.FilterTest, error) {
	stored, err := s.stored(ctx, name)
	if err != nil {
		return relay.FilterTest{}, err
	}
	t, err := s.target(stored)
	if err != nil {
		return relay.FilterTest{}, fmt.Errorf("filter %q: %w", name, err)
	}
	t.gate = newGate() // the operator wants to know now
	request, err := webfilter.Sample(s.opts.Catalogue, cmp.Or(class, stored.Filter.Filter), s.opts.Now())
	if err != nil {
		return relay.FilterTest{}, err
	}
	contentType, body := webfilter.Encode(request, t.Format, s.opts.Now())
	q := &question{service: s, request: request, bodies: map[relay.Format][]byte{t.Format: body}, asked: s.opts.Now()}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Deadline)
	defer cancel()
	r := q.call(ctx, t)
	took := s.opts.Now().Sub(q.asked)
	r.record.ID, r.record.At, r.record.Name, r.record.Filter = strings.ToLower(rand.Text()), q.asked, name, request.Filter.Class
	r.record.DurationMS = float64(took.Microseconds()) / 1000
	test := relay.FilterTest{
		Name: name, Filter: request.Filter.Class, URL: egress.Display(t.url), ContentType: contentType, Request: string(body),
		Status: r.record.Status, Result: string(r.answer.JSON()), Problem: cmp.Or(r.problem, r.record.Error), Call: r.record,
	}
	if r.got != nil {
		test.Answer = r.got.Excerpt()
	}
	return test, nil
}

func (s *Service) stored(ctx context.Context, name string) (relay.StoredFilter, error) {
	all, err := s.opts.Ledger.Filters(ctx)
	if err != nil {
		return relay.StoredFilter{}, fmt.Errorf("read filters: %w", err)
	}
	for _, one := range all {
		if one.Name == name {
			return one, nil
		}
	}
	return relay.StoredFilter{}, fmt.Errorf("filter %q: %w", name, relay.ErrNotFound)
}
