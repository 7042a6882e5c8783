//! Streams as Redis keeps them.

use bytes::Bytes;
use redis::Value;

use super::RedisCache;
use crate::store::StoreError;
use crate::store::streams::{StreamRecord, Streams};

impl Streams for RedisCache {
    async fn read_stream(
        &self,
        stream: &str,
        group: &str,
        most: u64,
    ) -> Result<Vec<StreamRecord>, StoreError> {
        let answer = self.read_group(stream, group, most).await?;
        Ok(answer.into_iter().filter_map(record).collect())
    }
}

/// Reads a record from its place and a list of alternating names and values; `None` for anything else, such
/// as a record that was trimmed meanwhile.
fn record(value: Value) -> Option<StreamRecord> {
    let Value::Array(parts) = value else { return None };
    let mut parts = parts.into_iter();
    let (Some(Value::BulkString(place)), Some(Value::Array(fields))) = (parts.next(), parts.next()) else {
        return None;
    };
    let id = std::str::from_utf8(&place).ok()?.parse().ok()?;
    let mut all = Vec::new();
    let mut fields = fields.into_iter();
    while let (Some(Value::BulkString(name)), Some(Value::BulkString(value))) = (fields.next(), fields.next())
    {
        all.push((String::from_utf8_lossy(&name).into_owned(), Bytes::from(value)));
    }
    Some(StreamRecord { id, fields: all })
}
