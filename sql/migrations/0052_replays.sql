-- +goose Up
CREATE TABLE replays (
    id          text PRIMARY KEY,
    target      text NOT NULL,
    enroller    boolean NOT NULL,
    stream      text NOT NULL,
    state       text NOT NULL CHECK (state IN ('running', 'paused', 'done', 'cancelled', 'failed')),
    reason      text NOT NULL DEFAULT '',
    request     jsonb NOT NULL,
    matched     bigint NOT NULL,
    handed      bigint NOT NULL DEFAULT 0,
    failed      bigint NOT NULL DEFAULT 0,
    cursor      bigint NOT NULL, -- all of the stream up to it are handed out
    last        bigint NOT NULL,
    rate        double precision NOT NULL,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    lease_owner text,
    lease_until timestamptz
);
CREATE INDEX replays_newest ON replays (created_at DESC, id DESC);
CREATE INDEX replays_running ON replays (created_at) WHERE state = 'running';
-- What replays have handed out and is not tried yet.
CREATE INDEX retries_replay ON retries (replay, counted) WHERE replay <> '';

-- +goose Down
DROP INDEX retries_replay;
DROP TABLE replays;
