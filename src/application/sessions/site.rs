//! One instance of the application, and its operations.
//!
//! A client is one user at a time: the user whose key its last log-in drew. It uses its session as that user, whatever
//! key the operation itself drew; only `revoke` acts on the user whose key the operation drew. A client that has to be
//! logged in and is not (at its beginning, after a log-out, after somebody else has logged its user out everywhere)
//! logs in on the way: that is part of the operation and of its time, and is counted by the figure
//! `log_ins_on_the_way`. A log-in abandons the session that the client still had, which lives on until it expires.

use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;

use super::documents::{self, patch, subject, write_of};
use super::ledger::{SessionSnapshot, SessionVerdict};
use super::settings::{PERMISSIONS, SESSION, USER, operations};
use super::thinking::Thinking;
use super::token::{Claims, Tokens, new_token_id};
use super::world::{ClientToken, SharedSessions, Shown};
use crate::application::{Answer, Application, Damage, Visitor, lost_document};
use crate::audit::{Seen, SessionAnomaly};
use crate::base::clock;
use crate::load::workload::Operation;
use crate::store::{ErrorKind, Session, Sessions, StoreError, Version};
use crate::strategy::source::Keyspace;
use crate::strategy::{Backlog, Read, ReadOutcome, Strategy, WriteError};

/// The browser's name that a client sends when it logs in; the session holds it.
const AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36";

/// One instance.
pub struct Site<C, P, U> {
    /// The cache that holds the sessions.
    pub cache: C,
    /// The key prefix and the time to live of sessions.
    pub sessions: Keyspace,
    /// The lifetime of a session.
    pub session_ttl: Duration,
    /// The strategy that serves users' permissions.
    pub permissions: P,
    /// The strategy that serves users' records.
    pub users: U,
    /// The think time of clients.
    pub thinking: Thinking,
    /// The number of users.
    pub count: u64,
    /// The state that outlives the instance.
    pub world: Arc<SharedSessions>,
}

/// The outcome of showing a token.
enum Door {
    Open,
    Closed,
}

impl<C: Sessions, P: Strategy, U: Strategy> Site<C, P, U> {
    fn key(&self, user: u64) -> CompactString {
        self.sessions.key(&documents::id(user))
    }

    fn tokens(&self) -> &Tokens {
        // They were made when the first instance was built, so no secret is needed here.
        self.world.tokens(None)
    }

    /// Logs a client in as a user. A session that it still had is abandoned.
    async fn log_in(&self, client: u32, user: u64) -> Result<ClientToken, StoreError> {
        let now_ms = clock::unix_millis();
        let iat = now_ms / 1000;
        let exp = iat + self.session_ttl.as_secs();
        let claims = Claims { sub: documents::id(user).into(), jti: new_token_id(), iat, exp };
        let token = self.tokens().mint(&claims)?;
        let expires_ms = exp * 1000;
        let beginning = self.world.ledger.begin(user, expires_ms, now_ms);
        let data = session_data(user, beginning.number());
        self.cache.begin_session(&self.key(user), &claims.jti, data.as_bytes(), expires_ms, now_ms).await?;
        let held = ClientToken { token, facts: beginning.acknowledge() };
        self.world.log_in(client, held.clone());
        Ok(held)
    }

    /// Returns the token that a client is logged in with. A client that is not logged in logs in first.
    async fn logged_in(&self, client: u32, operation: &Operation) -> Result<ClientToken, StoreError> {
        if let Some(held) = self.world.current(client) {
            return Ok(held);
        }
        let held = self.log_in(client, operation.key).await?;
        self.world.count_log_in_on_the_way();
        Ok(held)
    }

    /// Shows a token and judges the answer: the signature, the expiry, and whether the session is there.
    async fn show(
        &self,
        visitor: &mut Visitor,
        held: &ClientToken,
        shown: Shown,
    ) -> Result<Door, StoreError> {
        let now_ms = clock::unix_millis();
        let sent = visitor.sending();
        let asked = self.world.ledger.ask(&held.facts);
        let session = match self.tokens().check(&held.token, now_ms / 1000) {
            Ok(claims) => {
                self.cache.touch_session(&self.sessions.key(&claims.sub), &claims.jti, now_ms).await?
            }
            Err(_) => None,
        };
        self.judge(visitor, held, (shown, sent), &asked, session.as_ref(), now_ms);
        Ok(if session.is_some() { Door::Open } else { Door::Closed })
    }

    fn judge(
        &self,
        visitor: &mut Visitor,
        held: &ClientToken,
        (shown, sent): (Shown, clock::Instant),
        asked: &SessionSnapshot<'_>,
        session: Option<&Session>,
        now_ms: u64,
    ) {
        let (user, number) = (held.facts.user, held.facts.number);
        let of_user = subject(SESSION, user, self.count);
        let verdict = asked.judge(session.is_some(), now_ms);
        self.world.count(shown, session.is_some(), verdict);
        if session.is_some_and(|session| session.data != session_data(user, number)) {
            visitor.showed_damaged(SESSION, of_user, Damage::WrongDocument, sent);
        }
        let wrong = match verdict {
            SessionVerdict::Right => return visitor.judged(SESSION, None),
            SessionVerdict::LetInAfterEnd(age) => SessionAnomaly::ValidatedAfterLogOut(age),
            SessionVerdict::LetInAfterExpiry(age) => SessionAnomaly::ValidatedAfterExpiry(age),
            SessionVerdict::Lost => SessionAnomaly::Lost,
        };
        match wrong.age() {
            Some(age) => visitor.judged(SESSION, Some(age)),
            None => visitor.judged_lost(SESSION),
        }
        visitor.note_session(of_user, number, wrong, sent);
    }

    /// Lets a client in by its token, and returns its user. Returns `None` if it is refused; it then logs in again next
    /// time.
    async fn let_in(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Option<u64>, StoreError> {
        let held = self.logged_in(visitor.number, operation).await?;
        match self.show(visitor, &held, Shown::ToBeLetIn).await? {
            Door::Open => Ok(Some(held.facts.user)),
            Door::Closed => {
                self.world.leave(visitor.number);
                Ok(None)
            }
        }
    }

    /// Ends the session that a client is logged in with. A client whose token has expired is refused.
    async fn log_out(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Answer, StoreError> {
        let held = self.logged_in(visitor.number, operation).await?;
        let ClientToken { token, facts } = &held;
        // Whatever the outcome, the client does not use this session again as if nothing had happened.
        self.world.leave(visitor.number);
        let now_ms = clock::unix_millis();
        let Ok(claims) = self.tokens().check(token, now_ms / 1000) else { return Ok(Answer::Refused) };
        let sent = visitor.sending();
        let was_alive = self.world.ledger.begin_end(facts, now_ms);
        let was_there = self.cache.end_session(&self.sessions.key(&claims.sub), &claims.jti).await?;
        self.world.ledger.acknowledge_end(facts);
        if was_alive && !was_there && self.world.ledger.was_lost(facts) {
            self.world.count_lost();
            visitor.judged_lost(SESSION);
            let of_user = subject(SESSION, facts.user, self.count);
            visitor.note_session(of_user, facts.number, SessionAnomaly::Lost, sent);
        }
        self.world.keep_old(visitor.number, held);
        Ok(Answer::Written)
    }

    async fn log_out_everywhere(
        &self,
        visitor: &mut Visitor,
        operation: &Operation,
    ) -> Result<(), StoreError> {
        let held = self.logged_in(visitor.number, operation).await?;
        self.world.leave(visitor.number);
        let ending = self.world.ledger.begin_end_of_all(held.facts.user);
        self.cache.end_all_sessions(&self.key(held.facts.user)).await?;
        ending.acknowledge();
        self.world.keep_old(visitor.number, held);
        Ok(())
    }

    /// Shows the token of a session whose log-out was acknowledged. A client without one logs out first, and may be
    /// refused there.
    async fn replay(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Answer, StoreError> {
        if self.world.old(visitor.number).is_none()
            && self.log_out(visitor, operation).await? == Answer::Refused
        {
            return Ok(Answer::Refused);
        }
        if let Some(old) = self.world.old(visitor.number) {
            self.show(visitor, &old, Shown::AsReplay).await?;
        }
        Ok(Answer::Done)
    }

    /// Reads one of the two documents of a user through its strategy.
    async fn read(
        &self,
        visitor: &mut Visitor,
        entity: usize,
        user: u64,
        strategy: &impl Strategy,
    ) -> Result<ReadOutcome, StoreError> {
        let id = documents::id(user);
        let of_user = subject(entity, user, self.count);
        let reading = || strategy.read(&id);
        let read = visitor.read(entity, of_user, reading, |read| seen(entity, &id, read)).await?;
        Ok(read.outcome)
    }

    async fn write(
        &self,
        visitor: &mut Visitor,
        entity: usize,
        user: u64,
        operation: &Operation,
        strategy: &impl Strategy,
    ) -> Result<Version, WriteError> {
        let id = documents::id(user);
        let patch = patch(entity, &id, visitor.number, operation);
        let write = write_of(subject(entity, user, self.count), visitor.number, operation);
        let writing =
            || async { strategy.write(&id, &patch).await?.ok_or_else(|| lost_document(&id).into()) };
        visitor.write(write, writing).await
    }
}

/// The data of a session: user, number and browser.
fn session_data(user: u64, number: u64) -> String {
    format!("{user}:{number}:{AGENT}")
}

fn seen(entity: usize, id: &str, read: &Read) -> Result<Option<Seen>, Damage> {
    let (version, document) = read.found.as_ref().ok_or(Damage::FalselyAbsent)?;
    documents::verify(entity, id, *version, document).map(Some)
}

impl<C: Sessions, P: Strategy, U: Strategy> Application for Site<C, P, U> {
    async fn perform(&self, visitor: &mut Visitor, operation: &Operation) -> Result<Answer, WriteError> {
        match operation.kind {
            operations::LOG_IN => {
                self.log_in(visitor.number, operation.key).await?;
            }
            operations::REVOKE => {
                self.write(visitor, PERMISSIONS, operation.key, operation, &self.permissions).await?;
            }
            operations::LOG_OUT => return Ok(self.log_out(visitor, operation).await?),
            operations::LOG_OUT_EVERYWHERE => self.log_out_everywhere(visitor, operation).await?,
            operations::REPLAY => return Ok(self.replay(visitor, operation).await?),
            kind => {
                // A refusal is an answer: the client is not let in.
                let Some(user) = self.let_in(visitor, operation).await? else { return Ok(Answer::Refused) };
                let outcome = match kind {
                    // This answer does not count as a hit, since no database could have given it in place of the cache.
                    operations::VALIDATE => return Ok(Answer::Done),
                    operations::PERMISSIONS => {
                        self.read(visitor, PERMISSIONS, user, &self.permissions).await?
                    }
                    operations::PROFILE => self.read(visitor, USER, user, &self.users).await?,
                    operations::UPDATE_PROFILE => {
                        self.write(visitor, USER, user, operation, &self.users).await?;
                        return Ok(Answer::Written);
                    }
                    _ => {
                        let unknown = format!("there is no operation of kind {kind}");
                        return Err(StoreError::new(ErrorKind::Other, unknown).into());
                    }
                };
                return Ok(Answer::Read(outcome));
            }
        }
        Ok(Answer::Written)
    }

    fn pause_after(&self, _visitor: &Visitor, operation: &Operation) -> Duration {
        self.thinking.pause(operation.draw)
    }

    async fn recover(&self) -> Result<u64, StoreError> {
        Ok(Box::pin(self.permissions.recover()).await? + Box::pin(self.users.recover()).await?)
    }

    async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        let (permissions, users) = (self.permissions.drain(bound), self.users.drain(bound));
        // Boxed, as are those above: calls made once need not be part of one deeply nested future.
        let (permissions, users) = tokio::join!(Box::pin(permissions), Box::pin(users));
        permissions.and(users)
    }

    fn backlog(&self) -> Backlog {
        let each = [self.permissions.backlog(), self.users.backlog()];
        Backlog::of_all(&each, false)
    }
}
