-- Customers, the ids under which they appear, and what became of those that turned out to be the same.

-- One row for each project that has persons. Its lock puts the writers of a project's persons in a row: two events
-- that arrive together cannot make two persons of one.
CREATE TABLE person_totals (
  project_id BIGINT NOT NULL PRIMARY KEY REFERENCES project (id),
  persons BIGINT NOT NULL
);

CREATE TABLE person (
  project_id BIGINT NOT NULL REFERENCES project (id),
  id UUID NOT NULL,
  -- JSON object
  properties TEXT NOT NULL,
  is_identified BOOLEAN NOT NULL,
  -- The property "email" in lower case; null when there is none.
  email TEXT,
  -- The address that the project itself has said, in the same form: what browsers say of somebody leaves it alone.
  vouched_email TEXT,
  -- What the search looks at: address, names and ids in one case (model::persons).
  search TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id)
);
CREATE INDEX person_list ON person (project_id, created_at DESC, id DESC);
CREATE INDEX person_email ON person (project_id, email, created_at, id) WHERE email IS NOT NULL;
CREATE INDEX person_vouched_email ON person (project_id, vouched_email) WHERE vouched_email IS NOT NULL;

CREATE TABLE person_distinct_id (
  project_id BIGINT NOT NULL,
  distinct_id TEXT NOT NULL,
  person_id UUID NOT NULL,
  -- Place among the ids of the person: lower is older.
  position BIGINT NOT NULL,
  -- The project itself has said that the id is this person's. Else a browser has, and anybody can send what those send.
  is_vouched BOOLEAN NOT NULL,
  PRIMARY KEY (project_id, distinct_id),
  FOREIGN KEY (project_id, person_id) REFERENCES person (project_id, id)
);
-- Not WITHOUT ROWID: SQLite would then walk over the project's ids to find those of a person.
CREATE INDEX person_distinct_id_of ON person_distinct_id (project_id, person_id, position, distinct_id);

-- Persons that were merged into another: what they were, and whom their id leads to now.
CREATE TABLE person_merge (
  project_id BIGINT NOT NULL,
  id UUID NOT NULL,
  person_id UUID NOT NULL,
  properties TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  merged_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, person_id) REFERENCES person (project_id, id)
);
CREATE INDEX person_merge_into ON person_merge (project_id, person_id);
