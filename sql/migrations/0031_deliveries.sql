-- +goose Up
-- One row for each event and subscription that was tried. It holds what the last attempt came to; a delivery that
-- succeeded at once has no row in delivery_attempts.
CREATE TABLE deliveries (
    stored_at       timestamptz NOT NULL, -- when the log took the event
    subscription_id bigint NOT NULL,
    sequence        bigint NOT NULL,      -- of the event in the stream EVENTS
    event_id        text NOT NULL,
    event_type      text NOT NULL,
    state           text NOT NULL,        -- waiting, delivered, parked
    attempts        integer NOT NULL,
    last_at         timestamptz,
    last_ms         real NOT NULL,
    last_status     integer NOT NULL,
    last_error      text NOT NULL,
    last_answer     text NOT NULL,
    next_attempt_at timestamptz,
    PRIMARY KEY (stored_at, subscription_id, sequence)
) PARTITION BY RANGE (stored_at);

CREATE INDEX deliveries_open ON deliveries (stored_at, subscription_id, sequence) WHERE state <> 'delivered';

CREATE TABLE delivery_attempts (
    stored_at       timestamptz NOT NULL,
    subscription_id bigint NOT NULL,
    sequence        bigint NOT NULL,
    number          integer NOT NULL,
    at              timestamptz NOT NULL,
    duration_ms     real NOT NULL,
    status          integer NOT NULL,
    error           text NOT NULL,
    answer          text NOT NULL,
    replay          text NOT NULL,
    PRIMARY KEY (stored_at, subscription_id, sequence, number)
) PARTITION BY RANGE (stored_at);

-- The deliveries that wait for another attempt.
CREATE TABLE retries (
    subscription_id bigint NOT NULL,
    sequence        bigint NOT NULL,
    stored_at       timestamptz NOT NULL,
    event_id        text NOT NULL,
    event_type      text NOT NULL,
    attempts        integer NOT NULL, -- made so far
    counted         integer NOT NULL, -- of them against the retry list
    next_attempt_at timestamptz NOT NULL,
    held            boolean NOT NULL, -- an ordered subscription holds the event on the log and makes the attempt itself
    replay          text NOT NULL DEFAULT '',
    PRIMARY KEY (subscription_id, sequence, stored_at)
);

CREATE INDEX retries_due ON retries (subscription_id, next_attempt_at) WHERE NOT held;

INSERT INTO partitioned_tables (name, step, keep, column_name) VALUES
    ('deliveries', 'day', '30 days', 'stored_at'), ('delivery_attempts', 'day', '30 days', 'stored_at');

-- +goose Down
DELETE FROM partitioned_tables WHERE name IN ('deliveries', 'delivery_attempts');
DROP TABLE retries;
DROP TABLE delivery_attempts;
DROP TABLE deliveries;
