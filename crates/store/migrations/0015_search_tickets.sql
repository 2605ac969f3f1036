-- Which ticket each text in SQLite's index is of, in rows that are narrow: how many tickets have a word is counted over these, not
-- over the texts. Filled as the texts enter the index (messages::INDEX_TEXTS).
CREATE TABLE ticket_search_ticket ( -- sqlite
  search_id INTEGER PRIMARY KEY, -- sqlite
  project_id BIGINT NOT NULL, -- sqlite
  ticket_number BIGINT NOT NULL -- sqlite
); -- sqlite
INSERT INTO ticket_search_ticket (search_id, project_id, ticket_number) -- sqlite
  SELECT s.search_id, s.project_id, t.number FROM ticket_text s -- sqlite
    CROSS JOIN ticket t ON t.project_id = s.project_id AND t.id = s.ticket_id -- sqlite
  WHERE s.search_id <= (SELECT indexed_until FROM ticket_search_state); -- sqlite
CREATE TRIGGER ticket_search_state_updated_tickets AFTER UPDATE ON ticket_search_state BEGIN -- sqlite
  INSERT INTO ticket_search_ticket (search_id, project_id, ticket_number) -- sqlite
    SELECT s.search_id, s.project_id, t.number FROM ticket_text s -- sqlite
      CROSS JOIN ticket t ON t.project_id = s.project_id AND t.id = s.ticket_id -- sqlite
    WHERE s.search_id > old.indexed_until AND s.search_id <= new.indexed_until; -- sqlite
END; -- sqlite
CREATE TRIGGER ticket_text_deleted_ticket AFTER DELETE ON ticket_text BEGIN -- sqlite
  DELETE FROM ticket_search_ticket WHERE search_id = old.search_id; -- sqlite
END; -- sqlite
