//! The load drivers' record of each session: when its beginning was acknowledged, when somebody began to end it, and
//! when the end was acknowledged. Validations are judged by it.
//!
//! Each fact is recorded before its request is sent, and again after the answer. So a validation that is accepted
//! although an end had been acknowledged before it was sent is wrong. A validation that is refused means a lost session
//! if the session had begun and nobody had begun to end it by the time of the answer. An end whose outcome is unknown
//! explains either answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use parking_lot::Mutex;

use crate::base::clock::{self, Instant};

/// One session.
#[derive(Debug)]
pub struct SessionState {
    /// The number of the user whose session it is.
    pub user: u64,
    /// The session's number in this cell. It is not the token's id, which is kept secret.
    pub number: u64,
    /// The time at which it expires, in milliseconds since 1970.
    pub expires_ms: u64,
    is_begun: AtomicBool,
    /// The number of attempts to end it that have begun, by any client.
    ends_begun: AtomicU64,
    /// The time at which its end was acknowledged, in nanoseconds since the ledger was opened, plus 1; 0 means not yet.
    ended: AtomicU64,
}

impl SessionState {
    fn has_ended_or_expired(&self, now_ms: u64) -> bool {
        self.ended.load(SeqCst) != 0 || self.expires_ms <= now_ms
    }

    /// Returns true if the session is known to be there at `now_ms`.
    fn is_alive(&self, now_ms: u64) -> bool {
        self.is_begun.load(SeqCst) && self.ends_begun.load(SeqCst) == 0 && self.expires_ms > now_ms
    }
}

/// The judgement on an answer about a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionVerdict {
    /// The answer is right.
    Right,
    /// The client was let in this long after the session's end was acknowledged.
    LetInAfterEnd(Duration),
    /// The client was let in this long after the session had expired.
    LetInAfterExpiry(Duration),
    /// The client was refused although the session should be there.
    Lost,
}

/// The known state of a session when a question about it was sent.
#[derive(Debug)]
pub struct SessionSnapshot<'a> {
    facts: &'a SessionState,
    ended_for: Option<Duration>,
}

impl SessionSnapshot<'_> {
    /// Judges the answer; `now_ms` is the moment for which the question was asked. If the session had both ended and
    /// expired, the verdict is [`SessionVerdict::LetInAfterEnd`].
    #[must_use]
    pub fn judge(&self, is_let_in: bool, now_ms: u64) -> SessionVerdict {
        let expired_for = now_ms.checked_sub(self.facts.expires_ms).map(Duration::from_millis);
        match (self.ended_for, expired_for) {
            (Some(age), _) if is_let_in => SessionVerdict::LetInAfterEnd(age),
            (None, Some(age)) if is_let_in => SessionVerdict::LetInAfterExpiry(age),
            _ if !is_let_in && self.facts.is_alive(now_ms) => SessionVerdict::Lost,
            _ => SessionVerdict::Right,
        }
    }
}

/// The sessions of one user that may still be there.
#[derive(Debug, Default)]
struct OfOneUser {
    sessions: Vec<Arc<SessionState>>,
    /// The number of sessions at which the next look removes those that have ended.
    look_at: usize,
    /// The number of requests to end all sessions that are under way.
    ends_under_way: u64,
    /// True once the outcome of an end of all sessions is unknown: it may still take effect.
    is_end_unknown: bool,
}

const SHARDS: usize = 64;
const FEWEST_LOOKED_THROUGH: usize = 64;

/// All sessions of a cell.
#[derive(Debug)]
pub struct Ledger {
    opened: Instant,
    users: [Mutex<HashMap<u64, OfOneUser>>; SHARDS],
    last: AtomicU64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            opened: clock::now(),
            users: std::array::from_fn(|_| Mutex::default()),
            last: AtomicU64::new(0),
        }
    }
}

impl Ledger {
    fn with<T>(&self, user: u64, change: impl FnOnce(&mut OfOneUser) -> T) -> T {
        change(self.users[(user % SHARDS as u64) as usize].lock().entry(user).or_default())
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Records that a session is about to be begun.
    #[must_use]
    pub fn begin(&self, user: u64, expires_ms: u64, now_ms: u64) -> Beginning {
        let facts = Arc::new(SessionState {
            user,
            number: self.last.fetch_add(1, SeqCst),
            expires_ms,
            is_begun: AtomicBool::new(false),
            ends_begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        });
        self.with(user, |of_user| {
            // An end of all sessions that is under way may take effect before this session begins, or after.
            let may_be_ended = of_user.ends_under_way > 0 || of_user.is_end_unknown;
            facts.ends_begun.store(u64::from(may_be_ended), SeqCst);
            if of_user.sessions.len() >= of_user.look_at.max(FEWEST_LOOKED_THROUGH) {
                of_user.sessions.retain(|session| !session.has_ended_or_expired(now_ms));
                of_user.look_at = of_user.sessions.len() * 2;
            }
            of_user.sessions.push(Arc::clone(&facts));
        });
        Beginning(facts)
    }

    /// Returns the known state of a session, for a question that is about to be sent.
    #[must_use]
    pub fn ask<'a>(&self, facts: &'a SessionState) -> SessionSnapshot<'a> {
        let ended = facts.ended.load(SeqCst);
        let ended_for = (ended != 0).then(|| Duration::from_nanos(self.now().saturating_sub(ended)));
        SessionSnapshot { facts, ended_for }
    }

    /// Records that one session is about to be ended. Returns true if it was known to be there until now.
    pub fn begin_end(&self, facts: &SessionState, now_ms: u64) -> bool {
        let was_alive = facts.is_alive(now_ms);
        facts.ends_begun.fetch_add(1, SeqCst);
        was_alive
    }

    /// Returns true if a session is lost that [`begin_end`](Self::begin_end) had found alive and that was not there to
    /// be ended. It is not lost if somebody else has begun to end it meanwhile, who may have been faster.
    #[must_use]
    pub fn was_lost(&self, facts: &SessionState) -> bool {
        facts.ends_begun.load(SeqCst) == 1
    }

    /// Records that the end of a session was acknowledged.
    pub fn acknowledge_end(&self, facts: &SessionState) {
        let now = self.now();
        // The first acknowledgement counts.
        let _ = facts.ended.compare_exchange(0, now, SeqCst, SeqCst);
    }

    /// Records that all sessions of a user are about to be ended.
    #[must_use]
    pub fn begin_end_of_all(&self, user: u64) -> EndingAll<'_> {
        let begun = self.with(user, |of_user| {
            of_user.ends_under_way += 1;
            for session in &of_user.sessions {
                session.ends_begun.fetch_add(1, SeqCst);
            }
            // A session whose beginning is not acknowledged yet may begin after the end.
            of_user.sessions.iter().filter(|session| session.is_begun.load(SeqCst)).cloned().collect()
        });
        EndingAll { ledger: self, user, begun, is_acknowledged: false }
    }

    /// The number of sessions that are known to be there.
    #[must_use]
    pub fn alive(&self, now_ms: u64) -> u64 {
        let of_user = |of_user: &OfOneUser| {
            of_user.sessions.iter().filter(|session| session.is_alive(now_ms)).count() as u64
        };
        self.users.iter().map(|users| users.lock().values().map(of_user).sum::<u64>()).sum()
    }
}

/// A session that is being begun. If it is dropped before its beginning was acknowledged, its state stays unknown.
#[derive(Debug)]
pub struct Beginning(Arc<SessionState>);

impl Beginning {
    /// The session's number in this cell.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// Records that the beginning was acknowledged.
    #[must_use]
    pub fn acknowledge(self) -> Arc<SessionState> {
        self.0.is_begun.store(true, SeqCst);
        self.0
    }
}

/// A request to end all sessions of a user. If it is dropped before it was acknowledged, its outcome stays unknown: the
/// sessions may have ended, or may end later.
#[derive(Debug)]
pub struct EndingAll<'a> {
    ledger: &'a Ledger,
    user: u64,
    begun: Vec<Arc<SessionState>>,
    is_acknowledged: bool,
}

impl EndingAll<'_> {
    /// Records the acknowledgement: the sessions that were begun before the request have ended.
    pub fn acknowledge(mut self) {
        self.is_acknowledged = true;
        for session in &self.begun {
            self.ledger.acknowledge_end(session);
        }
    }
}

impl Drop for EndingAll<'_> {
    fn drop(&mut self) {
        self.ledger.with(self.user, |of_user| {
            of_user.ends_under_way -= 1;
            of_user.is_end_unknown |= !self.is_acknowledged;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: u64 = 1000;

    fn begun(ledger: &Ledger) -> Arc<SessionState> {
        ledger.begin(7, LATER, 0).acknowledge()
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_let_in_after_the_end_was_acknowledged_is_let_in_wrongly_and_by_how_much_is_said() {
        let ledger = Ledger::default();
        let session = begun(&ledger);
        let before = ledger.ask(&session);
        ledger.begin_end(&session, 0);
        let meanwhile = ledger.ask(&session);
        ledger.acknowledge_end(&session);
        tokio::time::advance(Duration::from_millis(30)).await;
        let after = ledger.ask(&session);
        ledger.acknowledge_end(&session);
        for asked in [before, meanwhile] {
            assert_eq!(asked.judge(true, 0), SessionVerdict::Right, "it was sent before");
            assert_eq!(asked.judge(false, 0), SessionVerdict::Right);
        }
        assert_eq!(after.judge(true, 0), SessionVerdict::LetInAfterEnd(Duration::from_millis(30)));
        assert_eq!(after.judge(false, 0), SessionVerdict::Right);
    }

    #[test]
    fn who_is_let_in_when_the_time_of_the_session_is_over_is_let_in_wrongly_also_where_nobody_has_ended_it() {
        let ledger = Ledger::default();
        let session = begun(&ledger);
        let asked = ledger.ask(&session);
        assert_eq!(asked.judge(true, LATER - 1), SessionVerdict::Right);
        assert_eq!(asked.judge(true, LATER), SessionVerdict::LetInAfterExpiry(Duration::ZERO));
        assert_eq!(
            asked.judge(true, LATER + 30),
            SessionVerdict::LetInAfterExpiry(Duration::from_millis(30))
        );
        ledger.begin_end(&session, 0);
        ledger.acknowledge_end(&session);
        assert!(matches!(ledger.ask(&session).judge(true, LATER + 30), SessionVerdict::LetInAfterEnd(_)));
    }

    #[test]
    fn who_is_refused_while_nobody_has_begun_to_end_the_session_has_lost_it_unless_it_has_expired() {
        let ledger = Ledger::default();
        let session = begun(&ledger);
        let asked = ledger.ask(&session);
        assert_eq!(asked.judge(true, 0), SessionVerdict::Right);
        assert_eq!(asked.judge(false, LATER - 1), SessionVerdict::Lost);
        assert_eq!(asked.judge(false, LATER), SessionVerdict::Right);
        assert!(ledger.begin_end(&session, 0));
        assert_eq!(
            asked.judge(false, 0),
            SessionVerdict::Right,
            "an end that was begun before the answer explains it"
        );
        assert!(!ledger.begin_end(&session, 0));
    }

    #[test]
    fn a_session_that_somebody_else_ended_first_was_not_lost_by_who_came_too_late() {
        let ledger = Ledger::default();
        let (overtaken, missing) = (begun(&ledger), begun(&ledger));
        assert!(ledger.begin_end(&overtaken, 0));
        let faster = ledger.begin_end_of_all(7);
        faster.acknowledge();
        assert!(!ledger.was_lost(&overtaken), "the end of all of them was faster");
        let alone = ledger.begin(8, LATER, 0).acknowledge();
        assert!(ledger.begin_end(&alone, 0));
        assert!(ledger.was_lost(&alone), "nobody else has begun to end it");
        assert!(!ledger.begin_end(&missing, 0), "it had been ended before");
    }

    #[test]
    fn a_session_whose_beginning_was_not_acknowledged_cannot_be_lost() {
        let ledger = Ledger::default();
        let Beginning(facts) = ledger.begin(7, LATER, 0);
        assert_eq!(ledger.ask(&facts).judge(false, 0), SessionVerdict::Right);
    }

    #[test]
    fn an_end_of_all_ends_those_that_were_begun_before_it_and_explains_those_that_were_begun_meanwhile() {
        let ledger = Ledger::default();
        let earlier = [begun(&ledger), begun(&ledger)];
        let others = ledger.begin(8, LATER, 0).acknowledge();
        let under_way = ledger.begin(7, LATER, 0);
        let ending = ledger.begin_end_of_all(7);
        let (under_way, meanwhile) = (under_way.acknowledge(), begun(&ledger));
        ending.acknowledge();
        let later = begun(&ledger);
        for session in earlier {
            assert!(matches!(ledger.ask(&session).judge(true, 0), SessionVerdict::LetInAfterEnd(_)));
        }
        for session in [under_way, meanwhile] {
            assert_eq!(ledger.ask(&session).judge(true, 0), SessionVerdict::Right);
            assert_eq!(ledger.ask(&session).judge(false, 0), SessionVerdict::Right);
        }
        for session in [later, others] {
            assert_eq!(ledger.ask(&session).judge(false, 0), SessionVerdict::Lost);
        }
        assert_eq!(ledger.alive(0), 2);
    }

    #[test]
    fn an_end_of_all_of_which_nobody_knows_explains_everything_from_then_on() {
        let ledger = Ledger::default();
        let earlier = begun(&ledger);
        drop(ledger.begin_end_of_all(7));
        let later = begun(&ledger);
        for session in [earlier, later] {
            assert_eq!(ledger.ask(&session).judge(true, 0), SessionVerdict::Right);
            assert_eq!(ledger.ask(&session).judge(false, 0), SessionVerdict::Right);
        }
    }

    #[test]
    fn of_a_user_who_comes_and_goes_again_and_again_little_is_remembered() {
        let ledger = Ledger::default();
        for _ in 0..10_000 {
            let session = begun(&ledger);
            ledger.begin_end(&session, 0);
            ledger.acknowledge_end(&session);
        }
        assert!(ledger.with(7, |of_user| of_user.sessions.len()) <= FEWEST_LOOKED_THROUGH);
    }
}
