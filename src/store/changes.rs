//! Databases that announce which documents have changed, whichever client changed them.

use std::future::Future;

use tokio::sync::mpsc;

use super::announced::delayed;
use super::{Database, DelayedDatabase, StoreError, Version};

/// An announcement of a database about one collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announced {
    /// From now on every change is announced.
    Connected,
    /// A document has changed.
    Changed {
        /// The id of the document.
        id: String,
        /// Its version after the change, if that is known.
        version: Option<Version>,
    },
    /// Changes may have been missed, and nothing is announced until the next `Connected`.
    Missed,
}

/// Announcements in the order of the commits.
pub type ChangeFeed = mpsc::UnboundedReceiver<Announced>;

/// A database that announces changes.
pub trait Changes: Database {
    /// Announces the changes of a collection until the receiver is dropped. A stream that breaks off is
    /// resumed where it ended if the database still has the changes since then.
    fn changes(&self, collection: &str) -> impl Future<Output = Result<ChangeFeed, StoreError>> + Send;
}

/// Announcements are delayed too, by half a round trip each.
impl<D: Changes> Changes for DelayedDatabase<D> {
    async fn changes(&self, collection: &str) -> Result<ChangeFeed, StoreError> {
        Ok(delayed(self.inner().changes(collection).await?, self.round_trip().clone()))
    }
}
