// Package desk answers operators' questions from log and ledger: for the REST API and for the console in the browser.
package desk

import (
	"context"
	"encoding/json"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// Desk answers from its ports. Methods whose port is nil must not be called.
type Desk struct {
	Ports Ports
}

// Ports are the parts of edrelay that the console shows and steers. Lists return at most Page.Limit rows (always set
// by the console), newest first; a thing that does not exist is relay.ErrNotFound.
type Ports struct {
	Webhooks      Webhooks
	Enrollments   Enrollments
	Sources       Sources
	Log           Log
	Figures       Figures
	Keys          Keys
	Audit         Audit
	Idempotency   Idempotency // nil: Idempotency-Key is not understood
	Retry         Retry
	Reverify      Reverify
	Reconcile     Reconcile
	Replays       Replays
	Publish       Publish
	NATSUsers     NATSUsers // nil: the NATS server trusts somebody else's keys
	Filters       Filters
	Subscriptions Subscriptions
	Deliveries    Deliveries
	Tokens        Tokens
	Roster        Roster
	Learners      Learners
	Erased        Erased // nil: nothing is ever erased
	Alarms        Alarms
	SyncRoster    func(context.Context) (relay.RosterSync, error) // nil: no LMS is configured
}

// Webhooks is the ledger of verified webhooks.
type Webhooks interface {
	Webhooks(context.Context, relay.WebhookQuery) ([]relay.Webhook, error)
	Webhook(ctx context.Context, id string) (relay.Webhook, error)
	// KnownWebhooks tells which of the sequences of WEBHOOKS are in the ledger.
	KnownWebhooks(ctx context.Context, sequences []uint64) (map[uint64]bool, error)
}

// Enrollments is the ledger of enrolments.
type Enrollments interface {
	Enrollments(context.Context, relay.EnrollmentQuery) ([]relay.Enrollment, error)
	Enrollment(ctx context.Context, id int64) (relay.Enrollment, error)
	// Attempts gives what the LMS answered, newest first.
	Attempts(ctx context.Context, id int64, limit int) ([]relay.Attempt, error)
}

// Figures count what the overview shows.
type Figures interface {
	WebhookFlow(ctx context.Context, since time.Time, step time.Duration) ([]relay.Slot, error)
	EnrollmentFlow(ctx context.Context, since time.Time, step time.Duration) ([]relay.Slot, error)
	// Flow gives what was counted of a kind (see relay.FlowStep) since a time, one slot a step.
	Flow(ctx context.Context, kind string, since time.Time, step time.Duration) ([]relay.Slot, error)
	CountParkedWebhooks(context.Context) (int, error)
	// CountParkedDeliveries counts by the name of the subscription, up to limit in all.
	CountParkedDeliveries(ctx context.Context, limit int) (map[string]int, error)
	CountEnrollments(context.Context) (map[relay.EnrollmentState]int, error)
	CountReasons(context.Context) ([]relay.ReasonCount, error)
	EnrollerStatus(context.Context) ([]relay.EnrollerStatus, error)
}

// Alarms are what works still and will not for long; nil where nobody watches.
type Alarms interface {
	// Alarms gives those that stand, the worst first.
	Alarms(context.Context) ([]relay.Alarm, error)
}

// Sources are the configured senders.
type Sources interface {
	Sources(context.Context) ([]relay.Source, error)
	// TestSource posts a signed test webhook of the source to the door and says what it answered.
	TestSource(ctx context.Context, name string) (relay.SourceTest, error)
}

// Log reads the streams.
type Log interface {
	// Newest gives the messages of a stream on subjects that match any of the patterns (none: all), newest first.
	Newest(context.Context, relay.LogQuery) ([]relay.Received, error)
	// LastSequence gives the sequence of the newest message that a stream has taken.
	LastSequence(ctx context.Context, stream string) (uint64, error)
	// Walk reads forwards until visit says false.
	Walk(ctx context.Context, walk relay.LogWalk, visit func(relay.Received) (more bool, err error)) error
	// Message gives one message by its sequence.
	Message(ctx context.Context, stream string, sequence uint64) (relay.Received, error)
}

// Keys are the API keys of operators.
type Keys interface {
	APIKeys(context.Context, relay.APIKeyQuery) ([]relay.APIKey, error)
	// APIKeyByHash gives the key with this SHA-256, revoked or not.
	APIKeyByHash(ctx context.Context, hash []byte) (relay.APIKey, error)
	CreateAPIKey(ctx context.Context, key relay.APIKey, hash []byte) error
	// RevokeAPIKey ends a key; doing it again changes nothing.
	RevokeAPIKey(ctx context.Context, id string) (relay.APIKey, error)
}

// Filters are the URLs that Open edX's filters are asked of. Declarations are JSON objects with the names of the
// declaration file; unknown keys are errors. Changes are in force when a method returns.
type Filters interface {
	Filters(context.Context) ([]relay.Filter, error) // by class, position and name
	Filter(ctx context.Context, name string) (relay.Filter, error)
	AddFilter(ctx context.Context, declaration []byte) (relay.Filter, error)
	EditFilter(ctx context.Context, name string, change []byte) (relay.Filter, error)
	EnableFilter(ctx context.Context, name string, enabled bool) (relay.Filter, error)
	RemoveFilter(ctx context.Context, name string) error
	// ApplyFilters makes the declarations so, all or none, and says what changed, or would with dryRun.
	ApplyFilters(ctx context.Context, declarations []json.RawMessage, dryRun, prune bool) ([]relay.Change, error)
	// TestFilter asks one filter a made-up question of a class; "" is its own.
	TestFilter(ctx context.Context, name, class string) (relay.FilterTest, error)
	FilterCalls(context.Context, relay.FilterCallQuery) ([]relay.FilterCall, error)
}

// NATSUsers are the services that read events from NATS.
type NATSUsers interface {
	List(context.Context, relay.NATSUserQuery) ([]relay.NATSUser, error)
	// Add makes credentials for a new name; they are given this once.
	Add(ctx context.Context, name string, allow []string) (relay.NATSCredentials, error)
	// Revoke ends credentials; doing it again changes nothing.
	Revoke(ctx context.Context, name string) (relay.NATSUser, error)
}

// Audit is the trail of what operators did.
type Audit interface {
	RecordAudit(context.Context, relay.AuditEntry) error
	AuditTrail(context.Context, relay.AuditQuery) ([]relay.AuditEntry, error)
}

// Idempotency keeps what requests with an Idempotency-Key came to. Ids and requests are digests; one request is worked by
// its owner alone while the lease lasts.
type Idempotency interface {
	// ClaimKey makes a request the owner's to work; false when it was made before.
	ClaimKey(ctx context.Context, id, request []byte, owner string, lease time.Duration) (mine bool, err error)
	KeyAnswer(ctx context.Context, id []byte) (relay.KeptAnswer, error)
	// TakeKey makes a request the owner's whose worker died.
	TakeKey(ctx context.Context, id []byte, owner string, lease time.Duration) (mine bool, err error)
	RenewKey(ctx context.Context, id []byte, owner string, lease time.Duration) error
	FinishKey(ctx context.Context, id []byte, owner string, status int, media string, sealed []byte) error
	// DropKey lets the request be made anew.
	DropKey(ctx context.Context, id []byte, owner string) error
}

// Retry makes enrolments due again.
type Retry interface {
	// Retry makes one enrolment due now; its learner is mailed only when mail says so.
	Retry(ctx context.Context, id int64, mail bool) (relay.Enrollment, error)
	// RetryAll makes all due that the query chooses (the parked ones when it names no state) and says how many.
	RetryAll(ctx context.Context, query relay.EnrollmentQuery, mail bool) (int, error)
}

// Reverify verifies rejected webhooks again from the bytes that were kept; those that pass are taken as if new.
type Reverify interface {
	Reverify(context.Context, relay.ReverifyQuery) ([]relay.Reverified, error)
}

// Reconcile compares the log with the ledger and, when asked, with the LMS.
type Reconcile interface {
	Reconcile(ctx context.Context, lms bool) (relay.Reconciliation, error)
}

// Tokens are the bearer tokens of the enrolment endpoint and the clients that fetch them.
type Tokens interface {
	Tokens(context.Context, relay.TokenQuery) ([]relay.Token, error)
	CreateToken(ctx context.Context, token relay.Token, hash []byte) error
	RevokeToken(ctx context.Context, id string) error
	Clients(context.Context, relay.TokenQuery) ([]relay.Client, error)
	CreateClient(ctx context.Context, client relay.Client, hash []byte) error
	// RotateClient gives a client a further secret; those that it has are good until then.
	RotateClient(ctx context.Context, id string, hash []byte, until time.Time) (relay.Client, error)
	DisableClient(ctx context.Context, id string) (relay.Client, error)
}

// Roster is edrelay's own record of people, course runs and who is in which.
type Roster interface {
	Roster(context.Context, relay.RosterQuery) ([]relay.RosterEntry, error)
	RosterPending(context.Context, relay.Page) ([]relay.RosterPending, error)
	DeactivateRoster(ctx context.Context, id int64) (relay.RosterEntry, error)
	AddPeople(context.Context, []relay.Person) error
	AddCourseRuns(context.Context, []relay.CourseRun) error
}

// Replays process ranges of the log again.
type Replays interface {
	// PlanReplay says exactly what a replay would do.
	PlanReplay(context.Context, relay.ReplayRequest) (relay.ReplayPlan, error)
	StartReplay(ctx context.Context, ask relay.ReplayRequest, by string) (relay.Replay, error)
	Replay(ctx context.Context, id string) (relay.Replay, error)
	Replays(context.Context, relay.ReplayQuery) ([]relay.Replay, error)
	PauseReplay(ctx context.Context, id string) (relay.Replay, error)
	ResumeReplay(ctx context.Context, id string) (relay.Replay, error)
	CancelReplay(ctx context.Context, id string) (relay.Replay, error)
}

// Publish puts events on the log, durably.
type Publish interface {
	Publish(context.Context, relay.Message) (relay.Receipt, error)
}

// Learners finds what is held of a learner and erases it. tell and watch hear how far it is, from one goroutine.
type Learners interface {
	Show(ctx context.Context, ask relay.ShowLearner, tell func(step string, scanned, total int64)) (relay.Held, error)
	// Forget erases; CodeConflict while the same learner is being forgotten. A dry run changes nothing.
	Forget(ctx context.Context, ask relay.ForgetLearner, by relay.Operator, watch func(relay.Erasure)) (relay.Erasure, error)
	Erasure(ctx context.Context, id string) (relay.Erasure, error)
	Erasures(context.Context, relay.Page) ([]relay.Erasure, error)
}

// Erased tells of messages that are gone from the log because their learner was forgotten.
type Erased interface {
	ErasedMessage(ctx context.Context, stream string, sequence uint64) (relay.ErasedMessage, error)
}
