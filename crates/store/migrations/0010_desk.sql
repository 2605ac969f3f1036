-- What an inbox needs beside tickets: saved views and their badges, macros, guidance, availability, files.

-- How many tickets there are, and how much of them is unread, by everything that a badge is narrowed to without a
-- look at the clock, a text or the tags. Takes the place of ticket_total.
CREATE TABLE ticket_tally (
  project_id BIGINT NOT NULL REFERENCES project (id),
  status TEXT NOT NULL,
  -- Empty for none.
  priority TEXT NOT NULL,
  -- As in ticket.
  assignee TEXT NOT NULL,
  channel_source TEXT NOT NULL,
  tickets BIGINT NOT NULL,
  -- Sum of unread_team_count.
  unread BIGINT NOT NULL,
  PRIMARY KEY (project_id, status, priority, assignee, channel_source)
);
INSERT INTO ticket_tally (project_id, status, priority, assignee, channel_source, tickets, unread)
  SELECT project_id, status, COALESCE(priority, ''), assignee, channel_source, count(*), CAST(SUM(unread_team_count) AS BIGINT)
  FROM ticket WHERE deleted_at IS NULL
  GROUP BY project_id, status, COALESCE(priority, ''), assignee, channel_source;
DROP TABLE ticket_total;

-- Badges and lists of what is due or snoozed: only these tickets have a place here, and the badge needs nothing else.
CREATE INDEX ticket_due_badge ON ticket (project_id, sla_due_at, status, unread_team_count, deleted_at)
  WHERE sla_due_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX ticket_snoozed_badge ON ticket (project_id, snoozed_until, status, unread_team_count, deleted_at)
  WHERE snoozed_until IS NOT NULL AND deleted_at IS NULL;

CREATE TABLE ticket_view (
  project_id BIGINT NOT NULL REFERENCES project (id),
  id UUID NOT NULL,
  -- What clients address it by.
  short_id TEXT NOT NULL,
  name TEXT NOT NULL,
  -- JSON object, as the client sent it.
  filters TEXT NOT NULL,
  -- shared or private
  visibility TEXT NOT NULL,
  -- Null when the account is gone: then everybody sees it.
  created_by BIGINT REFERENCES users (id),
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id),
  UNIQUE (project_id, short_id)
);
CREATE INDEX ticket_view_list ON ticket_view (project_id, created_at DESC, id DESC);

CREATE TABLE ticket_view_favorite (
  project_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL REFERENCES users (id),
  view_id UUID NOT NULL,
  PRIMARY KEY (project_id, user_id, view_id),
  FOREIGN KEY (project_id, view_id) REFERENCES ticket_view (project_id, id)
);
CREATE INDEX ticket_view_favorite_of ON ticket_view_favorite (project_id, view_id);

-- Macros, which are also known as quick actions.
CREATE TABLE macro (
  project_id BIGINT NOT NULL REFERENCES project (id),
  id UUID NOT NULL,
  short_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  -- Markdown with variables; may be empty.
  content TEXT NOT NULL,
  -- JSON of the editor's document
  rich_content TEXT,
  -- JSON object: what else it does to a ticket.
  actions TEXT NOT NULL,
  -- team or personal
  visibility TEXT NOT NULL,
  created_by BIGINT REFERENCES users (id),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id),
  UNIQUE (project_id, short_id)
);
CREATE INDEX macro_list ON macro (project_id, created_at DESC, id DESC);

CREATE TABLE guidance_rule (
  project_id BIGINT NOT NULL REFERENCES project (id),
  id UUID NOT NULL,
  -- tone or escalation
  rule_type TEXT NOT NULL,
  name TEXT NOT NULL,
  -- The name in one case and one composition.
  name_search TEXT NOT NULL,
  content TEXT NOT NULL,
  is_active BOOLEAN NOT NULL,
  -- JSON array; empty for all channels.
  channels TEXT NOT NULL,
  created_by BIGINT REFERENCES users (id),
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id)
);
CREATE INDEX guidance_rule_list ON guidance_rule (project_id, created_at DESC, id DESC);

-- The title in one case and one composition, for the list's search.
ALTER TABLE article ADD COLUMN title_search TEXT NOT NULL DEFAULT '';
UPDATE article SET title_search = lower(title);

-- Who of an organisation takes tickets. Who has no row does.
CREATE TABLE availability (
  organization_id UUID NOT NULL REFERENCES organization (id),
  user_id BIGINT NOT NULL REFERENCES users (id),
  is_available BOOLEAN NOT NULL,
  changed_by BIGINT REFERENCES users (id),
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (organization_id, user_id)
);

-- What the comments API says of a message besides.
ALTER TABLE ticket_message ADD COLUMN source_comment UUID;
ALTER TABLE ticket_message ADD COLUMN is_task BOOLEAN NOT NULL DEFAULT FALSE;
-- A project's newest messages, and how many of which side a period has.
CREATE INDEX ticket_message_recent ON ticket_message (project_id, created_at DESC, id DESC, side, is_private, is_deleted)
  WHERE NOT is_deleted;

-- Uploaded files. The bytes are in the object store, under <project>/<id>.
CREATE TABLE media (
  project_id BIGINT NOT NULL REFERENCES project (id),
  id UUID NOT NULL,
  name TEXT NOT NULL,
  -- What the bytes look like; never what the client said.
  content_type TEXT NOT NULL,
  -- In bytes; 0 until the file is stored.
  size BIGINT NOT NULL,
  is_stored BOOLEAN NOT NULL,
  -- A message links it (media_use).
  is_attached BOOLEAN NOT NULL,
  uploaded_by BIGINT REFERENCES users (id),
  created_at BIGINT NOT NULL,
  -- Nobody sees it any more, and its file is to be removed.
  doomed_at BIGINT,
  PRIMARY KEY (project_id, id)
);
-- The background's work, over all projects, and the uploader's quota.
CREATE INDEX media_unattached ON media (created_at) WHERE NOT is_attached AND doomed_at IS NULL;
CREATE INDEX media_quota ON media (project_id, uploaded_by) WHERE NOT is_attached AND doomed_at IS NULL;
CREATE INDEX media_doomed ON media (doomed_at) WHERE doomed_at IS NOT NULL;

CREATE TABLE media_use (
  project_id BIGINT NOT NULL,
  media_id UUID NOT NULL,
  message_id UUID NOT NULL,
  PRIMARY KEY (project_id, media_id, message_id),
  FOREIGN KEY (project_id, media_id) REFERENCES media (project_id, id),
  FOREIGN KEY (project_id, message_id) REFERENCES ticket_message (project_id, id)
)
WITHOUT ROWID -- sqlite
;
CREATE INDEX media_use_of ON media_use (project_id, message_id);
