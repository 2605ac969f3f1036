-- How often a text of a project was changed or removed, in SQLite. What a search has found is kept (tickets/list/found.rs): as long as
-- this stays the same, it can be brought up to date with the texts that came since.
CREATE TABLE ticket_text_removal ( -- sqlite
  project_id BIGINT NOT NULL PRIMARY KEY REFERENCES project (id) ON DELETE CASCADE, -- sqlite
  count BIGINT NOT NULL -- sqlite
); -- sqlite
CREATE TRIGGER ticket_text_updated_removal AFTER UPDATE ON ticket_text BEGIN -- sqlite
  INSERT INTO ticket_text_removal (project_id, count) VALUES (old.project_id, 1) -- sqlite
    ON CONFLICT (project_id) DO UPDATE SET count = count + 1; -- sqlite
END; -- sqlite
CREATE TRIGGER ticket_text_deleted_removal AFTER DELETE ON ticket_text BEGIN -- sqlite
  INSERT INTO ticket_text_removal (project_id, count) VALUES (old.project_id, 1) -- sqlite
    ON CONFLICT (project_id) DO UPDATE SET count = count + 1; -- sqlite
END; -- sqlite
