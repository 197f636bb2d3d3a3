package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// BeginErasure keeps a new erasure. CodeConflict while one of the same learner runs that was heard of within stale.
func (s *Store) BeginErasure(ctx context.Context, e relay.Erasure, stale time.Duration) error {
	record, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode erasure: %w", err)
	}
	return wrap("begin erasure", s.inTx(ctx, func(q *pgdb.Queries) error {
		err := q.EndStaleErasures(ctx, pgdb.EndStaleErasuresParams{Reason: relay.ErasureLost, Learner: e.Learner, StaleSeconds: stale.Seconds()})
		if err != nil {
			return err
		}
		return q.InsertErasure(ctx, pgdb.InsertErasureParams{
			ID: e.ID, State: string(e.State), Learner: e.Learner, Record: record, StartedAt: e.StartedAt,
		})
	}))
}

// SaveErasure records how far an erasure is.
func (s *Store) SaveErasure(ctx context.Context, e relay.Erasure) error {
	record, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode erasure: %w", err)
	}
	return wrap("save erasure", s.query.SaveErasure(ctx, pgdb.SaveErasureParams{ID: e.ID, State: string(e.State), Record: record}))
}

// Erasure gives one erasure, or ErrNotFound.
func (s *Store) Erasure(ctx context.Context, id string) (relay.Erasure, error) {
	row, err := s.query.GetErasure(ctx, id)
	if err != nil {
		return relay.Erasure{}, wrap("read erasure", err)
	}
	return toErasure(row), nil
}

// Erasures lists erasures, newest first; with learner only those of this hash.
func (s *Store) Erasures(ctx context.Context, page relay.Page, learner string) ([]relay.Erasure, error) {
	rows, err := s.lists.ListErasures(ctx, pgdb.ListErasuresParams{
		Learner: learner, BeforeID: page.Before.ID, BeforeTime: page.Before.Time, AtMost: atMost(page.Limit),
	})
	list := make([]relay.Erasure, len(rows))
	for i, row := range rows {
		list[i] = toErasure(row)
	}
	return list, wrap("list erasures", err)
}

func toErasure(row pgdb.Erasure) relay.Erasure {
	var e relay.Erasure
	_ = json.Unmarshal(row.Record, &e) // written by SaveErasure; empty at worst
	e.ID, e.State, e.Learner, e.StartedAt = row.ID, relay.ErasureState(row.State), row.Learner, row.StartedAt
	return e
}

// ErasureKey gives what addresses are hashed with in records of erasures, made when it is first asked for.
func (s *Store) ErasureKey(ctx context.Context) ([]byte, error) {
	key, err := s.query.ErasureKey(ctx)
	if !errors.Is(err, pgx.ErrNoRows) {
		return key, wrap("read erasure key", err)
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	if err := s.query.OfferErasureKey(ctx, fresh); err != nil {
		return nil, wrap("make erasure key", err)
	}
	key, err = s.query.ErasureKey(ctx) // another process may have been faster
	return key, wrap("read erasure key", err)
}

// MarkErased keeps which messages of a stream an erasure takes.
func (s *Store) MarkErased(ctx context.Context, erasure, stream string, messages []relay.Due) error {
	stored, sequences := placesOf(messages)
	return wrap("mark erased messages", s.query.MarkErased(ctx, pgdb.MarkErasedParams{
		StoredAt: stored, Stream: stream, Sequences: sequences, ErasureID: erasure,
	}))
}

// ErasedMessage tells when and why a message was erased; ErrNotFound for one that was not.
func (s *Store) ErasedMessage(ctx context.Context, stream string, sequence uint64) (relay.ErasedMessage, error) {
	row, err := s.query.ErasedMessage(ctx, pgdb.ErasedMessageParams{Stream: stream, Sequence: int64(sequence)})
	return relay.ErasedMessage{Stream: row.Stream, Sequence: uint64(row.Sequence), Erasure: row.ErasureID, ErasedAt: row.ErasedAt},
		wrap("look for erased message", err)
}

// placesOf gives the times and sequences of events, side by side.
func placesOf(events []relay.Due) (stored []time.Time, sequences []int64) {
	for _, e := range events {
		stored, sequences = append(stored, e.StoredAt), append(sequences, int64(e.Sequence))
	}
	return stored, sequences
}
