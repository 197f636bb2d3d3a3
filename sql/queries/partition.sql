-- name: MaintainPartitions :one
SELECT maintain_partitions(@at::timestamptz)::integer;

-- name: KeepTable :exec
UPDATE partitioned_tables SET keep = make_interval(secs => @seconds::float8) WHERE name = @name;
