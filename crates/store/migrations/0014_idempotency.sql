-- What was made under an Idempotency-Key, so that a request that is sent once more makes nothing more.
CREATE TABLE idempotency (
  project_id BIGINT NOT NULL REFERENCES project (id),
  user_id BIGINT NOT NULL REFERENCES users (id),
  -- SHA-256 of the key.
  digest BYTEA NOT NULL,
  -- SHA-256 of what was asked for: where, and with which body.
  request BYTEA NOT NULL,
  -- Id of the ticket or message that was made.
  made UUID NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, user_id, digest)
);
CREATE INDEX idempotency_created ON idempotency (created_at);
