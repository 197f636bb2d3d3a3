-- +goose Up
CREATE TABLE api_keys (
    id         text PRIMARY KEY,
    name       text NOT NULL,
    role       text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    hash       bytea NOT NULL UNIQUE, -- SHA-256 of the key, which is random enough to need no salt
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_newest ON api_keys (created_at DESC, id DESC);

CREATE TABLE audit_trail (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL,
    who    text NOT NULL,
    role   text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    status integer NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_trail_who ON audit_trail (who, id DESC);
CREATE INDEX audit_trail_target ON audit_trail (target, id DESC);

-- +goose Down
DROP TABLE audit_trail;
DROP TABLE api_keys;
