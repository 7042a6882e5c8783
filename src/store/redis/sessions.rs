//! Sessions in Redis: one hash per user, with a field for each token id. A field holds the times of the
//! session's end and of its last use, and then its data, see [`Session::encode`]. Both times are far below
//! 2^53, so Lua's numbers hold them.
//!
//! ```text
//! begin    EVALSHA BEGIN_SESSION     HSET, and a look at a few fields that may have expired
//! touch    EVALSHA TOUCH_SESSION     HGET, and HSET of what was there, in one step
//! end      HDEL
//! end all  EVALSHA END_ALL_SESSIONS  HLEN, UNLINK
//! ```

use bytes::Bytes;
use redis::Value;

use super::scripts::{BEGIN_SESSION, END_ALL_SESSIONS, TOUCH_SESSION};
use super::{RedisCache, unexpected};
use crate::store::StoreError;
use crate::store::sessions::{Session, Sessions};

impl Sessions for RedisCache {
    async fn begin_session(
        &self,
        key: &str,
        token_id: &str,
        data: &[u8],
        expires_ms: u64,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let data = Bytes::copy_from_slice(data);
        let session = Session { expires_ms, last_access_ms: now_ms, data }.encode();
        let (expires, now) = (expires_ms.to_string(), now_ms.to_string());
        let arguments = [token_id.as_bytes(), &session[..], expires.as_bytes(), now.as_bytes()];
        self.run(&BEGIN_SESSION, key, &arguments, "beginning a session").await?;
        self.replicated(key).await
    }

    async fn touch_session(
        &self,
        key: &str,
        token_id: &str,
        now_ms: u64,
    ) -> Result<Option<Session>, StoreError> {
        let doing = "touching a session";
        let now = now_ms.to_string();
        match self.run_over(&TOUCH_SESSION, &[key], &[token_id.as_bytes(), now.as_bytes()], doing).await? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => match Session::decode(&Bytes::from(bytes)) {
                Some(session) => Ok(Some(session)),
                None => Err(unexpected(doing, &Value::Okay)),
            },
            other => Err(unexpected(doing, &other)),
        }
    }

    async fn end_session(&self, key: &str, token_id: &str) -> Result<bool, StoreError> {
        let doing = "ending a session";
        let mut command = self.command("HDEL", key, token_id.len());
        command.arg(token_id);
        match self.request(key, &command, doing).await? {
            // This also waits if the session was already gone, since an earlier attempt may have ended it and
            // reached no replica.
            Value::Int(ended) => self.replicated(key).await.map(|()| ended > 0),
            other => Err(unexpected(doing, &other)),
        }
    }

    async fn end_all_sessions(&self, key: &str) -> Result<u64, StoreError> {
        let ended = self.run(&END_ALL_SESSIONS, key, &[], "ending all sessions of a user").await?;
        self.replicated(key).await?;
        Ok(u64::try_from(ended).unwrap_or(0))
    }
}
