package natsauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/edrelay/edrelay/internal/relay"
)

const (
	adminLifetime = 5 * time.Minute // of the user that makes a reader's mirror
	catchUp       = 5 * time.Second // longest wait of Add for what the log already holds
	lookEvery     = 20 * time.Millisecond
	copyPending   = 1000
)

// announce tells the server what an account may do; it takes effect at once, also for connected users.
func (u *Users) announce(ctx context.Context, r reader) error {
	token, err := u.Authority.readerToken(r)
	if err != nil {
		return err
	}
	nc, err := u.connect(nats.UserCredentials(u.Authority.SystemCredentialsFile()))
	if err != nil {
		return err
	}
	defer nc.Close()
	answer, err := nc.RequestWithContext(ctx, "$SYS.REQ.CLAIMS.UPDATE", []byte(token))
	if err != nil {
		return unavailable("the NATS server does not take accounts from edrelay", err)
	}
	var verdict struct {
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &verdict); err != nil {
		return unavailable("the NATS server's answer about an account is unreadable", err)
	}
	if verdict.Error != nil {
		return unavailable("the NATS server refuses the account", errors.New(verdict.Error.Description))
	}
	return nil
}

// makeMirror feeds a copy of the allowed events into the reader's account. The copy can be made again from the log, so
// it needn't be fsynced with every message.
func (u *Users) makeMirror(ctx context.Context, r reader, key nkeys.KeyPair) error {
	log, closeLog, err := u.jetStream(nats.UserCredentials(u.Authority.CredentialsFile()))
	if err != nil {
		return err
	}
	defer closeLog()
	events, err := log.Stream(ctx, relay.StreamEvents)
	if err != nil {
		return fmt.Errorf("look up the stream of events: %w", err)
	}
	_, err = log.CreateOrUpdatePushConsumer(ctx, relay.StreamEvents, jetstream.ConsumerConfig{
		Durable: r.copyConsumer(), Description: "copies events to the NATS user " + r.Name,
		DeliverSubject: r.copySubject(), FilterSubjects: r.Allow, DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy: jetstream.AckFlowControlPolicy, FlowControl: true, IdleHeartbeat: time.Second, MaxAckPending: copyPending,
	})
	if err != nil {
		return fmt.Errorf("make the consumer of a NATS user: %w", err)
	}
	admin, closeAdmin, err := u.admin(key)
	if err != nil {
		return err
	}
	defer closeAdmin()
	mirror, err := admin.CreateOrUpdateStream(ctx, mirrorConfig(r, events.CachedInfo().Config))
	if err != nil {
		return fmt.Errorf("make the mirror of a NATS user: %w", err)
	}
	return awaitCopy(ctx, mirror)
}

func mirrorConfig(r reader, log jetstream.StreamConfig) jetstream.StreamConfig {
	config := jetstream.StreamConfig{
		Name: relay.StreamEvents, Description: "events that this user may read", Storage: jetstream.FileStorage,
		Retention: jetstream.LimitsPolicy, MaxAge: log.MaxAge, Replicas: log.Replicas, AllowDirect: true,
		Mirror: &jetstream.StreamSource{
			Name:     relay.StreamEvents,
			External: &jetstream.ExternalStream{APIPrefix: apiPrefix},
			Consumer: &jetstream.StreamConsumerSource{Name: r.copyConsumer(), DeliverSubject: r.copySubject()},
		},
	}
	if log.Replicas <= 1 {
		config.PersistMode = jetstream.AsyncPersistMode
	}
	return config
}

// awaitCopy waits until the mirror has what the log held when it was made, for a while.
func awaitCopy(ctx context.Context, mirror jetstream.Stream) error {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	for {
		info, err := mirror.Info(ctx)
		if err == nil && info.Mirror != nil && info.Mirror.Error == nil && info.Mirror.Active >= 0 && info.Mirror.Lag == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			if err == nil && info.Mirror != nil && info.Mirror.Active >= 0 {
				return nil // it runs and has much to copy
			}
			return unavailable("the copy of the events does not begin", ctx.Err())
		case <-time.After(lookEvery):
		}
	}
}

// dropCopy removes a reader's copy and what fed it.
func (u *Users) dropCopy(ctx context.Context, r reader) error {
	log, closeLog, err := u.jetStream(nats.UserCredentials(u.Authority.CredentialsFile()))
	if err != nil {
		return err
	}
	defer closeLog()
	err = log.DeleteConsumer(ctx, relay.StreamEvents, r.copyConsumer())
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("remove the consumer of a NATS user: %w", err)
	}
	key, err := u.key(r.Account)
	if err != nil {
		return err
	}
	admin, closeAdmin, err := u.admin(key)
	if err != nil {
		return err
	}
	defer closeAdmin()
	err = admin.DeleteStream(ctx, relay.StreamEvents)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("remove the mirror of a NATS user: %w", err)
	}
	return nil
}

// admin connects with every right in a reader's account, for a few minutes.
func (u *Users) admin(key nkeys.KeyPair) (jetstream.JetStream, func(), error) {
	creds, _, err := credentials(key, "edrelay", jwt.Permissions{}, adminLifetime)
	if err != nil {
		return nil, nil, err
	}
	return u.jetStream(nats.UserCredentialBytes(creds))
}

func (u *Users) jetStream(who nats.Option) (jetstream.JetStream, func(), error) {
	nc, err := u.connect(who)
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, nil, fmt.Errorf("open JetStream: %w", err)
	}
	return js, nc.Close, nil
}

func (u *Users) connect(who nats.Option) (*nats.Conn, error) {
	options := []nats.Option{who, nats.Name("edrelay nats-user")}
	if u.InProcess != nil {
		options = append(options, nats.InProcessServer(u.InProcess))
	}
	nc, err := nats.Connect(u.URL, options...)
	if err != nil {
		return nil, &relay.Error{
			Code: relay.CodeUnavailable, Message: "the NATS server does not know this edrelay's operator keys", Err: err,
			Hint: "NATS users need a server in operator mode that trusts the keys in data_dir/nats-auth",
		}
	}
	return nc, nil
}

func unavailable(message string, err error) *relay.Error {
	return &relay.Error{Code: relay.CodeUnavailable, Message: message, Err: err}
}
