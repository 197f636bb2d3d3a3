-- +goose Up
CREATE TABLE filters (
    name        text PRIMARY KEY,
    class       text NOT NULL,
    sealed_url  bytea NOT NULL,          -- may hold a password
    declaration jsonb NOT NULL,          -- the declared keys but the URL
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

-- One row, counted up by each change, so that processes see cheaply that something changed.
CREATE TABLE filter_version (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL
);
INSERT INTO filter_version (version) VALUES (1);

-- Each filter asked once; keys only, never values.
CREATE TABLE filter_calls (
    asked_at    timestamptz NOT NULL,
    id          text NOT NULL,
    question    text NOT NULL,
    name        text NOT NULL,
    class       text NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('changed', 'halted', 'unchanged', 'failed', 'skipped')),
    status      integer NOT NULL,
    error       text NOT NULL,
    exception   text NOT NULL,
    changed     text[] NOT NULL,
    dropped     text[] NOT NULL,
    duration_ms double precision NOT NULL,
    PRIMARY KEY (asked_at, id)
) PARTITION BY RANGE (asked_at);

CREATE INDEX filter_calls_newest ON filter_calls (asked_at DESC, id DESC);
CREATE INDEX filter_calls_name ON filter_calls (name, asked_at DESC, id DESC);

INSERT INTO partitioned_tables (name, step, keep, column_name) VALUES ('filter_calls', 'day', '14 days', 'asked_at');

-- +goose Down
DELETE FROM partitioned_tables WHERE name = 'filter_calls';
DROP TABLE filter_calls;
DROP TABLE filter_version;
DROP TABLE filters;
