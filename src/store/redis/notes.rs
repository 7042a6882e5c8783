//! Short texts that processes leave for each other under keys that expire, and the clock of the server that keeps them.

use std::time::Duration;

use redis::Value;

use super::{RedisCache, millis, unexpected};
use crate::store::{ErrorKind, StoreError};

impl RedisCache {
    /// Leaves a text under a key, in the place of what was there.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn put_note(&self, key: &str, text: &str, ttl: Duration) -> Result<(), StoreError> {
        let mut command = self.command("SET", key, text.len() + 16);
        command.arg(text).arg("PX").arg(millis(ttl));
        self.request(key, &command, "leaving a note for other segments").await.map(drop)
    }

    /// Reads the text under a key; `None` where there is none, or none any more.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn note(&self, key: &str) -> Result<Option<String>, StoreError> {
        let doing = "reading a note of another segment";
        match self.request(key, &self.command("GET", key, 0), doing).await? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            other => Err(unexpected(doing, &other)),
        }
    }

    /// Removes the text under a key.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn remove_note(&self, key: &str) -> Result<(), StoreError> {
        self.request(key, &self.command("DEL", key, 0), "removing a note for other segments").await.map(drop)
    }

    /// The clock of the server that has a key: the time since the beginning of 1970.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn server_time(&self, key: &str) -> Result<Duration, StoreError> {
        let doing = "asking the cache's server for its time";
        let time = self.request(key, &redis::cmd("TIME"), doing).await?;
        let (seconds, micros): (u64, u64) = redis::from_redis_value(time)
            .map_err(|error| StoreError::new(ErrorKind::Malformed, format!("{doing}: {error}")))?;
        Ok(Duration::from_secs(seconds) + Duration::from_micros(micros))
    }
}
