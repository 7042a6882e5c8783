//! Sessions in the local cache. Like counters they do not count towards its capacity. The cache is outside of
//! the instances, so it keeps the sessions when an instance crashes.

use bytes::Bytes;

use super::LocalCache;
use crate::store::StoreError;
use crate::store::sessions::{Session, Sessions};

impl Sessions for LocalCache {
    async fn begin_session(
        &self,
        key: &str,
        token_id: &str,
        data: &[u8],
        expires_ms: u64,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let session = Session { expires_ms, last_access_ms: now_ms, data: Bytes::copy_from_slice(data) };
        self.with(|store, _| {
            if !session.has_expired(now_ms) {
                store.sessions.entry(key.into()).or_default().begin(token_id, session);
            }
        });
        Ok(())
    }

    async fn touch_session(
        &self,
        key: &str,
        token_id: &str,
        now_ms: u64,
    ) -> Result<Option<Session>, StoreError> {
        Ok(self.with(|store, _| {
            let of_user = store.sessions.get_mut(key)?;
            let touched = of_user.touch(token_id, now_ms);
            if of_user.sessions.is_empty() {
                store.sessions.remove(key);
            }
            touched
        }))
    }

    async fn end_session(&self, key: &str, token_id: &str) -> Result<bool, StoreError> {
        Ok(self.with(|store, _| {
            let Some(of_user) = store.sessions.get_mut(key) else { return false };
            let was_there = of_user.sessions.remove(token_id).is_some();
            if of_user.sessions.is_empty() {
                store.sessions.remove(key);
            }
            was_there
        }))
    }

    async fn end_all_sessions(&self, key: &str) -> Result<u64, StoreError> {
        Ok(self.with(|store, _| store.sessions.remove(key).map_or(0, |all| all.sessions.len() as u64)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::clock;
    use crate::store::local::LocalCapacity;
    use crate::store::{Cache as _, Counters};

    fn cache() -> LocalCache {
        LocalCache::new(LocalCapacity::Entries(0), Counters::new())
    }

    async fn begin(cache: &LocalCache, token_id: &str, lifetime: Duration) {
        let now = clock::unix_millis();
        let expires = now + u64::try_from(lifetime.as_millis()).unwrap();
        cache.begin_session("session:1", token_id, b"data", expires, now).await.unwrap();
    }

    async fn is_alive(cache: &LocalCache, token_id: &str) -> bool {
        cache.touch_session("session:1", token_id, clock::unix_millis()).await.unwrap().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_lives_to_its_end_and_not_a_moment_longer() {
        let cache = cache();
        begin(&cache, "short", Duration::from_secs(10)).await;
        begin(&cache, "long", Duration::from_secs(20)).await;
        tokio::time::advance(Duration::from_millis(9_999)).await;
        assert!(is_alive(&cache, "short").await);
        tokio::time::advance(Duration::from_millis(2)).await;
        assert!(!is_alive(&cache, "short").await, "touching it did not lengthen it");
        assert!(is_alive(&cache, "long").await);
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_user_who_comes_again_and_again_no_more_than_twice_what_lives_is_kept() {
        let cache = cache();
        for number in 0..500 {
            begin(&cache, &number.to_string(), Duration::from_millis(100)).await;
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(is_alive(&cache, "499").await);
        let kept = cache.end_all_sessions("session:1").await.unwrap();
        assert!((10..=33).contains(&kept), "{kept}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_without_sessions_takes_up_no_room_and_a_cleared_cache_has_no_sessions() {
        let cache = cache();
        for token_id in ["ended", "expired", "cleared", "deleted"] {
            begin(&cache, token_id, Duration::from_secs(1)).await;
            match token_id {
                "ended" => assert!(cache.end_session("session:1", "ended").await.unwrap()),
                "expired" => {
                    tokio::time::advance(Duration::from_secs(2)).await;
                    assert!(!is_alive(&cache, "expired").await);
                }
                "cleared" => cache.clear(),
                _ => assert!(cache.delete("session:1").await.unwrap()),
            }
            assert!(cache.store.lock().sessions.is_empty(), "{token_id}");
        }
    }
}
