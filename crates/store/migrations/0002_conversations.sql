-- Conversations, their messages, turns, frames, queues and approvals.

-- Clients mint conversation ids, so one table over all projects says whose an id is. It is the only
-- look-up across projects.
CREATE TABLE conversation_directory (
  conversation_id UUID NOT NULL PRIMARY KEY,
  project_id BIGINT NOT NULL REFERENCES project (id)
);

CREATE TABLE conversation (
  project_id BIGINT NOT NULL REFERENCES project (id),
  id UUID NOT NULL,
  user_id BIGINT NOT NULL REFERENCES users (id),
  title TEXT NOT NULL,
  -- False while the title is only the beginning of the first message.
  titled_by_model BOOLEAN NOT NULL,
  -- idle or in_progress
  status TEXT NOT NULL,
  type TEXT NOT NULL,
  topic TEXT,
  agent_mode TEXT,
  is_internal BOOLEAN NOT NULL,
  slack_thread_key TEXT,
  slack_workspace_domain TEXT,
  -- Number of the newest turn, 0 before the first.
  last_turn BIGINT NOT NULL,
  -- Position of the newest message, 0 before the first.
  last_position BIGINT NOT NULL,
  -- JSON array: what a cancel or a pending approval took out of the queue, for the client to put back.
  cleared_queue TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT,
  PRIMARY KEY (project_id, id)
);
CREATE INDEX conversation_list ON conversation (project_id, user_id, updated_at DESC, id DESC)
  WHERE deleted_at IS NULL AND type <> 'tool_call' AND NOT is_internal;

-- How many conversations a user's list has, without counting.
CREATE TABLE conversation_total (
  project_id BIGINT NOT NULL REFERENCES project (id),
  user_id BIGINT NOT NULL REFERENCES users (id),
  conversations BIGINT NOT NULL,
  PRIMARY KEY (project_id, user_id)
)
WITHOUT ROWID -- sqlite
;

CREATE TABLE message (
  project_id BIGINT NOT NULL,
  conversation_id UUID NOT NULL,
  -- Dense within the conversation, from 1.
  position BIGINT NOT NULL,
  id UUID NOT NULL,
  -- The turn that wrote it; null for appended notes.
  turn BIGINT,
  -- The message as clients get it: JSON without nulls, keys in alphabetical order.
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, conversation_id, position),
  FOREIGN KEY (project_id, conversation_id) REFERENCES conversation (project_id, id)
)
WITHOUT ROWID -- sqlite
;

CREATE TABLE turn (
  project_id BIGINT NOT NULL,
  conversation_id UUID NOT NULL,
  -- Dense within the conversation, from 1.
  number BIGINT NOT NULL,
  -- running, done, failed, cancelled or interrupted (waits for an approval or a client's tool)
  status TEXT NOT NULL,
  -- chat or research
  kind TEXT NOT NULL,
  -- Raised by every takeover; what was begun under a lower epoch can no longer write.
  epoch BIGINT NOT NULL,
  -- The process that runs it, and until when that is believed without a sign of life.
  owner UUID NOT NULL,
  lease_until BIGINT NOT NULL,
  -- What makes a repeated request recognisable: the client's trace id and the digest of the text.
  trace_id UUID NOT NULL,
  content_digest BYTEA NOT NULL,
  -- JSON: what the turn was asked with (mode, contextual tools, context, session, resume payload).
  options TEXT NOT NULL,
  -- Sequence number of the newest frame, 0 before the first.
  last_seq BIGINT NOT NULL,
  -- The first frame of the partial message that is being written; null between messages.
  open_seq BIGINT,
  -- Model calls made so far.
  steps BIGINT NOT NULL,
  input_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  -- A queued message's turn followed in the same transaction: readers go on without a break.
  continued BOOLEAN NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  PRIMARY KEY (project_id, conversation_id, number),
  FOREIGN KEY (project_id, conversation_id) REFERENCES conversation (project_id, id)
);
CREATE INDEX turn_running ON turn (lease_until) WHERE status = 'running';
CREATE INDEX turn_trace ON turn (project_id, conversation_id, trace_id);
-- Ended turns whose frames are still kept.
CREATE INDEX turn_ended ON turn (ended_at) WHERE ended_at IS NOT NULL AND last_seq > 0;

CREATE TABLE frame (
  project_id BIGINT NOT NULL,
  conversation_id UUID NOT NULL,
  turn BIGINT NOT NULL,
  -- Dense within the turn, from 1.
  seq BIGINT NOT NULL,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  PRIMARY KEY (project_id, conversation_id, turn, seq)
)
WITHOUT ROWID -- sqlite
;

CREATE TABLE queue_item (
  project_id BIGINT NOT NULL,
  conversation_id UUID NOT NULL,
  id UUID NOT NULL,
  -- Order of running; a put-back goes before the smallest.
  position BIGINT NOT NULL,
  trace_id UUID,
  content TEXT NOT NULL,
  -- JSON, as turn.options
  options TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, conversation_id, id),
  FOREIGN KEY (project_id, conversation_id) REFERENCES conversation (project_id, id)
);
CREATE UNIQUE INDEX queue_item_order ON queue_item (project_id, conversation_id, position);

CREATE TABLE approval (
  project_id BIGINT NOT NULL,
  conversation_id UUID NOT NULL,
  proposal_id TEXT NOT NULL,
  turn BIGINT NOT NULL,
  -- pending, approved, rejected or auto_rejected
  decision_status TEXT NOT NULL,
  tool_name TEXT NOT NULL,
  preview TEXT NOT NULL,
  -- JSON object
  payload TEXT NOT NULL,
  tool_call_id TEXT,
  message_id UUID,
  created_at BIGINT NOT NULL,
  decided_at BIGINT,
  PRIMARY KEY (project_id, conversation_id, proposal_id),
  FOREIGN KEY (project_id, conversation_id) REFERENCES conversation (project_id, id)
);
