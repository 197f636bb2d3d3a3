-- +goose Up
CREATE TABLE subscriptions (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text NOT NULL,
    url            text NOT NULL,     -- without user, password and query, for people
    definition     jsonb NOT NULL,    -- what was declared, but for the parts that are sealed
    sealed         bytea NOT NULL,    -- URL, headers and secrets, encrypted
    declared       bytea,             -- digest of the secrets as last declared
    paused         boolean NOT NULL DEFAULT false,
    disabled       boolean NOT NULL DEFAULT false,
    consumer       text NOT NULL UNIQUE,
    start_sequence bigint NOT NULL,
    version        bigint NOT NULL,
    failures       integer NOT NULL DEFAULT 0,
    failing_since  timestamptz,
    announced      integer NOT NULL DEFAULT 0,
    reason         text NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    deleted_at     timestamptz
);

CREATE UNIQUE INDEX subscriptions_name ON subscriptions (name) WHERE deleted_at IS NULL;
CREATE INDEX subscriptions_version ON subscriptions (version);

CREATE SEQUENCE subscription_version;

-- The notifier processes that run: each subscription is worked by one of those alive.
CREATE TABLE notifiers (
    id       text PRIMARY KEY,
    seen     bigint NOT NULL DEFAULT 0, -- version of the subscriptions that it has in force
    alive_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE notifiers;
DROP SEQUENCE subscription_version;
DROP TABLE subscriptions;
