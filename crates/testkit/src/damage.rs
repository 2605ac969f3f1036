//! A store that is damaged for a while.

use crate::TestApp;

/// What can be taken away from under a running server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The messages of all conversations.
    Message,
    /// The messages that wait for the end of a turn.
    QueueItem,
}

impl TestApp {
    /// Takes a table away: every statement that names it fails. On both engines.
    pub async fn hide(&self, table: Table) {
        self.alter(match table {
            Table::Message => "ALTER TABLE message RENAME TO hidden_message",
            Table::QueueItem => "ALTER TABLE queue_item RENAME TO hidden_queue_item",
        })
        .await;
    }

    /// Gives a hidden table back, with everything that was in it.
    pub async fn give_back(&self, table: Table) {
        self.alter(match table {
            Table::Message => "ALTER TABLE hidden_message RENAME TO message",
            Table::QueueItem => "ALTER TABLE hidden_queue_item RENAME TO queue_item",
        })
        .await;
    }

    async fn alter(&self, statement: &'static str) {
        self.store
            .write(move |c| Box::pin(async move { c.exec(statement, &[]).await }))
            .await
            .unwrap();
    }
}
