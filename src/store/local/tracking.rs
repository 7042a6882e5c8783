//! Announcements of changed keys by a cache of this process.

use std::time::Duration;

use tokio::sync::mpsc;

use super::LocalCache;
use crate::store::StoreError;
use crate::store::tracking::{Announcement, Announcements, Tracking};

impl Tracking for LocalCache {
    async fn track(&self, key_prefix: &str, _check_every: Duration) -> Result<Announcements, StoreError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        // This cannot fail, since the receiver still exists.
        let _ = sender.send(Announcement::Connected);
        self.store.lock().listeners.add(key_prefix, sender);
        Ok(receiver)
    }
}
