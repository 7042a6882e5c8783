//! Sessions of users, kept in the cache: one key per user, which holds all sessions of that user.
//!
//! One key holds them all so that each call is one step on one shard: a log-out of all sessions leaves none
//! behind, and a touch reads and changes in one step, so that it can never bring back a session that a
//! log-out has ended.

use std::future::Future;

use bytes::{BufMut, Bytes, BytesMut};

use super::{Cache, DelayedCache, StoreError};

/// The number of bytes before a session's data in its encoding: the times of its end and of its last use, in
/// milliseconds since 1970, each in 8 bytes, big-endian.
pub const HEADER_BYTES: usize = 16;

/// One session of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The time at which the session ends, in milliseconds since 1970; from then on it is absent.
    pub expires_ms: u64,
    /// The time at which it was begun or last touched, in milliseconds since 1970.
    pub last_access_ms: u64,
    /// The data that was given when it was begun.
    pub data: Bytes,
}

impl Session {
    /// The session as bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(HEADER_BYTES + self.data.len());
        bytes.put_u64(self.expires_ms);
        bytes.put_u64(self.last_access_ms);
        bytes.put_slice(&self.data);
        bytes.freeze()
    }

    /// Reads a session; its data shares the bytes that it is read from. `None` if there are too few bytes.
    #[must_use]
    pub fn decode(bytes: &Bytes) -> Option<Self> {
        let number = |at: usize| {
            bytes.get(at..at + 8).and_then(|part| <[u8; 8]>::try_from(part).ok()).map(u64::from_be_bytes)
        };
        let (expires_ms, last_access_ms) = (number(0)?, number(8)?);
        Some(Self { expires_ms, last_access_ms, data: bytes.slice(HEADER_BYTES..) })
    }

    /// Returns true if the session has ended at a moment, in milliseconds since 1970.
    #[must_use]
    pub fn has_expired(&self, now_ms: u64) -> bool {
        self.expires_ms <= now_ms
    }
}

/// A cache that keeps sessions. The promises of [`Cache`] on answers and errors hold here too: after `Ok`
/// every later call sees the effect; after [`ErrorKind::Timeout`](super::ErrorKind::Timeout) or
/// [`ErrorKind::Connection`](super::ErrorKind::Connection) a change is indeterminate and may still come;
/// after every other error nothing was changed.
///
/// Moments are given in milliseconds since 1970, by the caller's clock alone: instances agree on them as far
/// as their clocks do. All calls go to the node that accepts the key's changes, never to a replica. A session
/// that has expired is absent, whether or not it still takes up room. A key lives as long as its longest
/// session, so that every key has a time to live.
pub trait Sessions: Cache {
    /// Begins a session beside the others of its user, or begins it anew if the token is known already. Also
    /// removes expired sessions from the key, either all of them or the few that it happens to look at. A
    /// session that has expired by now is not begun.
    fn begin_session(
        &self,
        key: &str,
        token_id: &str,
        data: &[u8],
        expires_ms: u64,
        now_ms: u64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Marks the session of a token as used now and returns it; `None` if there is none, or none any more.
    /// This is one step and never begins a session: when a touch and an end race, no session is left,
    /// whichever comes first.
    fn touch_session(
        &self,
        key: &str,
        token_id: &str,
        now_ms: u64,
    ) -> impl Future<Output = Result<Option<Session>, StoreError>> + Send;

    /// Ends the session of a token; returns true if there was one, expired or not.
    fn end_session(&self, key: &str, token_id: &str)
    -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends all sessions of a user; returns their number, which includes expired ones that were not removed
    /// yet.
    fn end_all_sessions(&self, key: &str) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

impl<C: Sessions> Sessions for DelayedCache<C> {
    async fn begin_session(
        &self,
        key: &str,
        token_id: &str,
        data: &[u8],
        expires_ms: u64,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let begin = || self.inner().begin_session(key, token_id, data, expires_ms, now_ms);
        self.round_trip().around(begin).await
    }

    async fn touch_session(
        &self,
        key: &str,
        token_id: &str,
        now_ms: u64,
    ) -> Result<Option<Session>, StoreError> {
        self.round_trip().around(|| self.inner().touch_session(key, token_id, now_ms)).await
    }

    async fn end_session(&self, key: &str, token_id: &str) -> Result<bool, StoreError> {
        self.round_trip().around(|| self.inner().end_session(key, token_id)).await
    }

    async fn end_all_sessions(&self, key: &str) -> Result<u64, StoreError> {
        self.round_trip().around(|| self.inner().end_all_sessions(key)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_reads_back_as_it_was_written_and_too_few_bytes_are_none() {
        let session = Session { expires_ms: 1 << 40, last_access_ms: 7, data: Bytes::from_static(b"agent") };
        let bytes = session.encode();
        assert_eq!(Session::decode(&bytes), Some(session));
        assert_eq!(Session::decode(&bytes.slice(..HEADER_BYTES - 1)), None);
    }

    #[test]
    fn a_session_ends_at_the_very_moment_that_it_expires() {
        let session = Session { expires_ms: 100, last_access_ms: 0, data: Bytes::new() };
        assert_eq!([99, 100, 101].map(|now| session.has_expired(now)), [false, true, true]);
    }
}
