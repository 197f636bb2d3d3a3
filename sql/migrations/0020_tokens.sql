-- +goose Up
-- Senders of the enrolment endpoint. Of secrets and tokens only the SHA-256 is kept; both are random enough to need
-- no salt.
CREATE TABLE oauth_clients (
    id          text PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    staff       boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    disabled_at timestamptz
);

CREATE TABLE oauth_secrets (
    hash       bytea PRIMARY KEY,
    client_id  text NOT NULL REFERENCES oauth_clients ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz -- set when another has taken its place: both are good until then
);
CREATE INDEX oauth_secrets_client ON oauth_secrets (client_id);

CREATE TABLE tokens (
    id         text PRIMARY KEY,
    name       text NOT NULL,
    staff      boolean NOT NULL,
    client_id  text REFERENCES oauth_clients ON DELETE CASCADE, -- null when an operator made it
    hash       bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    used_at    timestamptz -- to the minute
);
CREATE INDEX tokens_newest ON tokens (created_at DESC, id DESC);
CREATE INDEX tokens_of_clients ON tokens (expires_at) WHERE client_id IS NOT NULL;

-- +goose Down
DROP TABLE tokens;
DROP TABLE oauth_secrets;
DROP TABLE oauth_clients;
