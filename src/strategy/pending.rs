//! Invalidations that the cache has not taken yet, retried in the background until it does.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::store::Cache;

/// More keys than this are not kept: the write that would need it fails instead.
const MOST_KEYS: usize = 100_000;
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// The keys whose invalidation is still to be delivered by this instance.
#[derive(Debug, Default)]
pub struct Pending {
    /// Key → how often it was added, so that a delivery of an earlier one does not clear a later.
    keys: Mutex<HashMap<String, u64>>,
    /// The size of `keys`, read on every look-up without the lock.
    len: AtomicUsize,
    retrying: AtomicBool,
}

impl Pending {
    /// Whether this instance must not believe the cache about a key.
    pub fn contains(&self, key: &str) -> bool {
        self.len.load(Ordering::Acquire) > 0 && self.keys.lock().contains_key(key)
    }

    /// Keeps a key, and starts to retry where nobody does yet. `false`: too many are kept already.
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
            tokio::spawn(retry(Arc::downgrade(self), cache.clone()));
        }
        true
    }

    /// How many are waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Whether none is waiting.
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

/// Delivers until nothing is left or the instance is gone.
async fn retry<C: Cache>(pending: std::sync::Weak<Pending>, cache: C) {
    loop {
        tokio::time::sleep(RETRY_EVERY).await;
        let Some(pending) = pending.upgrade() else { return };
        for (key, times) in pending.snapshot() {
            // The first refusal says enough: the others wait for the next round.
            if cache.delete(&key).await.is_err() {
                break;
            }
            pending.delivered(&key, times);
        }
        if pending.is_empty() {
            pending.retrying.store(false, Ordering::Release);
            // A key may have been added between the look and the store; whoever wins the flag goes on.
            if pending.is_empty() || pending.retrying.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }
}
