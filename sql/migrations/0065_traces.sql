-- The W3C traceparent of the webhook that made a row due, so that what is done for it later belongs to the same trace.

-- +goose Up
ALTER TABLE enrollments ADD COLUMN trace text NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN trace text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE outbox DROP COLUMN trace;
ALTER TABLE enrollments DROP COLUMN trace;
