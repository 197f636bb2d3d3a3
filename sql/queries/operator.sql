-- name: InsertAPIKey :exec
INSERT INTO api_keys (id, name, role, hash, created_at, expires_at) VALUES (@id, @name, @role, @hash, @created_at, @expires_at);

-- name: GetAPIKeyByHash :one
SELECT * FROM api_keys WHERE hash = @hash;

-- name: RevokeAPIKey :one
UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = @id RETURNING *;

-- name: ListAPIKeys :many
SELECT * FROM api_keys
WHERE (@before_id::text = '' OR (created_at, id) < (@before_time::timestamptz, @before_id))
  AND (@state::text = '' OR @state = CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= now() THEN 'expired' ELSE 'active' END)
ORDER BY created_at DESC, id DESC LIMIT @at_most;

-- name: InsertAudit :exec
INSERT INTO audit_trail (at, who, role, action, target, status, detail) VALUES (@at, @who, @role, @action, @target, @status, @detail);

-- name: ListAudit :many
SELECT * FROM audit_trail
WHERE (@who::text = '' OR who = @who) AND (@action::text = '' OR action = @action) AND (@target::text = '' OR target = @target)
  AND (@state::text = '' OR @state = CASE WHEN status IN (401, 403) THEN 'refused' WHEN status >= 400 THEN 'failed' ELSE 'done' END)
  AND at >= @since::timestamptz AND at < @until::timestamptz AND (@before_id::bigint = 0 OR id < @before_id)
ORDER BY id DESC LIMIT @at_most;
