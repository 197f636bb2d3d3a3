package store

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// ClaimKey makes a request the owner's to work, for the lease; false when it was asked before. id and request are digests.
func (s *Store) ClaimKey(ctx context.Context, id, request []byte, owner string, lease time.Duration) (mine bool, err error) {
	rows, err := s.query.ClaimIdempotencyKey(ctx, pgdb.ClaimIdempotencyKeyParams{
		ID: id, Request: request, Owner: owner, LeaseSeconds: lease.Seconds(), KeepSeconds: relay.IdempotencyKept.Seconds(),
	})
	return rows > 0, wrap("claim idempotency key", err)
}

// KeyAnswer gives what a request came to, or ErrNotFound.
func (s *Store) KeyAnswer(ctx context.Context, id []byte) (relay.KeptAnswer, error) {
	row, err := s.query.GetIdempotencyKey(ctx, id)
	return relay.KeptAnswer{
		Request: row.Request, Status: int(row.Status), Media: row.Media, Answer: row.Answer, Alive: row.Alive,
	}, wrap("read idempotency key", err)
}

// TakeKey makes a request the owner's whose worker died.
func (s *Store) TakeKey(ctx context.Context, id []byte, owner string, lease time.Duration) (mine bool, err error) {
	rows, err := s.query.TakeIdempotencyKey(ctx, pgdb.TakeIdempotencyKeyParams{ID: id, Owner: owner, LeaseSeconds: lease.Seconds()})
	return rows > 0, wrap("take idempotency key", err)
}

// RenewKey keeps a request that the owner works.
func (s *Store) RenewKey(ctx context.Context, id []byte, owner string, lease time.Duration) error {
	return wrap("renew idempotency key", s.query.RenewIdempotencyKey(ctx, pgdb.RenewIdempotencyKeyParams{ID: id, Owner: owner, LeaseSeconds: lease.Seconds()}))
}

// FinishKey keeps what a request came to.
func (s *Store) FinishKey(ctx context.Context, id []byte, owner string, status int, media string, sealed []byte) error {
	return wrap("keep answer", s.query.FinishIdempotencyKey(ctx, pgdb.FinishIdempotencyKeyParams{
		ID: id, Owner: owner, Status: int32(status), Media: media, Answer: sealed,
	}))
}

// DropKey lets a request be made anew.
func (s *Store) DropKey(ctx context.Context, id []byte, owner string) error {
	return wrap("drop idempotency key", s.query.DropIdempotencyKey(ctx, pgdb.DropIdempotencyKeyParams{ID: id, Owner: owner}))
}

// ForgetKeys deletes what is past keeping and says how much.
func (s *Store) ForgetKeys(ctx context.Context) (int64, error) {
	rows, err := s.query.ForgetIdempotencyKeys(ctx, relay.IdempotencyKept.Seconds())
	return rows, wrap("forget idempotency keys", err)
}
