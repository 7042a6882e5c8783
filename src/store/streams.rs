//! Streams that groups read: records in order, each given to a group once.
//!
//! Redis calls this a stream with a consumer group, see
//! <https://redis.io/docs/latest/develop/data-types/streams/>. [`Cache::append`] writes them.

use std::future::Future;

use bytes::Bytes;

use super::write_log::RecordId;
use super::{Cache, DelayedCache, StoreError};

/// One record of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRecord {
    /// The record's place in the stream.
    pub id: RecordId,
    /// The names and values of the fields, in order.
    pub fields: Vec<(String, Bytes)>,
}

impl StreamRecord {
    /// The value of a field; `None` if it is missing or not UTF-8.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        let (_, value) = self.fields.iter().find(|(name, _)| name == field)?;
        std::str::from_utf8(value).ok()
    }
}

/// A cache whose streams are read by groups. It makes the same promises as [`Cache`].
pub trait Streams: Cache {
    /// Takes up to `most` records that the group was not given yet, oldest first, without waiting for any. A
    /// group that does not exist is made and begins at the beginning of the stream. A record is given only
    /// once, even if the caller dies with it.
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
        self.round_trip().around(|| self.inner().read_stream(stream, group, most)).await
    }
}
