-- name: InsertToken :exec
INSERT INTO tokens (id, name, staff, client_id, hash, created_at, expires_at)
VALUES (@id, @name, @staff, sqlc.narg(client_id), @hash, @created_at, @expires_at);

-- name: GetTokenByHash :one
SELECT t.id, t.name, t.staff, t.client_id, t.created_at, t.expires_at,
       t.revoked_at, c.disabled_at, t.used_at
FROM tokens t LEFT JOIN oauth_clients c ON c.id = t.client_id
WHERE t.hash = @hash;

-- name: TouchToken :exec
UPDATE tokens SET used_at = now() WHERE id = @id AND (used_at IS NULL OR used_at < now() - interval '1 minute');

-- name: RevokeToken :execrows
UPDATE tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = @id;

-- name: ListTokens :many
SELECT t.id, t.name, t.staff, t.client_id, t.created_at, t.expires_at,
       t.revoked_at, c.disabled_at, t.used_at
FROM tokens t LEFT JOIN oauth_clients c ON c.id = t.client_id
WHERE (@before_id::text = '' OR (t.created_at, t.id) < (@before_time::timestamptz, @before_id))
  AND (@state::text = '' OR @state = CASE WHEN coalesce(t.revoked_at, c.disabled_at) IS NOT NULL THEN 'revoked'
                                          WHEN t.expires_at <= now() THEN 'expired' ELSE 'active' END)
ORDER BY t.created_at DESC, t.id DESC LIMIT @at_most;

-- name: DropOldTokens :execrows
DELETE FROM tokens WHERE client_id IS NOT NULL AND expires_at < now() - interval '7 days';

-- name: InsertClient :exec
INSERT INTO oauth_clients (id, name, staff, created_at) VALUES (@id, @name, @staff, @created_at);

-- name: InsertClientSecret :exec
INSERT INTO oauth_secrets (hash, client_id, created_at) VALUES (@hash, @client_id, @created_at);

-- name: EndClientSecrets :exec
UPDATE oauth_secrets SET expires_at = least(expires_at, @ends_at::timestamptz) WHERE client_id = @client_id;

-- name: DropOldClientSecrets :exec
DELETE FROM oauth_secrets WHERE client_id = @client_id AND expires_at < now();

-- name: GetClientBySecret :one
SELECT c.* FROM oauth_clients c JOIN oauth_secrets s ON s.client_id = c.id
WHERE c.id = @id AND s.hash = @hash AND (s.expires_at IS NULL OR s.expires_at > now());

-- name: GetClient :one
SELECT * FROM oauth_clients WHERE id = @id;

-- name: DisableClient :one
UPDATE oauth_clients SET disabled_at = coalesce(disabled_at, now()) WHERE id = @id RETURNING *;

-- name: ListClients :many
SELECT * FROM oauth_clients
WHERE (@before_id::text = '' OR (created_at, id) < (@before_time::timestamptz, @before_id))
  AND (@state::text = '' OR @state = CASE WHEN disabled_at IS NULL THEN 'active' ELSE 'disabled' END)
ORDER BY created_at DESC, id DESC LIMIT @at_most;
