package enroller

import (
	"context"

	"github.com/edrelay/edrelay/internal/relay"
)

// publishOutbox puts changes of state on the log until ctx is done.
func (s *Service) publishOutbox(ctx context.Context) {
	const most = 500
	for {
		n, err := s.Ledger.DrainOutbox(ctx, most, s.publish)
		if err != nil {
			s.ledgerTrouble(ctx, "events not published yet", err)
		}
		if n == most {
			continue
		}
		if !sleep(ctx, s.Policy.Poll*4, s.told) {
			return
		}
	}
}

func (s *Service) publish(ctx context.Context, messages []relay.Message) (int, error) {
	receipts, err := s.Publisher.PublishBatch(ctx, messages)
	if err != nil {
		return 0, err // what was written is a duplicate next time
	}
	s.metrics.published(len(receipts))
	return len(receipts), nil
}
