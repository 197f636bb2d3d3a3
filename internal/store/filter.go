package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// Filters gives all declared filters by name, their URLs sealed.
func (s *Store) Filters(ctx context.Context) ([]relay.StoredFilter, error) {
	rows, err := s.query.ListFilters(ctx)
	if err != nil {
		return nil, wrap("list filters", err)
	}
	list := make([]relay.StoredFilter, len(rows))
	for i, row := range rows {
		list[i].SealedURL, list[i].Paused = row.SealedUrl, row.Paused
		if err := json.Unmarshal(row.Declaration, &list[i].Filter); err != nil {
			return nil, fmt.Errorf("read declaration of filter %q: %w", row.Name, err)
		}
	}
	return list, nil
}

// FiltersVersion gives a number that grows with every change of a filter.
func (s *Store) FiltersVersion(ctx context.Context) (int64, error) {
	version, err := s.query.FilterVersion(ctx)
	return version, wrap("read version of filters", err)
}

// ChangeFilters puts and removes filters by name in one transaction and gives the version that has the change. The URL
// of a put filter is never written but sealed.
func (s *Store) ChangeFilters(ctx context.Context, put []relay.StoredFilter, remove []string) (version int64, err error) {
	params := make([]pgdb.PutFiltersParams, len(put))
	for i, f := range put {
		f.URL = ""
		declaration, err := json.Marshal(f.Filter)
		if err != nil {
			return 0, fmt.Errorf("write declaration of filter %q: %w", f.Name, err)
		}
		params[i] = pgdb.PutFiltersParams{Name: f.Name, Class: f.Filter.Filter, SealedUrl: f.SealedURL, Declaration: declaration, Paused: f.Paused}
	}
	err = s.inTx(ctx, func(q *pgdb.Queries) (err error) {
		if version, err = q.BumpFilterVersion(ctx); err != nil {
			return err
		}
		if err := q.RemoveFilters(ctx, remove); err != nil {
			return err
		}
		return firstError(q.PutFilters(ctx, params))
	})
	return version, wrap("change filters", err)
}

// BeatFilterService says that a process that asks filters lives and which version it has in force.
func (s *Store) BeatFilterService(ctx context.Context, id string, seen int64) error {
	return wrap("beat", s.query.BeatFilterService(ctx, pgdb.BeatFilterServiceParams{ID: id, Seen: seen}))
}

// ForgetFilterService takes a process off the list of those that live.
func (s *Store) ForgetFilterService(ctx context.Context, id string) error {
	return wrap("forget filter service", s.query.ForgetFilterServices(ctx, id))
}

// BehindFilterServices counts the live processes that do not have the version in force yet.
func (s *Store) BehindFilterServices(ctx context.Context, version int64, grace time.Duration) (int, error) {
	count, err := s.query.BehindFilterServices(ctx, pgdb.BehindFilterServicesParams{Seconds: grace.Seconds(), Version: version})
	return int(count), wrap("count filter services behind", err)
}

// RecordFilterCalls writes calls; one that is there already stays as it is.
func (s *Store) RecordFilterCalls(ctx context.Context, calls []relay.FilterCall) error {
	params := make([]pgdb.RecordFilterCallsParams, len(calls))
	for i, c := range calls {
		params[i] = pgdb.RecordFilterCallsParams{
			AskedAt: c.At, ID: c.ID, Question: c.Question, Name: c.Name, Class: c.Filter, Outcome: string(c.Outcome), Status: int32(c.Status),
			Error: clean(c.Error), Exception: clean(c.Exception), Changed: cleanAll(c.Changed), Dropped: cleanAll(c.Dropped), DurationMs: c.DurationMS,
		}
	}
	return wrap("record filter calls", s.inTx(ctx, func(q *pgdb.Queries) error { return firstError(q.RecordFilterCalls(ctx, params)) }))
}

// FilterCalls lists calls, newest first.
func (s *Store) FilterCalls(ctx context.Context, query relay.FilterCallQuery) ([]relay.FilterCall, error) {
	rows, err := s.lists.ListFilterCalls(ctx, pgdb.ListFilterCallsParams{
		Name: query.Name, Class: query.Filter, Outcome: string(query.Outcome), Since: query.Since, Until: orEver(query.Until),
		BeforeID: query.Before.ID, BeforeTime: query.Before.Time, AtMost: atMost(query.Limit),
	})
	if err != nil {
		return nil, wrap("list filter calls", err)
	}
	list := make([]relay.FilterCall, len(rows))
	for i, row := range rows {
		list[i] = relay.FilterCall{
			ID: row.ID, Question: row.Question, At: row.AskedAt.UTC(), Name: row.Name, Filter: row.Class, Outcome: relay.FilterOutcome(row.Outcome),
			Status: int(row.Status), Error: row.Error, Exception: row.Exception, Changed: row.Changed, Dropped: row.Dropped, DurationMS: row.DurationMs,
		}
	}
	return list, nil
}

func cleanAll(texts []string) []string {
	cleaned := make([]string, len(texts))
	for i, text := range texts {
		cleaned[i] = clean(text)
	}
	return cleaned
}
