-- Customers' messages that the assistant is to answer: one row for a ticket at most, made in the transaction of the
-- message and gone in the transaction of the answer.

CREATE TABLE reply_job (
  project_id BIGINT NOT NULL,
  ticket_id UUID NOT NULL,
  -- The customer's newest message.
  message_id UUID NOT NULL,
  -- Raised by a newer message and by every takeover; what was begun under a lower epoch can no longer answer.
  epoch BIGINT NOT NULL,
  -- How often somebody has begun to answer this message.
  attempts BIGINT NOT NULL,
  -- The process that works on it, and until when that is believed without a sign of life. Null: nobody.
  owner UUID,
  lease_until BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project_id, ticket_id),
  FOREIGN KEY (project_id, ticket_id) REFERENCES ticket (project_id, id)
);
-- What waits, in the order of its arrival, and what is worked on; over all projects.
CREATE INDEX reply_job_waiting ON reply_job (created_at) WHERE owner IS NULL;
CREATE INDEX reply_job_owned ON reply_job (lease_until) WHERE owner IS NOT NULL;
