package natsauth

import (
	"context"
	"time"

	"github.com/nats-io/jwt/v2"
)

// copyLifetime is how long what opens a copy is good for.
const copyLifetime = time.Hour

// Copy is the mirror of EVENTS that a reader reads from.
type Copy struct {
	Reader      string
	Feed        string // consumer of EVENTS that fills it
	Credentials []byte // text of a .creds file with every right in the reader's account, for an hour
}

// Copies gives the mirrors of all readers that are not revoked, so that what they hold can be found and erased.
func (u *Users) Copies(_ context.Context) ([]Copy, error) {
	readers, err := u.Authority.readers()
	if err != nil {
		return nil, err
	}
	var copies []Copy
	for _, r := range readers {
		if r.RevokedAt != nil || !r.ready() {
			continue
		}
		key, err := u.key(r.Account)
		if err != nil {
			return nil, err
		}
		creds, _, err := credentials(key, "edrelay", jwt.Permissions{}, copyLifetime)
		if err != nil {
			return nil, err
		}
		copies = append(copies, Copy{Reader: r.Name, Feed: r.copyConsumer(), Credentials: creds})
	}
	return copies, nil
}
