//! The sessions of one user, as the local cache keeps them under the user's key.

use std::collections::HashMap;

use crate::store::sessions::Session;

/// Expired sessions are looked for only if a user has at least this many sessions.
const FEWEST_LOOKED_THROUGH: usize = 16;

/// The sessions of one user, by their token ids.
#[derive(Debug, Default)]
pub(super) struct OfOneUser {
    pub(super) sessions: HashMap<Box<str>, Session>,
    /// The number of sessions at which expired ones are looked for again. It is twice the number that was
    /// left the last time, so that looking costs no more than one step per session.
    look_at: usize,
}

impl OfOneUser {
    pub(super) fn begin(&mut self, token_id: &str, session: Session) {
        let now_ms = session.last_access_ms;
        if self.sessions.len() >= self.look_at.max(FEWEST_LOOKED_THROUGH) {
            self.sessions.retain(|_, session| !session.has_expired(now_ms));
            self.look_at = self.sessions.len() * 2;
        }
        self.sessions.insert(token_id.into(), session);
    }

    pub(super) fn touch(&mut self, token_id: &str, now_ms: u64) -> Option<Session> {
        let session = self.sessions.get_mut(token_id)?;
        if session.has_expired(now_ms) {
            self.sessions.remove(token_id);
            return None;
        }
        session.last_access_ms = now_ms;
        Some(session.clone())
    }
}
