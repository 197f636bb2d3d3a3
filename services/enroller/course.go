package enroller

import (
	"context"
	"sync"
	"time"

	"github.com/edrelay/edrelay/internal/relay"
	"github.com/edrelay/edrelay/services/enroller/lms"
)

// courses remembers which courses the LMS has.
type courses struct {
	mu    sync.Mutex
	known map[string]time.Time // course → when it was last seen
}

// courseExists tells whether the LMS has a course. Absence is asked for each time, since a course may appear.
func (s *Service) courseExists(ctx context.Context, course string) (bool, lms.Verdict) {
	now := s.Now()
	s.courses.mu.Lock()
	seen, ok := s.courses.known[course]
	s.courses.mu.Unlock()
	if ok && now.Sub(seen) < s.Policy.SKUFresh {
		return true, lms.Verdict{Kind: lms.Answered}
	}
	exists, verdict := s.LMS.Course(ctx, course)
	if verdict.Kind == lms.Answered && exists {
		s.courses.mu.Lock()
		defer s.courses.mu.Unlock()
		if len(s.courses.known) > 10_000 {
			clear(s.courses.known)
		}
		s.courses.known[course] = now
	}
	return exists, verdict
}

// lookUpSKUs asks the LMS for the courses of SKUs until ctx is done.
func (s *Service) lookUpSKUs(ctx context.Context) {
	const atOnce = 8
	for sleep(ctx, s.Policy.Poll, s.wanted) {
		now := s.Now()
		list, err := s.Ledger.ClaimSKUs(ctx, now, now.Add(5*time.Minute), atOnce)
		if err != nil {
			s.ledgerTrouble(ctx, "SKUs not claimed", err)
			continue
		}
		var group sync.WaitGroup
		for _, sku := range list {
			group.Go(func() { s.lookUp(ctx, sku) })
		}
		group.Wait()
		if len(list) == atOnce {
			poke(s.wanted)
		}
	}
}

func (s *Service) lookUp(ctx context.Context, asked relay.SKU) {
	found, verdict := s.LMS.LookUp(ctx, asked.SKU)
	if ctx.Err() != nil {
		return // it falls due again by itself
	}
	if verdict.Kind == lms.Answered {
		s.Log.Info("SKU looked up", "sku", asked.SKU, "state", found.State, "course", found.Course)
		if err := s.Ledger.AnswerSKU(ctx, found); err != nil {
			s.ledgerTrouble(ctx, "SKU not recorded", err)
		}
		return
	}
	again := max(s.Policy.delay(asked.Attempts+1), verdict.After)
	s.Log.Warn("SKU not looked up", "sku", asked.SKU, "reason", verdict.Reason, "again_in", again.String())
	if err := s.Ledger.PostponeSKU(ctx, asked.SKU, verdict.Reason, s.Now().Add(again)); err != nil {
		s.ledgerTrouble(ctx, "SKU not recorded", err)
	}
}

// resolveOrders plans orders anew whose SKUs were answered, by whichever process, until ctx is done.
func (s *Service) resolveOrders(ctx context.Context) {
	const atOnce = 200
	for sleep(ctx, s.Policy.Poll, nil) {
		keys, err := s.Ledger.OrdersToResolve(ctx, atOnce)
		if err == nil && len(keys) > 0 {
			err = s.resolve(ctx, keys)
		}
		if err != nil {
			s.ledgerTrouble(ctx, "orders not resolved", err)
		}
	}
}

func (s *Service) resolve(ctx context.Context, keys []relay.OrderKey) error {
	var skus []string
	for _, key := range keys {
		rows, err := s.Ledger.WorkOfOrder(ctx, key)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Course == "" {
				skus = append(skus, row.SKU)
			}
		}
	}
	known, err := s.Ledger.KnownSKUs(ctx, skus, time.Time{})
	if err != nil {
		return err
	}
	now := s.Now()
	err = s.Ledger.ChangeOrders(ctx, keys, func(records map[relay.OrderKey]*relay.OrderRecord) ([]relay.Webhook, error) {
		for _, record := range records {
			list, notes := wants(&record.State, known)
			apply(record, list, s.Policy.EmailStudents, now)
			record.Notes = notes
			if len(record.Rows) == 0 {
				record.Ignored = "no line of the order is a course"
			}
		}
		return nil, nil
	})
	poke(s.kick)
	poke(s.told)
	return err
}

// ledgerTrouble notes that the ledger failed and waits a moment.
func (s *Service) ledgerTrouble(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	s.Log.Warn(what, "error", err)
	sleep(ctx, time.Second, nil)
}
