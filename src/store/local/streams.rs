//! Streams in the local cache.

use super::LocalCache;
use crate::store::StoreError;
use crate::store::streams::{StreamRecord, Streams};

impl Streams for LocalCache {
    async fn read_stream(
        &self,
        stream: &str,
        group: &str,
        most: u64,
    ) -> Result<Vec<StreamRecord>, StoreError> {
        Ok(self.with(|store, _| {
            store.streams.get_mut(stream).map(|stream| stream.take(group, most)).unwrap_or_default()
        }))
    }
}
