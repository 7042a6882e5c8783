//! Counts of accesses in sorted sets.

use std::time::Duration;

use redis::Value;

use super::scripts::ADD_TO_SORTED_SET;
use super::{RedisCache, millis, unexpected};
use crate::store::{AccessCounts, StoreError};

/// The most members in one call. A script holds the server up while it runs; this many take well under a
/// millisecond.
const MOST_AT_ONCE: usize = 500;

impl RedisCache {
    /// Adds to the scores of members of a sorted set, which lives for `ttl` from now.
    pub(in crate::store) async fn add_to_sorted_set(
        &self,
        key: &str,
        added: &[(String, u64)],
        ttl: Duration,
    ) -> Result<(), StoreError> {
        let ttl = millis(ttl).to_string();
        for part in added.chunks(MOST_AT_ONCE) {
            let counts: Vec<String> = part.iter().map(|(_, count)| count.to_string()).collect();
            let mut arguments = vec![ttl.as_bytes()];
            for ((member, _), count) in part.iter().zip(&counts) {
                arguments.extend([member.as_bytes(), count.as_bytes()]);
            }
            self.run(&ADD_TO_SORTED_SET, key, &arguments, "counting accesses").await?;
        }
        Ok(())
    }

    /// The `most` members with the highest scores, and their scores.
    pub(in crate::store) async fn highest_of_sorted_set(
        &self,
        key: &str,
        most: u64,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        const DOING: &str = "asking for the most accessed";
        let mut command = self.command("ZREVRANGE", key, 32);
        command.arg(0).arg(i64::try_from(most).unwrap_or(i64::MAX) - 1).arg("WITHSCORES");
        let answer = self.request(key, &command, DOING).await?;
        redis::from_redis_value::<Vec<(String, f64)>>(answer)
            .map(|all| all.into_iter().map(|(member, score)| (member, score as u64)).collect())
            .map_err(|_| unexpected(DOING, &Value::Nil))
    }
}

impl AccessCounts for RedisCache {
    async fn count_accesses(
        &self,
        window: &str,
        added: &[(String, u64)],
        ttl: Duration,
    ) -> Result<(), StoreError> {
        self.add_to_sorted_set(window, added, ttl).await
    }

    async fn most_accessed(&self, window: &str, most: u64) -> Result<Vec<(String, u64)>, StoreError> {
        self.highest_of_sorted_set(window, most).await
    }
}
