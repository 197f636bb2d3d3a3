-- What all enroller processes of a deployment share about the LMS.

-- +goose Up
CREATE TABLE skus (
    sku             text PRIMARY KEY,
    state           text NOT NULL DEFAULT '',
    course          text NOT NULL DEFAULT '',
    reason          text NOT NULL DEFAULT '',
    attempts        integer NOT NULL DEFAULT 0,
    checked_at      timestamptz,
    next_attempt_at timestamptz -- set while an answer is wanted
);
CREATE INDEX skus_due ON skus (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- Calls of the last minute, for lms.calls_per_minute.
CREATE TABLE lms_calls (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL
);
CREATE INDEX lms_calls_at ON lms_calls (at);

-- One row: until when the LMS asked everybody to wait.
CREATE TABLE lms_gate (
    sole          boolean PRIMARY KEY DEFAULT true CHECK (sole),
    blocked_until timestamptz NOT NULL
);
INSERT INTO lms_gate (blocked_until) VALUES ('epoch');

-- How each enroller process fares with the LMS.
CREATE TABLE enroller_status (
    instance text PRIMARY KEY,
    state    text NOT NULL, -- ready, paused, down, absent
    reason   text NOT NULL,
    hint     text NOT NULL,
    since    timestamptz NOT NULL,
    seen_at  timestamptz NOT NULL
);

-- +goose Down
DROP TABLE enroller_status;
DROP TABLE lms_gate;
DROP TABLE lms_calls;
DROP TABLE skus;
