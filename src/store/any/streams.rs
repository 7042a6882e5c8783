//! Streams in whichever cache it is.

use super::AnyCache;
use crate::store::StoreError;
use crate::store::streams::{StreamRecord, Streams};

impl Streams for AnyCache {
    async fn read_stream(
        &self,
        stream: &str,
        group: &str,
        most: u64,
    ) -> Result<Vec<StreamRecord>, StoreError> {
        match self {
            Self::Local(cache) => cache.read_stream(stream, group, most).await,
            Self::Redis(cache) => cache.read_stream(stream, group, most).await,
        }
    }
}
