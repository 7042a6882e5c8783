//! Announcements of changed keys by whichever cache it is.

use std::time::Duration;

use super::AnyCache;
use crate::store::{Announcements, StoreError, Tracking};

impl Tracking for AnyCache {
    async fn track(&self, key_prefix: &str, check_every: Duration) -> Result<Announcements, StoreError> {
        match self {
            Self::Local(cache) => cache.track(key_prefix, check_every).await,
            Self::Redis(cache) => cache.track(key_prefix, check_every).await,
        }
    }
}
