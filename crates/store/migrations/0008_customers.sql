-- How customers reach the team: the mails that go out, the widget's visitors, and the customer's own backend.

-- Mails that wait to be sent, and those that were. A row is written in the transaction of what causes it.
CREATE TABLE outbox (
  project_id BIGINT NOT NULL REFERENCES project (id),
  id UUID NOT NULL,
  -- What it is for: new_ticket, restore, ...
  purpose TEXT NOT NULL,
  recipient TEXT NOT NULL,
  -- One line.
  subject TEXT NOT NULL,
  text TEXT NOT NULL,
  html TEXT,
  -- queued, sending, sent or failed
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  -- From when on it may be taken to be sent (again); null when nothing is to be done any more.
  due_at BIGINT,
  -- What is not sent by then is of no use to anybody.
  expires_at BIGINT NOT NULL,
  -- Why the last attempt failed.
  error TEXT,
  created_at BIGINT NOT NULL,
  sent_at BIGINT,
  PRIMARY KEY (project_id, id)
);
CREATE INDEX outbox_list ON outbox (project_id, created_at DESC, id DESC);
-- How many of a kind there were lately.
CREATE INDEX outbox_purpose ON outbox (project_id, purpose, created_at);
-- The sender's and the eraser's work, over all projects.
CREATE INDEX outbox_due ON outbox (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_created ON outbox (created_at);

-- Links that move a visitor's tickets to another browser. The token itself is in the mail only.
CREATE TABLE restore_token (
  project_id BIGINT NOT NULL REFERENCES project (id),
  -- SHA-256 of the token.
  digest BYTEA NOT NULL,
  -- In one case (model::persons::folded_email).
  email TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  -- When it was used, or became void because another one for the same address was.
  used_at BIGINT,
  PRIMARY KEY (project_id, digest)
);
CREATE INDEX restore_token_email ON restore_token (project_id, email, digest);
CREATE INDEX restore_token_expired ON restore_token (expires_at);

-- The address that the customer gave (anonymous_traits.email), in one case; null when it is none. Restoring looks
-- for it.
ALTER TABLE ticket ADD COLUMN contact_email TEXT;
UPDATE ticket SET contact_email = lower(json_extract(anonymous_traits, '$.email')) WHERE json_type(anonymous_traits, '$.email') = 'text' AND length(json_extract(anonymous_traits, '$.email')) <= 254; -- sqlite
UPDATE ticket SET contact_email = lower(CAST(anonymous_traits AS JSON) ->> 'email') WHERE length(CAST(anonymous_traits AS JSON) ->> 'email') <= 254; -- postgres
CREATE INDEX ticket_contact ON ticket (project_id, contact_email)
  WHERE contact_email IS NOT NULL AND deleted_at IS NULL;
-- A visitor's tickets.
CREATE INDEX ticket_session ON ticket (project_id, widget_session_id)
  WHERE widget_session_id IS NOT NULL AND deleted_at IS NULL;

-- The secret token before the last one, valid until it is dropped.
ALTER TABLE project ADD COLUMN backup_token_sealed BYTEA;
ALTER TABLE project ADD COLUMN backup_token_digest BYTEA;
CREATE UNIQUE INDEX project_backup_token ON project (backup_token_digest);

-- Secret keys with a name and with scopes, for a customer's backend that is not to have the project's secret.
CREATE TABLE project_key (
  project_id BIGINT NOT NULL REFERENCES project (id),
  id UUID NOT NULL,
  label TEXT NOT NULL,
  -- SHA-256 of the secret, which is shown once and kept nowhere.
  digest BYTEA NOT NULL UNIQUE,
  -- What of the secret may be shown later.
  mask TEXT NOT NULL,
  -- JSON array
  scopes TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id)
);
