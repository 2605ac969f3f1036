-- Who is signed in, and from which browser.

CREATE TABLE session (
  id UUID NOT NULL PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES users (id),
  -- SHA-256 of the cookie's value, which is kept nowhere.
  digest BYTEA NOT NULL UNIQUE,
  -- As the browser named itself, cut.
  user_agent TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  -- To the hour.
  last_seen_at BIGINT NOT NULL,
  -- Moves on with last_seen_at.
  expires_at BIGINT NOT NULL
);
CREATE INDEX session_of_user ON session (user_id, last_seen_at);
-- The background's work: sessions to be forgotten.
CREATE INDEX session_expired ON session (expires_at);
