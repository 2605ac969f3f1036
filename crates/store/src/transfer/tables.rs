//! The tables of a project, in the order in which they can be filled.

use Kind::{Assignee, Bool, Bytes, Conversation, Fixed, Int, Json, Named, Text, Time, User, Uuid};
use std::fmt::Write as _;
use std::sync::LazyLock;

/// What a column holds, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number.
    Int,
    /// True or false.
    Bool,
    /// A text.
    Text,
    /// JSON, written as it is.
    Json,
    /// JSON in which `{"type": "user" or "role", "id": …}` names somebody.
    Named,
    /// A UUID.
    Uuid,
    /// Bytes, written in hexadecimal digits.
    Bytes,
    /// A moment.
    Time,
    /// Number of a person, who may have another one where the lines are read.
    User,
    /// `user:<number>`, `role:<uuid>` or nothing.
    Assignee,
    /// Id of a conversation, which may be taken where the lines are read.
    Conversation,
    /// Not written; this when it is read.
    Fixed(Constant),
}

/// What stands for a value that is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Constant {
    Null,
    Zero,
    NilUuid,
    Idle,
    False,
}

/// One table.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The order of its rows: its primary key without the project. Empty for a table with one row.
    pub(super) key: &'static [&'static str],
    pub(super) columns: &'static [(&'static str, Kind)],
    /// Which rows are written; `?2` is the moment at which the export began. What was written later may belong to
    /// something that was passed already.
    filter: &'static str,
}

/// The statements for one table.
pub(super) struct Statements {
    /// The first rows, with `?3` of them.
    pub(super) first: String,
    /// Those behind a key, whose parts are `?4`, `?5`, …
    pub(super) next: String,
    pub(super) insert: String,
    pub(super) delete: String,
}

impl Table {
    /// The columns that are written.
    pub(super) fn written(&self) -> impl Iterator<Item = (&'static str, Kind)> {
        let is_written = |(_, kind): &(&str, Kind)| !matches!(kind, Kind::Fixed(_));
        self.columns.iter().copied().filter(is_written)
    }

    fn statements(&self) -> Statements {
        let name = self.name;
        let written: Vec<_> = self.written().map(|(column, _)| column).collect();
        let written = written.join(", ");
        let filter = self.filter;
        let key = self.key.join(", ");
        let order = if key.is_empty() { "project_id" } else { &key };
        let from = format!("SELECT {written} FROM {name} WHERE project_id = ?1 AND {filter}");
        let places = |count: usize, begin: usize| {
            let places = (begin..begin + count).map(|n| format!("?{n}"));
            places.collect::<Vec<_>>().join(", ")
        };
        let behind = places(self.key.len(), 4);
        let mut next = from.clone();
        if !key.is_empty() {
            // Writing to a text cannot fail.
            let _ = write!(next, " AND ({key}) > ({behind})");
        }
        let all: Vec<_> = self.columns.iter().map(|(column, _)| *column).collect();
        Statements {
            first: format!("{from} ORDER BY {order} LIMIT ?3"),
            next: format!("{next} ORDER BY {order} LIMIT ?3"),
            insert: format!(
                "INSERT INTO {name} (project_id, {}) VALUES ({})",
                all.join(", "),
                places(all.len() + 1, 1)
            ),
            delete: format!("DELETE FROM {name} WHERE project_id = ?1"),
        }
    }
}

/// The statements of [`TABLES`], in the same order.
pub(super) static STATEMENTS: LazyLock<Vec<Statements>> =
    LazyLock::new(|| TABLES.iter().map(Table::statements).collect());

macro_rules! tables {
    ($($name:literal [$($key:literal),*] where $filter:literal { $($column:literal: $kind:expr),* $(,)? })*) => {
        /// Every table that is written.
        pub(super) const TABLES: &[Table] = &[$(Table {
            name: $name,
            key: &[$($key),*],
            columns: &[$(($column, $kind)),*],
            filter: $filter,
        }),*];
    };
}

tables! {
    "person" ["id"] where "created_at <= ?2" {
        "id": Uuid, "properties": Json, "is_identified": Bool, "email": Text, "vouched_email": Text,
        "search": Text, "created_at": Time,
    }
    "person_distinct_id" ["distinct_id"]
    where "EXISTS (SELECT 1 FROM person WHERE person.project_id = ?1 AND person.id = person_distinct_id.person_id AND person.created_at <= ?2)" {
        "distinct_id": Text, "person_id": Uuid, "position": Int, "is_vouched": Bool,
    }
    "person_merge" ["id"]
    where "EXISTS (SELECT 1 FROM person WHERE person.project_id = ?1 AND person.id = person_merge.person_id AND person.created_at <= ?2)" {
        "id": Uuid, "person_id": Uuid, "properties": Json, "created_at": Time, "merged_at": Time,
    }
    "article" ["id"] where "created_at <= ?2" {
        "id": Uuid, "title": Text, "body": Text, "url": Text, "is_enabled": Bool, "source_path": Text, "passages": Int,
        "words": Int, "created_at": Time, "updated_at": Time, "title_search": Text,
    }
    "article_passage" ["id"]
    where "EXISTS (SELECT 1 FROM article WHERE article.project_id = ?1 AND article.id = article_passage.article_id AND article.created_at <= ?2)" {
        "id": Int, "article_id": Uuid, "number": Int, "heading": Text, "text": Text, "is_enabled": Bool,
        "title_terms": Text, "heading_terms": Text, "terms": Text,
    }
    "ticket" ["id"] where "created_at <= ?2" {
        "id": Uuid, "number": Int, "channel_source": Text, "channel_detail": Text, "distinct_id": Text, "status": Text,
        "priority": Text, "assignee": Assignee, "anonymous_traits": Json, "ai_resolved": Bool,
        "escalation_reason": Text, "created_at": Time, "updated_at": Time, "message_count": Int,
        "last_message_at": Time, "last_message_text": Text, "unread_team_count": Int, "unread_customer_count": Int,
        "session_id": Text, "session_context": Json, "sla_due_at": Time, "sla_warned_minutes": Int,
        "sla_breached": Bool, "snoozed_until": Time, "resolved_at": Time, "widget_session_id": Fixed(Constant::Null),
        "slack_channel_id": Text, "slack_thread_ts": Text, "slack_team_id": Text, "email_subject": Text,
        "email_from": Text, "email_to": Text, "cc_participants": Json, "github_repo": Text,
        "github_issue_number": Int, "identity_verified": Bool, "ai_triage": Json, "ai_triage_result": Text,
        "organization_id": Text, "organization_id_source": Text, "zendesk_ticket_id": Int, "merged_at": Time,
        "merged_into_id": Uuid, "merged_into_number": Int, "tags": Json, "deleted_at": Time, "deleted_by": User,
        "contact_email": Text, "first_response_at": Time,
    }
    "ticket_tag" ["name", "ticket_id"]
    where "EXISTS (SELECT 1 FROM ticket WHERE ticket.project_id = ?1 AND ticket.id = ticket_tag.ticket_id AND ticket.created_at <= ?2)" {
        "name": Text, "ticket_id": Uuid,
    }
    "ticket_message" ["id"]
    where "EXISTS (SELECT 1 FROM ticket WHERE ticket.project_id = ?1 AND ticket.id = ticket_message.ticket_id AND ticket.created_at <= ?2)" {
        "id": Uuid, "ticket_id": Uuid, "content": Text, "rich_content": Json, "item_context": Json, "side": Text,
        "is_private": Bool, "created_by": User, "version": Int, "is_deleted": Bool, "created_at": Time,
        "source_comment": Uuid, "is_task": Bool,
    }
    "ticket_text" ["source_id"]
    where "EXISTS (SELECT 1 FROM ticket WHERE ticket.project_id = ?1 AND ticket.id = ticket_text.ticket_id AND ticket.created_at <= ?2)" {
        "source_id": Uuid, "ticket_id": Uuid, "text": Text,
    }
    // As if they were being uploaded: a file is stored when its bytes have come.
    "media" ["id"] where "created_at <= ?2 AND is_stored AND is_attached AND doomed_at IS NULL" {
        "id": Uuid, "name": Text, "content_type": Text, "size": Fixed(Constant::Zero),
        "is_stored": Fixed(Constant::False), "is_attached": Bool, "uploaded_by": User, "created_at": Time,
        "doomed_at": Fixed(Constant::Null),
    }
    "media_use" ["media_id", "message_id"]
    where "EXISTS (SELECT 1 FROM media WHERE media.project_id = ?1 AND media.id = media_use.media_id AND media.created_at <= ?2 AND media.is_stored AND media.is_attached AND media.doomed_at IS NULL) \
      AND EXISTS (SELECT 1 FROM ticket_message m JOIN ticket t ON t.project_id = m.project_id AND t.id = m.ticket_id WHERE m.project_id = ?1 AND m.id = media_use.message_id AND m.created_at <= ?2 AND t.created_at <= ?2)" {
        "media_id": Uuid, "message_id": Uuid,
    }
    "ticket_view" ["id"] where "created_at <= ?2" {
        "id": Uuid, "short_id": Text, "name": Text, "filters": Named, "visibility": Text, "created_by": User,
        "created_at": Time,
    }
    "ticket_view_favorite" ["user_id", "view_id"]
    where "EXISTS (SELECT 1 FROM ticket_view WHERE ticket_view.project_id = ?1 AND ticket_view.id = ticket_view_favorite.view_id AND ticket_view.created_at <= ?2)" {
        "user_id": User, "view_id": Uuid,
    }
    "macro" ["id"] where "created_at <= ?2" {
        "id": Uuid, "short_id": Text, "name": Text, "description": Text, "content": Text, "rich_content": Json,
        "actions": Named, "visibility": Text, "created_by": User, "created_at": Time, "updated_at": Time,
    }
    "guidance_rule" ["id"] where "created_at <= ?2" {
        "id": Uuid, "rule_type": Text, "name": Text, "name_search": Text, "content": Text, "is_active": Bool,
        "channels": Json, "created_by": User, "created_at": Time, "updated_at": Time,
    }
    "draft" ["user_id", "name"] where "updated_at <= ?2" {
        "user_id": User, "name": Text, "content": Text, "rich_content": Json, "is_private": Bool, "updated_at": Time,
    }
    "conversation" ["id"] where "created_at <= ?2" {
        "id": Conversation, "user_id": User, "title": Text, "titled_by_model": Bool, "status": Fixed(Constant::Idle),
        "type": Text, "topic": Text, "agent_mode": Text, "is_internal": Bool, "slack_thread_key": Text,
        "slack_workspace_domain": Text, "last_turn": Int, "last_position": Int, "cleared_queue": Json,
        "created_at": Time, "updated_at": Time, "deleted_at": Time,
    }
    "message" ["conversation_id", "position"]
    where "EXISTS (SELECT 1 FROM conversation WHERE conversation.project_id = ?1 AND conversation.id = message.conversation_id AND conversation.created_at <= ?2)" {
        "conversation_id": Conversation, "position": Int, "id": Uuid, "turn": Int, "body": Json, "created_at": Time,
    }
    "turn" ["conversation_id", "number"]
    where "status <> 'running' AND EXISTS (SELECT 1 FROM conversation WHERE conversation.project_id = ?1 AND conversation.id = turn.conversation_id AND conversation.created_at <= ?2)" {
        "conversation_id": Conversation, "number": Int, "status": Text, "kind": Text, "epoch": Int,
        "owner": Fixed(Constant::NilUuid), "lease_until": Fixed(Constant::Zero), "trace_id": Uuid, "content_digest": Bytes, "options": Json,
        "last_seq": Fixed(Constant::Zero), "open_seq": Fixed(Constant::Null), "steps": Int, "input_tokens": Int, "output_tokens": Int,
        "continued": Bool, "started_at": Time, "ended_at": Time,
    }
    "queue_item" ["conversation_id", "id"]
    where "EXISTS (SELECT 1 FROM conversation WHERE conversation.project_id = ?1 AND conversation.id = queue_item.conversation_id AND conversation.created_at <= ?2)" {
        "conversation_id": Conversation, "id": Uuid, "position": Int, "trace_id": Uuid, "content": Text, "options": Json,
        "created_at": Time,
    }
    "approval" ["conversation_id", "proposal_id"]
    where "EXISTS (SELECT 1 FROM conversation WHERE conversation.project_id = ?1 AND conversation.id = approval.conversation_id AND conversation.created_at <= ?2)" {
        "conversation_id": Conversation, "proposal_id": Text, "turn": Int, "decision_status": Text, "tool_name": Text,
        "preview": Text, "payload": Json, "tool_call_id": Text, "message_id": Uuid, "created_at": Time,
        "decided_at": Time,
    }
    "event" ["seq"] where "created_at <= ?2" {
        "seq": Int, "kind": Text, "distinct_id": Text, "properties": Json, "is_hidden": Bool, "created_at": Time,
    }
    "activity" ["created_at", "id"] where "created_at <= ?2" {
        "id": Uuid, "scope": Text, "item_id": Text, "activity": Text, "user_id": User, "detail": Json, "client": Text,
        "created_at": Time,
    }
    // At the end: no event and no ticket is newer.
    "project_counter" [] where "CAST(?2 AS BIGINT) >= 0" {
        "last_event": Int, "last_ticket_number": Int,
    }
}

/// The tables of a project that are not written, and why.
#[cfg(test)]
pub(super) const LEFT_OUT: &[(&str, &str)] = &[
    ("article_totals", "counted anew"),
    ("conversation_directory", "made with the conversations"),
    ("conversation_total", "counted anew"),
    ("frame", "of the last hour's streams only"),
    ("idempotency", "of requests of the last day only"),
    ("outbox", "mails hold links with secrets"),
    ("person_totals", "counted anew"),
    ("project_key", "secrets"),
    ("reply_job", "what runs at the moment"),
    ("restore_token", "secrets"),
    ("ticket_search_ticket", "made as texts enter the index"),
    ("ticket_tally", "counted anew"),
    ("ticket_text_removal", "of one file's searches"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestPlace;
    use crate::{Engine, Store};
    use std::collections::{BTreeMap, BTreeSet};

    const COLUMNS: &str = "SELECT tables.name, columns.name FROM sqlite_schema AS tables \
                           JOIN pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'";

    #[tokio::test]
    async fn every_table_and_column_of_a_project_is_written_or_left_out_for_a_reason() {
        let place = TestPlace::create(Engine::Sqlite, "tables")
            .await
            .unwrap()
            .unwrap();
        let store = Store::open(&place.config()).await.unwrap();
        let columns: Vec<(String, String)> = store
            .read(|c| Box::pin(async move { c.all(COLUMNS, &[]).await }))
            .await
            .unwrap();
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (table, column) in columns {
            found.entry(table).or_default().insert(column);
        }
        found.retain(|_, columns| columns.remove("project_id"));
        for (name, reason) in LEFT_OUT {
            assert!(
                found.remove(*name).is_some(),
                "there is no table {name} ({reason})"
            );
        }
        for table in TABLES {
            let mut expected = found.remove(table.name).unwrap_or_default();
            // SQLite's own number of a row that is searched for.
            expected.remove("search_id");
            let columns = table.columns.iter().map(|(column, _)| (*column).to_owned());
            assert_eq!(columns.collect::<BTreeSet<_>>(), expected, "{}", table.name);
        }
        assert!(
            found.is_empty(),
            "neither written nor left out: {:?}",
            found.keys()
        );
    }
}
