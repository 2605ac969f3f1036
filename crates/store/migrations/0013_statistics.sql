-- What the statistics of a project's tickets are counted by.

-- When the customer who began the ticket was first answered in public; null before, and for tickets of the team's own.
ALTER TABLE ticket ADD COLUMN first_response_at BIGINT;
UPDATE ticket SET first_response_at = (
  SELECT MIN(answer.created_at) FROM ticket_message AS answer
  WHERE answer.project_id = ticket.project_id AND answer.ticket_id = ticket.id
    AND NOT answer.is_deleted AND NOT answer.is_private AND answer.side <> 'customer')
WHERE EXISTS (
  SELECT 1 FROM ticket_message AS question
  WHERE question.project_id = ticket.project_id AND question.ticket_id = ticket.id
    AND NOT question.is_private AND question.side = 'customer'
    AND question.created_at <= (
      SELECT MIN(answer.created_at) FROM ticket_message AS answer
      WHERE answer.project_id = ticket.project_id AND answer.ticket_id = ticket.id
        AND NOT answer.is_deleted AND NOT answer.is_private AND answer.side <> 'customer'));

-- Everything that a period's figures are made of, so that no row of a table is looked at.
CREATE INDEX ticket_responded ON ticket (project_id, first_response_at, created_at, deleted_at)
  WHERE first_response_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX ticket_resolved ON ticket (project_id, resolved_at, created_at, ai_resolved, merged_into_id, deleted_at)
  WHERE resolved_at IS NOT NULL AND merged_into_id IS NULL AND deleted_at IS NULL;
CREATE INDEX ticket_promised ON ticket (project_id, sla_due_at, resolved_at, deleted_at)
  WHERE sla_due_at IS NOT NULL AND deleted_at IS NULL;
