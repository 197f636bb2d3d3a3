-- name: ClaimIdempotencyKey :execrows
-- The key is the owner's to work when it is new, or older than what is kept.
INSERT INTO idempotency_keys (id, request, owner, lease_until)
VALUES (@id, @request, @owner, now() + make_interval(secs => @lease_seconds::float8))
ON CONFLICT (id) DO UPDATE SET request = excluded.request, owner = excluded.owner, lease_until = excluded.lease_until, status = 0,
    media = '', answer = '', created_at = now()
WHERE idempotency_keys.created_at < now() - make_interval(secs => @keep_seconds::float8);

-- name: GetIdempotencyKey :one
SELECT *, (lease_until > now())::boolean AS alive FROM idempotency_keys WHERE id = @id;

-- name: TakeIdempotencyKey :execrows
-- From an owner that died.
UPDATE idempotency_keys SET owner = @owner, lease_until = now() + make_interval(secs => @lease_seconds::float8)
WHERE id = @id AND status = 0 AND lease_until < now();

-- name: RenewIdempotencyKey :exec
UPDATE idempotency_keys SET lease_until = now() + make_interval(secs => @lease_seconds::float8)
WHERE id = @id AND owner = @owner AND status = 0;

-- name: FinishIdempotencyKey :exec
UPDATE idempotency_keys SET status = @status, media = @media, answer = @answer WHERE id = @id AND owner = @owner AND status = 0;

-- name: DropIdempotencyKey :exec
DELETE FROM idempotency_keys WHERE id = @id AND owner = @owner AND status = 0;

-- name: ForgetIdempotencyKeys :execrows
DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(secs => @keep_seconds::float8);
