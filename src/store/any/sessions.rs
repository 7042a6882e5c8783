//! Sessions of users in whichever cache it is.

use super::AnyCache;
use crate::store::{Session, Sessions, StoreError};

impl Sessions for AnyCache {
    async fn begin_session(
        &self,
        key: &str,
        token_id: &str,
        data: &[u8],
        expires_ms: u64,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        match self {
            Self::Local(cache) => cache.begin_session(key, token_id, data, expires_ms, now_ms).await,
            Self::Redis(cache) => cache.begin_session(key, token_id, data, expires_ms, now_ms).await,
        }
    }

    async fn touch_session(
        &self,
        key: &str,
        token_id: &str,
        now_ms: u64,
    ) -> Result<Option<Session>, StoreError> {
        match self {
            Self::Local(cache) => cache.touch_session(key, token_id, now_ms).await,
            Self::Redis(cache) => cache.touch_session(key, token_id, now_ms).await,
        }
    }

    async fn end_session(&self, key: &str, token_id: &str) -> Result<bool, StoreError> {
        match self {
            Self::Local(cache) => cache.end_session(key, token_id).await,
            Self::Redis(cache) => cache.end_session(key, token_id).await,
        }
    }

    async fn end_all_sessions(&self, key: &str) -> Result<u64, StoreError> {
        match self {
            Self::Local(cache) => cache.end_all_sessions(key).await,
            Self::Redis(cache) => cache.end_all_sessions(key).await,
        }
    }
}
