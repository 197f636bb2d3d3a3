-- name: AddToOutbox :batchexec
INSERT INTO outbox (dedup_id, event_type, about, at, body, trace) VALUES (@dedup_id, @event_type, @about, @at, @body, @trace)
ON CONFLICT (dedup_id) DO NOTHING;

-- name: TakeFromOutbox :many
SELECT * FROM outbox ORDER BY id LIMIT @at_most FOR UPDATE SKIP LOCKED;

-- name: DropFromOutbox :exec
DELETE FROM outbox WHERE id = ANY(@ids::bigint[]);

-- name: CountOutbox :one
SELECT count(*) FROM outbox;
