package learner

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
)

// Of an erasure under way.
const (
	beat        = 2 * time.Second  // between records of how far it is
	stale       = 15 * time.Second // without one, its process is taken for dead
	tellEvery   = 200 * time.Millisecond
	mostBlocked = 100
)

// Forget erases a learner from log and ledger. watch (nil: nobody) hears of the erasure when it has begun and as it goes
// on. What blocks is in the result, whose state is then incomplete; with an error the state is failed, and the same order
// again finishes the work. CodeConflict: the same learner is being forgotten right now.
func (o *Office) Forget(ctx context.Context, ask relay.ForgetLearner, by relay.Operator, watch func(relay.Erasure)) (relay.Erasure, error) {
	a, err := parseAddress(ask.Address)
	if err != nil {
		return relay.Erasure{}, err
	}
	if watch == nil {
		watch = func(relay.Erasure) {}
	}
	j := &job{office: o, ask: ask, watch: watch, received: map[string]int{}, sources: map[string]int{}, readers: map[string]int{}}
	j.erasure, err = o.newErasure(ctx, a, by)
	if err != nil {
		return relay.Erasure{}, err
	}
	if ask.DryRun {
		return j.plan(ctx)
	}
	if err := o.Ledger.BeginErasure(ctx, j.erasure, stale); err != nil {
		if relay.CodeOf(err) == relay.CodeConflict {
			err = &relay.Error{Code: relay.CodeConflict, Message: "this learner is being forgotten right now", Hint: "edrelay learner erasures shows how far it is.", Err: err}
		}
		return relay.Erasure{}, err
	}
	o.Logger.Info("learner is being forgotten", "erasure", j.erasure.ID, "by", by.Name)
	watch(j.erasure)
	return j.run(ctx, by)
}

func (o *Office) newErasure(ctx context.Context, a address, by relay.Operator) (relay.Erasure, error) {
	hash, err := o.hash(ctx, a)
	return relay.Erasure{
		ID: strings.ToLower(rand.Text()[:10]), State: relay.ErasureRunning, By: by.Name, Learner: hash,
		As: relay.ForgottenAddress(rand.Text()[:16]), Step: "beginning", Samples: []relay.HeldMessage{}, Blocked: []relay.BlockedErasure{},
		Beyond: []relay.BeyondReach{}, Remarks: []string{}, StartedAt: o.Now().UTC(),
	}, err
}

// hash stands for an address in records that are kept.
func (o *Office) hash(ctx context.Context, a address) (string, error) {
	key, err := o.Ledger.ErasureKey(ctx)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(a.text))
	return hex.EncodeToString(mac.Sum(nil)[:16]), nil
}

// Erasure gives one.
func (o *Office) Erasure(ctx context.Context, id string) (relay.Erasure, error) {
	return o.Ledger.Erasure(ctx, id)
}

// Erasures lists them, newest first.
func (o *Office) Erasures(ctx context.Context, page relay.Page) ([]relay.Erasure, error) {
	return o.Ledger.Erasures(ctx, page, "")
}

// job is one erasure under way.
type job struct {
	office *Office
	ask    relay.ForgetLearner
	person *person
	watch  func(relay.Erasure)

	mu      sync.Mutex
	erasure relay.Erasure
	told    time.Time

	waited   time.Duration  // of Patience
	blocked  int            // also those not named
	open     []relay.Due    // erased events that somebody was still to be given
	received map[string]int // events delivered, by subscription
	sources  map[string]int // webhooks, by source
	readers  map[string]int // copies, by NATS user
}

// change works on the erasure's record.
func (j *job) change(work func(*relay.Erasure)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	work(&j.erasure)
}

func (j *job) now() relay.Erasure {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.erasure
}

func (j *job) tell(step string, scanned, total int64) {
	now := time.Now()
	j.change(func(e *relay.Erasure) { e.Step, e.Scanned, e.Total = step, scanned, total })
	if now.Sub(j.told) >= tellEvery {
		j.told = now
		j.watch(j.now())
	}
}

func (j *job) remark(text string) {
	j.change(func(e *relay.Erasure) { e.Remarks = append(e.Remarks[:len(e.Remarks):len(e.Remarks)], text) })
}

// block notes what could not be erased.
func (j *job) block(what, why, do string) {
	if j.blocked++; j.blocked > mostBlocked {
		return
	}
	j.change(func(e *relay.Erasure) {
		e.Blocked = append(e.Blocked[:len(e.Blocked):len(e.Blocked)], relay.BlockedErasure{What: what, Why: why, Do: do})
	})
}

// run does all the work and records how it ended.
func (j *job) run(ctx context.Context, by relay.Operator) (relay.Erasure, error) {
	beating, stop := context.WithCancel(ctx)
	beats := make(chan struct{})
	go func() { defer close(beats); j.beat(beating) }()
	err := j.work(ctx)
	stop()
	<-beats
	return j.finish(ctx, by, err)
}

func (j *job) beat(ctx context.Context) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = j.office.Ledger.SaveErasure(ctx, j.now()) // the next one says the same
		}
	}
}

func (j *job) work(ctx context.Context) (err error) {
	if j.person, err = j.office.find(ctx, j.ask.Address, j.ask.AddressOnly, j.tell); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		// The ledger early, so that nothing more is asked of the LMS; again when all webhooks are worked.
		j.recall, j.ledger, j.webhooks, j.ledger, j.events, j.rejected, j.mirrors, j.afterwards,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// recall tells of an earlier erasure of the same learner that was killed: the server marks a message as deleted before it
// takes the bytes out, and what is marked can't be deleted again.
func (j *job) recall(ctx context.Context) error {
	const most = 50
	earlier, err := j.office.Ledger.Erasures(ctx, relay.Page{Limit: most}, j.erasure.Learner)
	for _, e := range earlier {
		if e.Error == relay.ErasureLost {
			j.remark("Erasure " + e.ID + " of this learner was killed. The one message that it was erasing just then may still have its bytes in a block of the log, " +
				"though nobody can read it, until the block is compacted or older than the stream's retention.")
		}
	}
	return err
}

func (j *job) finish(ctx context.Context, by relay.Operator, err error) (relay.Erasure, error) {
	now := j.office.Now().UTC()
	j.change(func(e *relay.Erasure) {
		e.FinishedAt, e.Step, e.Beyond = &now, "", j.beyond()
		switch {
		case err != nil:
			e.State, e.Error = relay.ErasureFailed, relay.PublicMessage(err)
		case j.blocked > 0:
			e.State = relay.ErasureIncomplete
		default:
			e.State = relay.ErasureDone
		}
	})
	if j.blocked > mostBlocked {
		j.remark(strconv.Itoa(j.blocked-mostBlocked) + " more that block are not named.")
	}
	ended := j.now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	j.office.Logger.Info("learner forgotten", "erasure", ended.ID, "by", by.Name, "state", ended.State, "erased", ended.Counts.Total(), "blocked", j.blocked, "error", err)
	if saveErr := j.office.Ledger.SaveErasure(ctx, ended); err == nil {
		err = saveErr
	}
	if auditErr := j.office.Ledger.RecordAudit(ctx, auditOf(ended, by)); err == nil {
		err = auditErr
	}
	j.watch(ended)
	return ended, err
}

// auditOf is the entry of the audit trail: who, when, how much, and a hash instead of the address.
func auditOf(e relay.Erasure, by relay.Operator) relay.AuditEntry {
	c := e.Counts
	status := map[relay.ErasureState]int{relay.ErasureDone: 200, relay.ErasureIncomplete: 409, relay.ErasureFailed: 500}[e.State]
	detail := map[string]string{"learner": e.Learner, "state": string(e.State), "blocked": strconv.Itoa(len(e.Blocked))}
	for name, n := range map[string]int{
		"webhooks": c.Webhooks, "rejected": c.Rejected, "events": c.Events, "copies": c.Copies, "orders": c.Orders, "enrollments": c.Enrollments,
		"deliveries": c.Deliveries, "roster": c.Roster + c.Pending, "other": c.Outbox + c.Replays + c.Texts,
	} {
		detail[name] = strconv.Itoa(n)
	}
	return relay.AuditEntry{At: *e.FinishedAt, Who: by.Name, Role: by.Role, Action: "learner forget", Target: e.ID, Status: status, Detail: detail}
}
