package natsauth

import (
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/edrelay/edrelay/internal/relay"
)

const (
	resetAPI     = "$JS.API.CONSUMER.RESET." + relay.StreamEvents + "."
	flowControl  = "$JS.FC.>"
	eventsBranch = "events.>"
	copyBranch   = "readers." // what a reader's mirror is fed on
	readerMemory = 64 << 20   // of consumers without a place on disk
)

// systemClaims are those of the system account.
func (a *Authority) systemClaims() *jwt.AccountClaims {
	claims := jwt.NewAccountClaims(public(a.system))
	claims.Name = "SYS"
	return claims
}

// servicesClaims are those of edrelay's account. It lends out the events themselves and what readers' mirrors need.
// Only accounts signed by this operator exist, and each imports its own part.
func (a *Authority) servicesClaims() *jwt.AccountClaims {
	claims := jwt.NewAccountClaims(public(a.services))
	claims.Name = "EDRELAY"
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{
		MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit,
	}
	claims.Exports = jwt.Exports{
		{Name: "events", Subject: eventsBranch, Type: jwt.Stream},
		{Name: "copies", Subject: copyBranch + "*", Type: jwt.Stream},
		{Name: "copies begin", Subject: resetAPI + "*", Type: jwt.Service},
		{Name: "copies flow", Subject: flowControl, Type: jwt.Service, ResponseType: jwt.ResponseTypeSingleton},
	}
	return claims
}

// readerClaims are those of a reader's account: its events live, and the feed of its mirror.
func (a *Authority) readerClaims(r reader) *jwt.AccountClaims {
	claims := jwt.NewAccountClaims(r.Account)
	claims.Name = r.Name
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{
		MemoryStorage: readerMemory, DiskStorage: jwt.NoLimit, Streams: 1, Consumer: jwt.NoLimit,
	}
	source := public(a.services)
	consumer := r.copyConsumer()
	claims.Imports = jwt.Imports{
		{Name: "copy", Account: source, Subject: jwt.Subject(r.copySubject()), Type: jwt.Stream},
		{Name: "copy begins", Account: source, Subject: jwt.Subject(resetAPI + consumer),
			LocalSubject: jwt.RenamingSubject(apiPrefix + ".CONSUMER.RESET." + relay.StreamEvents + "." + consumer), Type: jwt.Service},
		{Name: "copy flows", Account: source, Subject: jwt.Subject("$JS.FC." + relay.StreamEvents + "." + consumer + ".*"), Type: jwt.Service},
		{Name: "copy flows, newer form", Account: source, Subject: jwt.Subject("$JS.FC.*.*." + relay.StreamEvents + "." + consumer + ".*"), Type: jwt.Service},
	}
	for _, subject := range r.Allow {
		claims.Imports.Add(&jwt.Import{Name: subject, Account: source, Subject: jwt.Subject(subject), Type: jwt.Stream})
	}
	if r.RevokedAt != nil {
		claims.Imports = nil
		if r.ready() {
			claims.Revocations = jwt.RevocationList{r.User: r.RevokedAt.Unix() + 1}
		}
	}
	return claims
}

func (a *Authority) readerToken(r reader) (string, error) {
	token, err := a.readerClaims(r).Encode(a.operator)
	if err != nil {
		return "", fmt.Errorf("sign account %s: %w", r.Name, err)
	}
	return token, nil
}

// credentials makes a user of an account and gives the text of its .creds file; 0 is no end.
func credentials(account nkeys.KeyPair, name string, rights jwt.Permissions, lifetime time.Duration) (creds []byte, user string, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, "", fmt.Errorf("make a NATS user: %w", err)
	}
	claims := jwt.NewUserClaims(public(pair))
	claims.Name = name
	claims.Permissions = rights
	if lifetime > 0 {
		claims.Expires = time.Now().Add(lifetime).Unix()
	}
	token, err := claims.Encode(account)
	if err != nil {
		return nil, "", fmt.Errorf("sign a NATS user: %w", err)
	}
	seed, err := pair.Seed()
	if err != nil {
		return nil, "", fmt.Errorf("make a NATS user: %w", err)
	}
	creds, err = jwt.FormatUserConfig(token, seed)
	if err != nil {
		return nil, "", fmt.Errorf("write NATS credentials: %w", err)
	}
	return creds, public(pair), nil
}
