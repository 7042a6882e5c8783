//! Caches that announce which keys have changed, for clients that keep copies of entries.

use std::future::Future;
use std::time::Duration;

use compact_str::CompactString;
use tokio::sync::mpsc;

use super::announced::delayed;
use super::{Cache, DelayedCache, StoreError};

/// An announcement of a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announcement {
    /// From now on every change is announced.
    Connected,
    /// The entry under this key has changed, expired or been evicted.
    Changed(CompactString),
    /// Everything may have changed, and nothing is announced until the next `Connected`.
    Lost,
    /// Everything is gone, and changes are announced as before.
    Flushed,
}

/// Announcements in the order in which they were made.
pub type Announcements = mpsc::UnboundedReceiver<Announcement>;

/// A cache that announces changes.
pub trait Tracking: Cache {
    /// Announces the changes to keys that begin with `key_prefix`, until the receiver is dropped.
    /// Announcements come a little after the change; copies are out of date for that long.
    ///
    /// # Errors
    /// Returns an error if the first connection cannot be made. Later ones are tried again for as long as it
    /// takes.
    fn track(
        &self,
        key_prefix: &str,
        check_every: Duration,
    ) -> impl Future<Output = Result<Announcements, StoreError>> + Send;
}

/// Announcements are delayed too, by half a round trip each.
impl<C: Tracking> Tracking for DelayedCache<C> {
    async fn track(&self, key_prefix: &str, check_every: Duration) -> Result<Announcements, StoreError> {
        Ok(delayed(self.inner().track(key_prefix, check_every).await?, self.round_trip().clone()))
    }
}
