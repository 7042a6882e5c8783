//! Databases that announce which documents have changed, whichever client changed them.

use std::future::Future;

use tokio::sync::mpsc;

use super::{Database, DelayedDatabase, StoreError, Version};
use crate::base::clock;

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
        let mut near = self.inner().changes(collection).await?;
        let round_trip = self.round_trip().clone();
        let (sender, receiver) = mpsc::unbounded_channel();
        let (depart, mut arrive) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(announced) = near.recv().await {
                if depart.send((clock::now() + round_trip.get() / 2, announced)).is_err() {
                    return;
                }
            }
        });
        tokio::spawn(async move {
            loop {
                let next = tokio::select! {
                    next = arrive.recv() => next,
                    () = sender.closed() => None,
                };
                let Some((at, announced)) = next else { return };
                clock::sleep_until(at).await;
                if sender.send(announced).is_err() {
                    return;
                }
            }
        });
        Ok(receiver)
    }
}
