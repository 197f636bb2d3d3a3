package store

import (
	"context"
	"time"

	"github.com/edrelay/edrelay/sql/pgdb"
)

// MaintainPartitions makes the partitions that the tables of partitioned_tables need around the time given and drops
// those past keeping. It says how many changed. Call it at start and once an hour; calls wait for one another.
func (s *Store) MaintainPartitions(ctx context.Context, at time.Time) (int, error) {
	changed, err := s.query.MaintainPartitions(ctx, at)
	return int(changed), wrap("maintain partitions", err)
}

// KeepTable sets how long the rows of a partitioned table are kept.
func (s *Store) KeepTable(ctx context.Context, table string, keep time.Duration) error {
	return wrap("set retention of "+table, s.query.KeepTable(ctx, pgdb.KeepTableParams{Name: table, Seconds: keep.Seconds()}))
}
