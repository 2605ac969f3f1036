-- What people who sign in need besides: invitations into their organisation, and drafts of their answers.

CREATE TABLE invite (
  organization_id UUID NOT NULL REFERENCES organization (id),
  id UUID NOT NULL,
  -- Lower case. A second invitation of the same person takes the place of the first.
  email TEXT NOT NULL,
  -- admin or member
  role TEXT NOT NULL,
  -- SHA-256 of the token in the link, which is shown once and kept nowhere.
  digest BYTEA NOT NULL UNIQUE,
  created_by BIGINT NOT NULL REFERENCES users (id),
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, email)
);

-- What somebody has begun to write, and is to find again on another device.
CREATE TABLE draft (
  project_id BIGINT NOT NULL REFERENCES project (id),
  user_id BIGINT NOT NULL REFERENCES users (id),
  -- A ticket's id, or another word of the client's.
  name TEXT NOT NULL,
  -- Markdown
  content TEXT NOT NULL,
  -- JSON of the editor's document
  rich_content TEXT,
  is_private BOOLEAN NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, user_id, name)
);
-- Which ones are too many.
CREATE INDEX draft_updated ON draft (project_id, user_id, updated_at);
