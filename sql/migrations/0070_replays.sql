-- +goose Up
-- How long a replay was worked, without its pauses, so that the time left can be told.
ALTER TABLE replays ADD COLUMN worked_seconds double precision NOT NULL DEFAULT 0, ADD COLUMN touched_at timestamptz;

-- +goose Down
ALTER TABLE replays DROP COLUMN worked_seconds, DROP COLUMN touched_at;
