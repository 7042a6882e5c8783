//! Counts of accesses in a cache of this process.

use std::time::Duration;

use super::LocalCache;
use crate::base::clock;
use crate::store::{AccessCounts, StoreError};

impl AccessCounts for LocalCache {
    async fn count_accesses(
        &self,
        window: &str,
        added: &[(String, u64)],
        ttl: Duration,
    ) -> Result<(), StoreError> {
        self.with_windows(|windows| {
            let now = clock::now();
            windows.retain(|_, window| window.expires.is_none_or(|expires| expires > now));
            let window = windows.entry(window.into()).or_default();
            window.expires = now.checked_add(ttl);
            for (id, count) in added {
                *window.counts.entry(id.as_str().into()).or_default() += count;
            }
        });
        Ok(())
    }

    async fn most_accessed(&self, window: &str, most: u64) -> Result<Vec<(String, u64)>, StoreError> {
        Ok(self.with_windows(|windows| {
            let now = clock::now();
            let live = windows.get(window).filter(|w| w.expires.is_none_or(|expires| expires > now));
            let counts = live.map(|window| &window.counts);
            let mut all: Vec<(String, u64)> =
                counts.into_iter().flatten().map(|(id, count)| (id.to_string(), *count)).collect();
            // Redis sorts in this order too: by count and, among equal counts, by name, both descending.
            all.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
            all.truncate(most as usize);
            all
        }))
    }
}
