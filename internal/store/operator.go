package store

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// APIKeys lists the keys of operators, newest first, revoked ones too.
func (s *Store) APIKeys(ctx context.Context, q relay.APIKeyQuery) ([]relay.APIKey, error) {
	rows, err := s.lists.ListAPIKeys(ctx, pgdb.ListAPIKeysParams{
		State: string(q.State), BeforeID: q.Before.ID, BeforeTime: q.Before.Time, AtMost: atMost(q.Limit),
	})
	list := make([]relay.APIKey, len(rows))
	for i, row := range rows {
		list[i] = toAPIKey(row)
	}
	return list, wrap("list API keys", err)
}

// APIKeyByHash gives the key whose SHA-256 this is, or ErrNotFound.
func (s *Store) APIKeyByHash(ctx context.Context, hash []byte) (relay.APIKey, error) {
	row, err := s.query.GetAPIKeyByHash(ctx, hash)
	return toAPIKey(row), wrap("look for API key", err)
}

// CreateAPIKey keeps a new key by its SHA-256.
func (s *Store) CreateAPIKey(ctx context.Context, key relay.APIKey, hash []byte) error {
	return wrap("create API key", s.query.InsertAPIKey(ctx, pgdb.InsertAPIKeyParams{
		ID: key.ID, Name: clean(key.Name), Role: string(key.Role), Hash: hash, CreatedAt: key.CreatedAt, ExpiresAt: key.ExpiresAt,
	}))
}

// RevokeAPIKey ends a key for ever; the first revocation counts. ErrNotFound when there is none with this id.
func (s *Store) RevokeAPIKey(ctx context.Context, id string) (relay.APIKey, error) {
	row, err := s.query.RevokeAPIKey(ctx, id)
	return toAPIKey(row), wrap("revoke API key", err)
}

func toAPIKey(row pgdb.ApiKey) relay.APIKey {
	key := relay.APIKey{
		ID: row.ID, Name: row.Name, Role: relay.Role(row.Role), CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt, RevokedAt: row.RevokedAt,
	}
	key.State = key.StateAt(time.Now())
	return key
}

// RecordAudit writes down what an operator did.
func (s *Store) RecordAudit(ctx context.Context, entry relay.AuditEntry) error {
	detail := entry.Detail
	if detail == nil {
		detail = map[string]string{}
	}
	raw, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	return wrap("record audit entry", s.query.InsertAudit(ctx, pgdb.InsertAuditParams{
		At: entry.At, Who: clean(entry.Who), Role: string(entry.Role), Action: clean(entry.Action), Target: clean(entry.Target),
		Status: int32(entry.Status), Detail: raw,
	}))
}

// AuditTrail lists what operators did, newest first.
func (s *Store) AuditTrail(ctx context.Context, q relay.AuditQuery) ([]relay.AuditEntry, error) {
	before, _ := strconv.ParseInt(q.Before.ID, 10, 64)
	rows, err := s.lists.ListAudit(ctx, pgdb.ListAuditParams{
		Who: q.Who, Action: q.Action, Target: q.Target, State: string(q.State), Since: q.Since, Until: orEver(q.Until), BeforeID: before, AtMost: atMost(q.Limit),
	})
	list := make([]relay.AuditEntry, len(rows))
	for i, row := range rows {
		list[i] = relay.AuditEntry{
			ID: row.ID, At: row.At, Who: row.Who, Role: relay.Role(row.Role), Action: row.Action, Target: row.Target,
			State: relay.AuditStateOf(int(row.Status)), Status: int(row.Status),
		}
		_ = json.Unmarshal(row.Detail, &list[i].Detail) // written by RecordAudit; absent at worst
	}
	return list, wrap("list audit trail", err)
}
