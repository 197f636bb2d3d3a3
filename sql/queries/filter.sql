-- name: ListFilters :many
SELECT * FROM filters ORDER BY name;

-- name: FilterVersion :one
SELECT version FROM filter_version;

-- name: BumpFilterVersion :one
UPDATE filter_version SET version = version + 1 RETURNING version;

-- name: BeatFilterService :exec
INSERT INTO filter_services (id, seen) VALUES (@id, @seen)
ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, alive_at = now();

-- name: ForgetFilterServices :exec
DELETE FROM filter_services WHERE id = @id OR alive_at < now() - interval '1 hour';

-- name: BehindFilterServices :one
-- How many of those alive do not have the version in force yet.
SELECT count(*) FROM filter_services WHERE alive_at > now() - make_interval(secs => @seconds::float8) AND seen < @version;

-- name: PutFilters :batchexec
INSERT INTO filters (name, class, sealed_url, declaration, paused) VALUES (@name, @class, @sealed_url, @declaration, @paused)
ON CONFLICT (name) DO UPDATE SET
    class = excluded.class, sealed_url = excluded.sealed_url, declaration = excluded.declaration, paused = excluded.paused, updated_at = now();

-- name: RemoveFilters :exec
DELETE FROM filters WHERE name = ANY(@names::text[]);

-- name: RecordFilterCalls :batchexec
INSERT INTO filter_calls (asked_at, id, question, name, class, outcome, status, error, exception, changed, dropped, duration_ms)
VALUES (@asked_at, @id, @question, @name, @class, @outcome, @status, @error, @exception, @changed, @dropped, @duration_ms)
ON CONFLICT DO NOTHING;

-- name: ListFilterCalls :many
SELECT * FROM filter_calls
WHERE (@name::text = '' OR name = @name) AND (@class::text = '' OR class = @class) AND (@outcome::text = '' OR outcome = @outcome)
  AND asked_at >= @since::timestamptz AND asked_at < @until::timestamptz
  AND (@before_id::text = '' OR (asked_at, id) < (@before_time::timestamptz, @before_id))
ORDER BY asked_at DESC, id DESC LIMIT @at_most;
