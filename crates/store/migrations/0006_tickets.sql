-- Support tickets, their messages and tags, and what they are searched by.

CREATE TABLE ticket (
  project_id BIGINT NOT NULL REFERENCES project (id),
  id UUID NOT NULL,
  -- Counted in the project, from 1 (project_counter.last_ticket_number).
  number BIGINT NOT NULL,
  channel_source TEXT NOT NULL,
  channel_detail TEXT,
  -- The customer's analytics id; empty for channels without one.
  distinct_id TEXT NOT NULL,
  -- new, open, pending, on_hold or resolved
  status TEXT NOT NULL,
  priority TEXT,
  -- user:<id>, role:<uuid>, or empty: one column, so that one index serves every filter by assignee.
  assignee TEXT NOT NULL,
  -- JSON
  anonymous_traits TEXT NOT NULL,
  ai_resolved BOOLEAN NOT NULL,
  escalation_reason TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  message_count BIGINT NOT NULL,
  last_message_at BIGINT,
  last_message_text TEXT,
  unread_team_count BIGINT NOT NULL,
  unread_customer_count BIGINT NOT NULL,
  session_id TEXT,
  -- JSON object
  session_context TEXT NOT NULL,
  sla_due_at BIGINT,
  -- The smallest warning offset, in minutes, that was told for this due date.
  sla_warned_minutes BIGINT,
  sla_breached BOOLEAN NOT NULL,
  snoozed_until BIGINT,
  resolved_at BIGINT,
  -- The visitor's secret.
  widget_session_id TEXT,
  slack_channel_id TEXT,
  slack_thread_ts TEXT,
  slack_team_id TEXT,
  email_subject TEXT,
  -- In lower case.
  email_from TEXT,
  email_to TEXT,
  -- JSON array
  cc_participants TEXT NOT NULL,
  github_repo TEXT,
  github_issue_number BIGINT,
  identity_verified BOOLEAN,
  -- JSON object
  ai_triage TEXT,
  -- The triage's result, for the filter; in_progress while it runs.
  ai_triage_result TEXT,
  organization_id TEXT,
  organization_id_source TEXT,
  zendesk_ticket_id BIGINT,
  merged_at BIGINT,
  merged_into_id UUID,
  merged_into_number BIGINT,
  -- JSON array, sorted: the rows of ticket_tag, for showing.
  tags TEXT NOT NULL,
  deleted_at BIGINT,
  deleted_by BIGINT REFERENCES users (id),
  PRIMARY KEY (project_id, id)
);
CREATE UNIQUE INDEX ticket_number ON ticket (project_id, number);
-- The list's orders; the others sort what the filters leave. What only counts reads the index alone, and for that SQLite
-- wants every column of the condition in it, also where the index holds nothing else.
CREATE INDEX ticket_updated ON ticket (project_id, updated_at DESC, number DESC) WHERE deleted_at IS NULL;
CREATE INDEX ticket_created ON ticket (project_id, created_at DESC, number DESC, deleted_at) WHERE deleted_at IS NULL;
CREATE INDEX ticket_status ON ticket (project_id, status, updated_at DESC, number DESC) WHERE deleted_at IS NULL;
CREATE INDEX ticket_assignee ON ticket (project_id, assignee, updated_at DESC, number DESC) WHERE deleted_at IS NULL;
CREATE INDEX ticket_due ON ticket (project_id, (sla_due_at IS NULL), sla_due_at) WHERE deleted_at IS NULL;
-- Filters by customer.
CREATE INDEX ticket_customer ON ticket (project_id, distinct_id) WHERE deleted_at IS NULL;
CREATE INDEX ticket_email ON ticket (project_id, email_from) WHERE deleted_at IS NULL AND email_from IS NOT NULL;
-- What was merged into a ticket.
CREATE INDEX ticket_merged ON ticket (project_id, merged_into_id) WHERE merged_into_id IS NOT NULL;
-- The background's work, over all projects: due dates to be told, snoozes to be ended, tickets to be erased.
CREATE INDEX ticket_sla ON ticket (project_id, sla_due_at)
  WHERE sla_due_at IS NOT NULL AND NOT sla_breached AND status <> 'resolved' AND deleted_at IS NULL;
CREATE INDEX ticket_snoozed ON ticket (snoozed_until) WHERE snoozed_until IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX ticket_deleted ON ticket (deleted_at) WHERE deleted_at IS NOT NULL;

-- How many tickets there are, and how much of them is unread, without counting.
CREATE TABLE ticket_total (
  project_id BIGINT NOT NULL REFERENCES project (id),
  status TEXT NOT NULL,
  tickets BIGINT NOT NULL,
  -- Sum of unread_team_count.
  unread BIGINT NOT NULL,
  PRIMARY KEY (project_id, status)
);

CREATE TABLE ticket_tag (
  project_id BIGINT NOT NULL,
  name TEXT NOT NULL,
  ticket_id UUID NOT NULL,
  PRIMARY KEY (project_id, name, ticket_id),
  FOREIGN KEY (project_id, ticket_id) REFERENCES ticket (project_id, id)
)
WITHOUT ROWID -- sqlite
;
CREATE INDEX ticket_tag_of ON ticket_tag (project_id, ticket_id);

CREATE TABLE ticket_message (
  project_id BIGINT NOT NULL,
  id UUID NOT NULL,
  ticket_id UUID NOT NULL,
  -- Markdown
  content TEXT NOT NULL,
  -- JSON of the editor's document
  rich_content TEXT,
  -- JSON object
  item_context TEXT NOT NULL,
  -- customer, team or ai
  side TEXT NOT NULL,
  is_private BOOLEAN NOT NULL,
  created_by BIGINT REFERENCES users (id),
  -- Raised by every change of the content, from 0.
  version BIGINT NOT NULL,
  is_deleted BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, ticket_id) REFERENCES ticket (project_id, id)
);
-- One for all that is asked of a ticket's messages: every further index would be written with each message.
CREATE INDEX ticket_message_list ON ticket_message (project_id, ticket_id, created_at, id);

-- What the search looks at: one row for a ticket (traits and subject), one for each of its messages that is not deleted.
-- Without a foreign key, which would need an index of its own: the texts of a ticket are found by its messages.
CREATE TABLE ticket_text (
  search_id INTEGER PRIMARY KEY AUTOINCREMENT, -- sqlite
  project_id BIGINT NOT NULL,
  -- The ticket's id, or the message's.
  source_id UUID NOT NULL,
  ticket_id UUID NOT NULL,
  -- In one case and one composition (model::tickets::fold).
  text TEXT NOT NULL,
  PRIMARY KEY (project_id, source_id) -- postgres
  UNIQUE (project_id, source_id) -- sqlite
);

-- Any part of a text of three characters or more.
CREATE VIRTUAL TABLE ticket_search USING fts5 (text, content = 'ticket_text', content_rowid = 'search_id', columnsize = 0, tokenize = 'trigram case_sensitive 1'); -- sqlite
-- Twice as many parts before they are merged as by default: merging was a tenth of the writer's work.
INSERT INTO ticket_search (ticket_search, rank) VALUES ('automerge', 8); -- sqlite
-- New texts wait until there are some hundreds (messages::INDEX_TEXTS), and are looked through one by one meanwhile: the
-- index writes itself out at every savepoint, and what is written in small parts has to be merged later.
CREATE TABLE ticket_search_state ( -- sqlite
  -- The newest text in the index.
  indexed_until INTEGER NOT NULL -- sqlite
); -- sqlite
INSERT INTO ticket_search_state (indexed_until) VALUES (0); -- sqlite
CREATE TRIGGER ticket_search_state_updated AFTER UPDATE ON ticket_search_state BEGIN -- sqlite
  INSERT INTO ticket_search (rowid, text) SELECT search_id, text FROM ticket_text -- sqlite
    WHERE search_id > old.indexed_until AND search_id <= new.indexed_until; -- sqlite
END; -- sqlite
CREATE TRIGGER ticket_text_updated AFTER UPDATE OF text ON ticket_text -- sqlite
  WHEN old.search_id <= (SELECT indexed_until FROM ticket_search_state) BEGIN -- sqlite
  INSERT INTO ticket_search (ticket_search, rowid, text) VALUES ('delete', old.search_id, old.text); -- sqlite
  INSERT INTO ticket_search (rowid, text) VALUES (new.search_id, new.text); -- sqlite
END; -- sqlite
CREATE TRIGGER ticket_text_deleted AFTER DELETE ON ticket_text -- sqlite
  WHEN old.search_id <= (SELECT indexed_until FROM ticket_search_state) BEGIN -- sqlite
  INSERT INTO ticket_search (ticket_search, rowid, text) VALUES ('delete', old.search_id, old.text); -- sqlite
END; -- sqlite

-- On PostgreSQL the index needs an extension that not every server lets us create. Without it the search is right
-- and slower, and an operator can make the index later.
DO $$ BEGIN -- postgres
  CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public; -- postgres
  CREATE INDEX ticket_text_search ON ticket_text USING GIN (text public.gin_trgm_ops); -- postgres
EXCEPTION WHEN OTHERS THEN -- postgres
  RAISE NOTICE 'the search of tickets goes without an index: %', SQLERRM; -- postgres
END $$; -- postgres
