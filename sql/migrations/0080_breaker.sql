-- +goose Up
-- An open breaker stays open when another notifier takes the subscription over.
ALTER TABLE subscriptions
    ADD COLUMN breaker_until   timestamptz, -- of the next probe; null: closed
    ADD COLUMN breaker_wait_ms bigint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE subscriptions DROP COLUMN breaker_until, DROP COLUMN breaker_wait_ms;
