package natsauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/edrelay/edrelay/internal/relay"
)

// Options say which server trusts the authority.
type Options struct {
	Authority *Authority
	URL       string
	InProcess nats.InProcessConnProvider // an embedded server, used instead of URL when set
	Now       func() time.Time           // default time.Now
	Log       *slog.Logger               // default: none
}

// Users are the subscribing services that hold NATS credentials.
type Users struct {
	Options
	mu sync.Mutex // one change at a time
}

// NewUsers makes the list of an authority.
func NewUsers(o Options) *Users {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Users{Options: o}
}

// Add makes credentials that read the events on the allowed subjects and nothing else, live and from the stream. They
// are given once. A name in use is relay.CodeConflict; a name whose making was cut short is made again.
func (u *Users) Add(ctx context.Context, name string, allow []string) (relay.NATSCredentials, error) {
	if err := checkReader(name, allow); err != nil {
		return relay.NATSCredentials{}, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	r, key, err := u.begin(name, narrow(allow))
	if err != nil {
		return relay.NATSCredentials{}, err
	}
	if err := u.announce(ctx, r); err != nil {
		return relay.NATSCredentials{}, err
	}
	if err := u.makeMirror(ctx, r, key); err != nil {
		return relay.NATSCredentials{}, err
	}
	creds, user, err := credentials(key, name, r.rights(), 0)
	if err != nil {
		return relay.NATSCredentials{}, err
	}
	r.User = user
	if err := u.Authority.saveReader(r); err != nil {
		return relay.NATSCredentials{}, err
	}
	u.Log.Info("nats user added", "name", name, "allow", r.Allow)
	return relay.NATSCredentials{Name: name, InboxPrefix: r.inboxPrefix(), Creds: string(creds)}, nil
}

// List gives users, revoked ones too, newest first.
func (u *Users) List(_ context.Context, q relay.NATSUserQuery) ([]relay.NATSUser, error) {
	readers, err := u.Authority.readers()
	if err != nil {
		return nil, err
	}
	users := []relay.NATSUser{}
	for _, r := range readers {
		user := r.user()
		if r.ready() && (q.State == "" || user.State == q.State) && (q.Before.IsZero() || newer(q.Before, r.mark())) {
			users = append(users, user)
		}
	}
	slices.SortFunc(users, func(a, b relay.NATSUser) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(b.Name, a.Name)
	})
	if q.Limit > 0 && len(users) > q.Limit {
		users = users[:q.Limit]
	}
	return users, nil
}

// newer tells whether a stands before b in a list.
func newer(a, b relay.Mark) bool {
	return a.Time.After(b.Time) || a.Time.Equal(b.Time) && a.ID > b.ID
}

// Revoke ends a user: its connections are closed, its credentials are worth nothing, its copy of the events is removed.
// Revoking twice is no error; an unknown name is relay.ErrNotFound.
func (u *Users) Revoke(ctx context.Context, name string) (relay.NATSUser, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	r, err := u.Authority.reader(name)
	if err != nil {
		return relay.NATSUser{}, err
	}
	if r.RevokedAt == nil {
		now := u.Now().UTC()
		r.RevokedAt = &now
	}
	if err := u.Authority.saveReader(r); err != nil {
		return relay.NATSUser{}, err
	}
	if err := u.announce(ctx, r); err != nil {
		return relay.NATSUser{}, err
	}
	if err := u.dropCopy(ctx, r); err != nil {
		u.Log.Warn("the copy of a revoked nats user stays", "name", name, "err", err)
	}
	u.Log.Info("nats user revoked", "name", name)
	return r.user(), nil
}

// begin records a new reader, or finds one whose making was cut short.
func (u *Users) begin(name string, allow []string) (reader, nkeys.KeyPair, error) {
	r, err := u.Authority.reader(name)
	switch {
	case err == nil && r.RevokedAt == nil && r.ready():
		return r, nil, &relay.Error{
			Code: relay.CodeConflict, Message: fmt.Sprintf("there is a NATS user %s already", name),
			Hint: "revoke it first, or take another name",
		}
	case err == nil && r.RevokedAt == nil:
		r.Allow = allow
		key, err := u.key(r.Account)
		if err != nil {
			return r, nil, err
		}
		return r, key, u.Authority.saveReader(r)
	case err != nil && !errors.Is(err, relay.ErrNotFound):
		return r, nil, err
	}
	key, err := nkeys.CreateAccount()
	if err != nil {
		return r, nil, fmt.Errorf("make a NATS account: %w", err)
	}
	seed, err := key.Seed()
	if err != nil {
		return r, nil, fmt.Errorf("make a NATS account: %w", err)
	}
	r = reader{Name: name, Allow: allow, Account: public(key), CreatedAt: u.Now().UTC()}
	if err := writeOnce(u.Authority.readerKey(r.Account), seed); err != nil {
		return r, nil, err
	}
	return r, key, u.Authority.saveReader(r)
}

func (u *Users) key(account string) (nkeys.KeyPair, error) {
	seed, err := os.ReadFile(u.Authority.readerKey(account))
	if err != nil {
		return nil, fmt.Errorf("read the key of a NATS account: %w", err)
	}
	return nkeys.FromSeed(seed)
}
