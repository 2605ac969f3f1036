-- Nearly all that is logged is about tickets, so what is not is indexed by kind, and tickets are read along the whole log; and by
-- person only what a person did. Each index less is one less to write with every change of a ticket.
DROP INDEX activity_scope;
CREATE INDEX activity_scope ON activity (project_id, scope, created_at DESC, id DESC) WHERE scope <> 'Ticket';
DROP INDEX activity_user;
CREATE INDEX activity_user ON activity (project_id, user_id, created_at DESC, id DESC) WHERE user_id IS NOT NULL;
