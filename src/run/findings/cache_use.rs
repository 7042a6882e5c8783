//! What the cache held, and what left it.

use super::observed::Sample;
use crate::results::CacheUse;
use crate::topology::CacheFigures;

/// The columns: what the cache holds at the second of two samples, and what left it between them.
#[must_use]
pub fn of([before, after]: &[Sample; 2]) -> CacheUse {
    let server = |figures: &CacheFigures| figures.server_use.map(|used| used.server);
    // A server that was started anew in between counts from 0 again, and says nothing of before.
    let same = before.cache.zip(after.cache).filter(|(before, after)| server(before) == server(after));
    let grown = |field: fn(&CacheFigures) -> Option<u64>| {
        same.and_then(|(before, after)| Some(field(&after)?.saturating_sub(field(&before)?)))
    };
    CacheUse {
        cache_evicted: grown(|cache| cache.evicted),
        cache_expired: grown(|cache| cache.expired),
        cache_memory_bytes: after.cache.and_then(|cache| cache.memory_bytes),
        cache_entries: after.cache.map(|cache| cache.entries),
    }
}
