//! Streams that others read: records in their order, each given once to a group of readers.
//!
//! What Redis calls a stream with a consumer group, see
//! <https://redis.io/docs/latest/develop/data-types/streams/>. [`Cache::append`] writes them.

use std::future::Future;

use bytes::Bytes;

use super::write_log::RecordId;
use super::{Cache, DelayedCache, StoreError};

/// One record of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRecord {
    /// Its place in the stream.
    pub id: RecordId,
    /// Names and values.
    pub fields: Vec<(String, Bytes)>,
}

impl StreamRecord {
    /// The value of a field as a text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        let (_, value) = self.fields.iter().find(|(name, _)| name == field)?;
        std::str::from_utf8(value).ok()
    }
}

/// A cache whose streams are read by groups. Promises are those of [`Cache`].
pub trait Streams: Cache {
    /// Up to `most` records that the group was not given yet, oldest first; a group that is not there is made, and
    /// begins at the stream's beginning. Does not wait for any. What was given is done: nobody gets it again, also
    /// where the caller dies with it.
    fn read_stream(
        &self,
        stream: &str,
        group: &str,
        most: u64,
    ) -> impl Future<Output = Result<Vec<StreamRecord>, StoreError>> + Send;
}

impl<C: Streams> Streams for DelayedCache<C> {
    async fn read_stream(
        &self,
        stream: &str,
        group: &str,
        most: u64,
    ) -> Result<Vec<StreamRecord>, StoreError> {
        self.round_trip().around(self.inner().read_stream(stream, group, most)).await
    }
}
