//! Invalidations that failed at the cache. They are retried in the background until they succeed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::background::spawn;
use crate::store::Cache;

/// The most keys that are kept. A write that would need one more fails instead.
const MOST_KEYS: usize = 100_000;
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// The keys whose invalidation is still to be delivered by this instance.
#[derive(Debug, Default)]
pub struct Pending {
    /// The number of times each key was added, so that delivery of an earlier invalidation does not clear a
    /// later one.
    keys: Mutex<HashMap<String, u64>>,
    /// The size of `keys`, read on every look-up without the lock.
    len: AtomicUsize,
    retrying: AtomicBool,
}

impl Pending {
    /// Returns true if this instance must not use the cache for a key.
    pub fn contains(&self, key: &str) -> bool {
        self.len.load(Ordering::Acquire) > 0 && self.keys.lock().contains_key(key)
    }

    /// Keeps a key, and starts the task that retries if there is none; returns false if too many are kept
    /// already.
    pub fn add<C: Cache>(self: &Arc<Self>, key: &str, cache: &C) -> bool {
        {
            let mut keys = self.keys.lock();
            if keys.len() >= MOST_KEYS && !keys.contains_key(key) {
                return false;
            }
            *keys.entry(key.to_owned()).or_default() += 1;
            self.len.store(keys.len(), Ordering::Release);
        }
        if !self.retrying.swap(true, Ordering::AcqRel) {
            spawn(retry(Arc::downgrade(self), cache.clone()));
        }
        true
    }

    /// The number of keys that are waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Returns true if none is waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn snapshot(&self) -> Vec<(String, u64)> {
        self.keys.lock().iter().map(|(key, times)| (key.clone(), *times)).collect()
    }

    fn delivered(&self, key: &str, times: u64) {
        let mut keys = self.keys.lock();
        if keys.get(key) == Some(&times) {
            keys.remove(key);
        }
        self.len.store(keys.len(), Ordering::Release);
    }
}

/// Delivers invalidations until none is left or the instance is gone.
async fn retry<C: Cache>(pending: std::sync::Weak<Pending>, cache: C) {
    loop {
        tokio::time::sleep(RETRY_EVERY).await;
        let Some(pending) = pending.upgrade() else { return };
        for (key, times) in pending.snapshot() {
            // After the first failure the others wait for the next round.
            if cache.delete(&key).await.is_err() {
                break;
            }
            pending.delivered(&key, times);
        }
        if pending.is_empty() {
            pending.retrying.store(false, Ordering::Release);
            // A key may have been added between the check and the store. The task that wins the flag goes on.
            if pending.is_empty() || pending.retrying.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }
}
