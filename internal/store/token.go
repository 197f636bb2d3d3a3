package store

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/sql/pgdb"
)

// CreateToken keeps a new bearer token by its SHA-256.
func (s *Store) CreateToken(ctx context.Context, token relay.Token, hash []byte) error {
	var client *string
	if token.ClientID != "" {
		client = &token.ClientID
		if _, err := s.query.DropOldTokens(ctx); err != nil {
			return wrap("drop old tokens", err)
		}
	}
	return wrap("create token", s.query.InsertToken(ctx, pgdb.InsertTokenParams{
		ID: token.ID, Name: clean(token.Name), Staff: token.Staff, ClientID: client, Hash: hash, CreatedAt: token.CreatedAt,
		ExpiresAt: token.ExpiresAt,
	}))
}

// TokenByHash gives the bearer token whose SHA-256 this is, whatever its state, and notes that it was used.
// ErrNotFound when there is none.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (relay.Token, error) {
	row, err := s.query.GetTokenByHash(ctx, hash)
	if err != nil {
		return relay.Token{}, wrap("look for token", err)
	}
	token := toToken(pgdb.ListTokensRow(row), s.Now())
	if token.State != relay.TokenActive || row.UsedAt != nil && s.Now().Sub(*row.UsedAt) < time.Minute {
		return token, nil
	}
	return token, wrap("note use of token", s.query.TouchToken(ctx, row.ID))
}

// RevokeToken ends a token for ever. ErrNotFound when there is none with this id.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	changed, err := s.query.RevokeToken(ctx, id)
	if err == nil && changed == 0 {
		err = relay.ErrNotFound
	}
	return wrap("revoke token", err)
}

// Tokens lists bearer tokens, newest first, those that open nothing any more too.
func (s *Store) Tokens(ctx context.Context, query relay.TokenQuery) ([]relay.Token, error) {
	rows, err := s.lists.ListTokens(ctx, pgdb.ListTokensParams{
		BeforeID: query.Before.ID, BeforeTime: query.Before.Time, State: query.State, AtMost: atMost(query.Limit),
	})
	list := make([]relay.Token, len(rows))
	for i, row := range rows {
		list[i] = toToken(row, s.Now())
	}
	return list, wrap("list tokens", err)
}

func toToken(row pgdb.ListTokensRow, now time.Time) relay.Token {
	token := relay.Token{ID: row.ID, Name: row.Name, Staff: row.Staff, CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt,
		RevokedAt: row.RevokedAt, UsedAt: row.UsedAt}
	if row.ClientID != nil {
		token.ClientID = *row.ClientID
	}
	if token.RevokedAt == nil {
		token.RevokedAt = row.DisabledAt
	}
	token.State = token.StateAt(now)
	return token
}

// CreateClient keeps a new client with the SHA-256 of its secret. CodeConflict when its name is taken.
func (s *Store) CreateClient(ctx context.Context, client relay.Client, hash []byte) error {
	return wrap("create client", s.inTx(ctx, func(q *pgdb.Queries) error {
		err := q.InsertClient(ctx, pgdb.InsertClientParams{ID: client.ID, Name: clean(client.Name), Staff: client.Staff,
			CreatedAt: client.CreatedAt})
		if err != nil {
			return err
		}
		return q.InsertClientSecret(ctx, pgdb.InsertClientSecretParams{Hash: hash, ClientID: client.ID, CreatedAt: client.CreatedAt})
	}))
}

// RotateClient gives a client a further secret; those that it has are good until then.
func (s *Store) RotateClient(ctx context.Context, id string, hash []byte, until time.Time) (relay.Client, error) {
	var client relay.Client
	err := s.inTx(ctx, func(q *pgdb.Queries) error {
		row, err := q.GetClient(ctx, id)
		if err != nil {
			return err
		}
		client = toClient(row)
		if err := q.DropOldClientSecrets(ctx, id); err != nil {
			return err
		}
		if err := q.EndClientSecrets(ctx, pgdb.EndClientSecretsParams{ClientID: id, EndsAt: until}); err != nil {
			return err
		}
		return q.InsertClientSecret(ctx, pgdb.InsertClientSecretParams{Hash: hash, ClientID: id, CreatedAt: s.Now()})
	})
	return client, wrap("rotate client secret", err)
}

// DisableClient ends a client and all its tokens for ever. ErrNotFound when there is none with this id.
func (s *Store) DisableClient(ctx context.Context, id string) (relay.Client, error) {
	row, err := s.query.DisableClient(ctx, id)
	return toClient(row), wrap("disable client", err)
}

// ClientBySecret gives the client that has the secret of this SHA-256, disabled or not; ErrNotFound when none has.
func (s *Store) ClientBySecret(ctx context.Context, id string, hash []byte) (relay.Client, error) {
	row, err := s.query.GetClientBySecret(ctx, pgdb.GetClientBySecretParams{ID: clean(id), Hash: hash})
	return toClient(row), wrap("look for client", err)
}

// Clients lists clients, newest first, disabled ones too.
func (s *Store) Clients(ctx context.Context, query relay.TokenQuery) ([]relay.Client, error) {
	rows, err := s.lists.ListClients(ctx, pgdb.ListClientsParams{
		BeforeID: query.Before.ID, BeforeTime: query.Before.Time, State: query.State, AtMost: atMost(query.Limit),
	})
	list := make([]relay.Client, len(rows))
	for i, row := range rows {
		list[i] = toClient(row)
	}
	return list, wrap("list clients", err)
}

func toClient(row pgdb.OauthClient) relay.Client {
	client := relay.Client{ID: row.ID, Name: row.Name, Staff: row.Staff, State: "active", CreatedAt: row.CreatedAt, DisabledAt: row.DisabledAt}
	if row.DisabledAt != nil {
		client.State = "disabled"
	}
	return client
}
