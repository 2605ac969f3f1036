-- What happened in a project, in one order for all who follow it, and who changed what.

-- One row for each project that has had an event or a ticket. Its lock, held until the commit, makes the order of
-- the numbers the order of the commits: a reader who has seen number n has seen everything up to n.
CREATE TABLE project_counter (
  project_id BIGINT NOT NULL PRIMARY KEY REFERENCES project (id),
  -- Sequence number of the newest event, 0 before the first.
  last_event BIGINT NOT NULL,
  -- Never given again, also when the ticket is purged.
  last_ticket_number BIGINT NOT NULL
);

CREATE TABLE event (
  project_id BIGINT NOT NULL REFERENCES project (id),
  -- Dense within the project, from 1.
  seq BIGINT NOT NULL,
  kind TEXT NOT NULL,
  distinct_id TEXT NOT NULL,
  -- JSON object
  properties TEXT NOT NULL,
  -- For the live inbox only: no published event.
  is_hidden BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, seq)
)
WITHOUT ROWID -- sqlite
;
-- A page of published events, however many hidden ones lie between them.
CREATE INDEX event_published ON event (project_id, seq) WHERE NOT is_hidden;

CREATE TABLE activity (
  project_id BIGINT NOT NULL REFERENCES project (id),
  id UUID NOT NULL,
  -- The kind of thing that was changed, and which one.
  scope TEXT NOT NULL,
  item_id TEXT NOT NULL,
  activity TEXT NOT NULL,
  -- Null for what the system or a customer did.
  user_id BIGINT REFERENCES users (id),
  -- JSON object
  detail TEXT NOT NULL,
  -- What the client calls itself (X-PostHog-Client).
  client TEXT,
  created_at BIGINT NOT NULL,
  -- The order of the project's whole log, read from its end.
  PRIMARY KEY (project_id, created_at, id)
);
-- What is in it of one thing, of one kind of thing, or by one person. Not WITHOUT ROWID: SQLite would then walk over the
-- project's whole log for it.
CREATE INDEX activity_list ON activity (project_id, scope, item_id, created_at DESC, id DESC);
CREATE INDEX activity_scope ON activity (project_id, scope, created_at DESC, id DESC);
CREATE INDEX activity_user ON activity (project_id, user_id, created_at DESC, id DESC);
