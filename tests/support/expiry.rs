//! Waiting until a time to live is over, as the cache itself sees it.

use std::time::{Duration, Instant};

use hotset::store::{Cache, Entry};

/// No cache takes longer than this to notice that a time is over, also on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

/// Waits until every entry is gone that the cache has been given before this call with such a time to live: one that is
/// put in only now goes last.
pub async fn outlive(cache: &impl Cache, ttl: Duration) {
    cache.set("goes last", &Entry::Absent, Some(ttl)).await.unwrap();
    let until = Instant::now() + BOUND;
    while cache.get("goes last").await.unwrap().is_some() {
        assert!(Instant::now() < until, "an entry with {ttl:?} to live is still there after {BOUND:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
