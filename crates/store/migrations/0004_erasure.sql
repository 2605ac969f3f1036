-- Deleted conversations wait here to be erased, the longest deleted first.
CREATE INDEX conversation_deleted ON conversation (deleted_at) WHERE deleted_at IS NOT NULL;
