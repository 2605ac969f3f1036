-- Articles, the passages they are cut into, and the full-text index over the passages.

CREATE TABLE article (
  project_id BIGINT NOT NULL REFERENCES project (id),
  id UUID NOT NULL,
  title TEXT NOT NULL,
  -- Markdown
  body TEXT NOT NULL,
  url TEXT,
  is_enabled BOOLEAN NOT NULL,
  -- The file it was imported from; null for articles made by other means.
  source_path TEXT,
  -- How many passages it has, and how many terms are in their texts.
  passages BIGINT NOT NULL,
  words BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, id)
);
CREATE INDEX article_list ON article (project_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX article_source ON article (project_id, source_path) WHERE source_path IS NOT NULL;

-- One row for each project that has articles. Its lock puts the writers of a project's articles in a row.
CREATE TABLE article_totals (
  project_id BIGINT NOT NULL PRIMARY KEY REFERENCES project (id),
  -- All articles, disabled ones too.
  articles BIGINT NOT NULL,
  -- Enabled articles, their passages, and the terms in their texts.
  enabled BIGINT NOT NULL,
  passages BIGINT NOT NULL,
  words BIGINT NOT NULL,
  -- The id of the newest passage, 0 before the first.
  last_passage BIGINT NOT NULL
);

CREATE TABLE article_passage (
  search_id INTEGER PRIMARY KEY AUTOINCREMENT, -- sqlite
  project_id BIGINT NOT NULL,
  -- Counted in the project. Never used again, so a higher id is a newer passage.
  id BIGINT NOT NULL,
  article_id UUID NOT NULL,
  -- Its place in the article, from 1.
  number BIGINT NOT NULL,
  -- The headings above it, joined by " › ".
  heading TEXT NOT NULL,
  text TEXT NOT NULL,
  -- As the article's; here too, because the search passes over thousands of passages.
  is_enabled BOOLEAN NOT NULL,
  -- Folded and stemmed words (model::text::terms), separated by single spaces.
  title_terms TEXT NOT NULL,
  heading_terms TEXT NOT NULL,
  terms TEXT NOT NULL,
  -- Every term with the project's id before it ("7§queu"), so that no project's search meets another's passages.
  search TSVECTOR NOT NULL GENERATED ALWAYS AS (array_to_tsvector(array_remove(string_to_array(replace(' ' || title_terms || ' ' || heading_terms || ' ' || terms, ' ', ' ' || CAST(project_id AS TEXT) || '§'), ' '), ''))) STORED, -- postgres
  PRIMARY KEY (project_id, id), -- postgres
  UNIQUE (project_id, id), -- sqlite
  FOREIGN KEY (project_id, article_id) REFERENCES article (project_id, id)
);
CREATE UNIQUE INDEX article_passage_place ON article_passage (project_id, article_id, number);

CREATE INDEX article_passage_search ON article_passage USING GIN (search) WITH (fastupdate = off); -- postgres

-- The terms are cut already, so the tokenizer only has to split at spaces. Triggers keep the index in step, whatever
-- statement changes a passage.
CREATE VIRTUAL TABLE article_search USING fts5 (terms, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'); -- sqlite
CREATE TRIGGER article_passage_inserted AFTER INSERT ON article_passage BEGIN -- sqlite
  INSERT INTO article_search (rowid, terms) -- sqlite
  VALUES (new.search_id, replace(' ' || new.title_terms || ' ' || new.heading_terms || ' ' || new.terms, ' ', ' ' || new.project_id || '§')); -- sqlite
END; -- sqlite
CREATE TRIGGER article_passage_updated AFTER UPDATE OF search_id, project_id, title_terms, heading_terms, terms ON article_passage BEGIN -- sqlite
  DELETE FROM article_search WHERE rowid = old.search_id; -- sqlite
  INSERT INTO article_search (rowid, terms) -- sqlite
  VALUES (new.search_id, replace(' ' || new.title_terms || ' ' || new.heading_terms || ' ' || new.terms, ' ', ' ' || new.project_id || '§')); -- sqlite
END; -- sqlite
CREATE TRIGGER article_passage_deleted AFTER DELETE ON article_passage BEGIN -- sqlite
  DELETE FROM article_search WHERE rowid = old.search_id; -- sqlite
END; -- sqlite
