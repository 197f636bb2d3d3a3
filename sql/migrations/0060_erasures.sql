-- +goose Up
-- Each time a learner was forgotten. Of the address only a keyed hash is kept.
CREATE TABLE erasures (
    id          text PRIMARY KEY,
    state       text NOT NULL CHECK (state IN ('running', 'done', 'incomplete', 'failed')),
    learner     text NOT NULL,  -- keyed hash of the address, as hex digits
    record      jsonb NOT NULL, -- relay.Erasure
    started_at  timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL DEFAULT now() -- when its process last said that it goes on
);
CREATE INDEX erasures_newest ON erasures (started_at DESC, id DESC);
CREATE UNIQUE INDEX erasures_running ON erasures (learner) WHERE state = 'running';

-- One row: what addresses are hashed with.
CREATE TABLE erasure_key (
    sole boolean PRIMARY KEY DEFAULT true CHECK (sole),
    key  bytea NOT NULL
);

-- Messages that were erased from the log, so that whoever asks for one hears why it is gone.
CREATE TABLE erased_messages (
    stored_at  timestamptz NOT NULL, -- when the log took the message
    stream     text NOT NULL,
    sequence   bigint NOT NULL,
    erasure_id text NOT NULL,
    erased_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stored_at, stream, sequence)
) PARTITION BY RANGE (stored_at);
CREATE INDEX erased_messages_sequence ON erased_messages (stream, sequence);

INSERT INTO partitioned_tables (name, step, keep, column_name) VALUES ('erased_messages', 'month', '90 days', 'stored_at');

-- +goose Down
DELETE FROM partitioned_tables WHERE name = 'erased_messages';
DROP TABLE erased_messages;
DROP TABLE erasure_key;
DROP TABLE erasures;
