//! Announcements of the embedded database: each commit tells its listeners.

use tokio::sync::mpsc;

use super::EmbeddedDatabase;
use crate::store::StoreError;
use crate::store::changes::{Announced, ChangeFeed, Changes};

impl Changes for EmbeddedDatabase {
    async fn changes(&self, collection: &str) -> Result<ChangeFeed, StoreError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        // This cannot fail, since the receiver still exists.
        let _ = sender.send(Announced::Connected);
        self.listeners.add(collection, sender);
        Ok(receiver)
    }
}
