-- name: MovePerson :batchexec
-- A known username with another address: the person has changed the address.
UPDATE people SET email = @email, email_key = lower(@email::text), seen_at = @seen_at
WHERE people.username = @username AND people.username <> '' AND people.email_key <> lower(@email::text) AND people.seen_at <= @seen_at
  AND NOT EXISTS (SELECT 1 FROM people p WHERE p.email_key = lower(@email::text));

-- name: UpsertPerson :batchexec
INSERT INTO people (email_key, email, username, name, seen_at) VALUES (lower(@email::text), @email, @username, @name, @seen_at)
ON CONFLICT (email_key) DO UPDATE SET
    email = excluded.email, username = coalesce(nullif(excluded.username, ''), people.username),
    name = coalesce(nullif(excluded.name, ''), people.name), seen_at = excluded.seen_at
WHERE people.seen_at <= excluded.seen_at;

-- name: UpsertCourseRun :batchexec
INSERT INTO course_runs (course_id, title, starts_at, seen_at) VALUES (@course_id, @title, sqlc.narg(starts_at), @seen_at)
ON CONFLICT (course_id) DO UPDATE SET
    title = coalesce(nullif(excluded.title, ''), course_runs.title), starts_at = coalesce(excluded.starts_at, course_runs.starts_at),
    seen_at = excluded.seen_at
WHERE course_runs.seen_at <= excluded.seen_at;

-- name: GetPerson :one
SELECT * FROM people WHERE email_key = lower(@email::text);

-- name: CourseRunExists :one
SELECT EXISTS (SELECT 1 FROM course_runs WHERE course_id = @course_id);

-- name: EnrollPerson :one
-- An existing record keeps its mode and is active again.
INSERT INTO roster_enrollments (person_id, course_id, mode, role, source, active)
VALUES (@person_id, @course_id, @mode, @role, @source, true)
ON CONFLICT (person_id, course_id) DO UPDATE SET active = true, updated_at = now()
RETURNING id, person_id, course_id, mode, active, created_at, (xmax = 0)::boolean AS created;

-- name: UpsertRosterPending :exec
INSERT INTO roster_pending (email_key, email, course_id, mode, role, source, retry)
VALUES (lower(@email::text), @email, @course_id, @mode, @role, @source, @retry)
ON CONFLICT (email_key, course_id) DO UPDATE SET
    mode = excluded.mode, role = excluded.role, source = excluded.source, retry = excluded.retry, last_at = now();

-- name: DropRosterPending :exec
DELETE FROM roster_pending WHERE email_key = lower(@email::text) AND course_id = @course_id;

-- name: TakeResolvablePending :many
SELECT p.id, p.email, p.course_id, p.mode, p.role, p.source, pe.id AS person_id
FROM roster_pending p JOIN people pe ON pe.email_key = p.email_key JOIN course_runs c ON c.course_id = p.course_id
WHERE p.retry ORDER BY p.id LIMIT @at_most FOR UPDATE OF p SKIP LOCKED;

-- name: ListRosterPending :many
SELECT p.id, p.email, p.course_id, p.mode, p.retry, p.since, p.last_at,
       (pe.id IS NULL)::boolean AS no_person, (c.course_id IS NULL)::boolean AS no_course
FROM roster_pending p LEFT JOIN people pe ON pe.email_key = p.email_key LEFT JOIN course_runs c ON c.course_id = p.course_id
WHERE (@before_id::bigint = 0 OR p.id < @before_id)
ORDER BY p.id DESC LIMIT @at_most;

-- name: ListRoster :many
SELECT e.id, p.email, e.course_id, e.mode, e.active, e.created_at
FROM roster_enrollments e JOIN people p ON p.id = e.person_id
WHERE (@course_id::text = '' OR e.course_id = @course_id) AND (@email::text = '' OR p.email_key = lower(@email::text))
  AND (NOT @active_only::boolean OR e.active) AND (NOT @inactive_only::boolean OR NOT e.active)
  AND (@before_id::bigint = 0 OR e.id < @before_id)
ORDER BY e.id DESC LIMIT @at_most;

-- name: DeactivateRoster :one
UPDATE roster_enrollments e SET active = false, updated_at = now() FROM people p
WHERE e.id = @id AND p.id = e.person_id
RETURNING e.id, p.email, e.course_id, e.mode, e.active, e.created_at;

-- name: ForgetPerson :execrows
DELETE FROM people WHERE email_key = lower(@email::text);

-- name: ForgetRosterPending :execrows
DELETE FROM roster_pending WHERE email_key = lower(@email::text);
