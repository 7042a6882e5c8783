//! State that outlives the instances of the application: its secret, the tokens of each client, and the ledger of
//! sessions.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;

use super::ledger::{Ledger, SessionState, SessionVerdict};
use super::secret::SigningSecret;
use super::token::{SessionToken, Tokens};
use crate::application::{Figure, World};
use crate::base::clock;

/// A token that a client has, and the known state of its session.
#[derive(Debug, Clone)]
pub struct ClientToken {
    /// The token that the client shows.
    pub token: SessionToken,
    /// The session behind the token.
    pub facts: Arc<SessionState>,
}

/// The tokens of one client.
#[derive(Debug, Default)]
struct ClientTokens {
    /// The token that it is logged in with.
    current: Option<ClientToken>,
    /// The token that it was logged in with before it logged out.
    old: Option<ClientToken>,
}

const SHARDS: usize = 64;

/// The state of one cell, shared by all its instances.
#[derive(Debug)]
pub struct SharedSessions {
    tokens: OnceLock<Tokens>,
    clients: [Mutex<HashMap<u32, ClientTokens>>; SHARDS],
    /// The known state of all sessions.
    pub ledger: Ledger,
    counts: Counts,
}

/// Counts of events since measuring began.
#[derive(Debug, Default)]
struct Counts {
    log_ins: AtomicU64,
    log_ins_on_the_way: AtomicU64,
    validations: AtomicU64,
    refused: AtomicU64,
    refused_replays: AtomicU64,
    let_in_after_end: AtomicU64,
    let_in_after_end_max_ns: AtomicU64,
    let_in_after_expiry: AtomicU64,
    let_in_after_expiry_max_ns: AtomicU64,
    lost: AtomicU64,
}

/// The purpose for which a token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The client wants to be let in.
    ToBeLetIn,
    /// The client replays a token after a log-out, and should be refused.
    AsReplay,
}

impl Default for SharedSessions {
    fn default() -> Self {
        Self {
            tokens: OnceLock::new(),
            clients: std::array::from_fn(|_| Mutex::default()),
            ledger: Ledger::default(),
            counts: Counts::default(),
        }
    }
}

impl SharedSessions {
    /// Signs and checks tokens for all instances with one secret: the scenario's, or one made for the run.
    pub fn tokens(&self, secret: Option<&SigningSecret>) -> &Tokens {
        self.tokens.get_or_init(|| match secret {
            Some(secret) => Tokens::of(secret),
            None => Tokens::of(&SigningSecret::random()),
        })
    }

    fn with_client<T>(&self, client: u32, change: impl FnOnce(&mut ClientTokens) -> T) -> T {
        change(self.clients[client as usize % SHARDS].lock().entry(client).or_default())
    }

    /// The token that a client is logged in with, if any.
    #[must_use]
    pub fn current(&self, client: u32) -> Option<ClientToken> {
        self.with_client(client, |tokens| tokens.current.clone())
    }

    /// Notes that a client has logged in. A token that it still had is abandoned.
    pub fn log_in(&self, client: u32, held: ClientToken) {
        self.counts.log_ins.fetch_add(1, Relaxed);
        self.with_client(client, |tokens| tokens.current = Some(held));
    }

    /// Counts a log-in that was part of another operation.
    pub fn count_log_in_on_the_way(&self) {
        self.counts.log_ins_on_the_way.fetch_add(1, Relaxed);
    }

    /// Notes that a client is no longer logged in.
    pub fn leave(&self, client: u32) {
        self.with_client(client, |tokens| tokens.current = None);
    }

    /// Keeps a client's token of a session whose end was acknowledged.
    pub fn keep_old(&self, client: u32, held: ClientToken) {
        self.with_client(client, |tokens| tokens.old = Some(held));
    }

    /// A client's token of a session whose end was acknowledged, if it has one.
    #[must_use]
    pub fn old(&self, client: u32) -> Option<ClientToken> {
        self.with_client(client, |tokens| tokens.old.clone())
    }

    /// Counts that a token was shown, and the outcome.
    pub fn count(&self, shown: Shown, is_let_in: bool, verdict: SessionVerdict) {
        let counts = &self.counts;
        counts.validations.fetch_add(1, Relaxed);
        if !is_let_in {
            counts.refused.fetch_add(1, Relaxed);
            counts.refused_replays.fetch_add(u64::from(shown == Shown::AsReplay), Relaxed);
        }
        match verdict {
            SessionVerdict::Right => {}
            SessionVerdict::Lost => drop(counts.lost.fetch_add(1, Relaxed)),
            SessionVerdict::LetInAfterEnd(age) => {
                count_with_age(&counts.let_in_after_end, &counts.let_in_after_end_max_ns, age);
            }
            SessionVerdict::LetInAfterExpiry(age) => {
                count_with_age(&counts.let_in_after_expiry, &counts.let_in_after_expiry_max_ns, age);
            }
        }
    }

    /// Counts a session that a log-out did not find although it should have been there.
    pub fn count_lost(&self) {
        self.counts.lost.fetch_add(1, Relaxed);
    }
}

fn count_with_age(count: &AtomicU64, max_ns: &AtomicU64, age: Duration) {
    count.fetch_add(1, Relaxed);
    max_ns.fetch_max(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX), Relaxed);
}

impl Counts {
    fn all(&self) -> [&AtomicU64; 10] {
        [
            &self.log_ins,
            &self.log_ins_on_the_way,
            &self.validations,
            &self.refused,
            &self.refused_replays,
            &self.let_in_after_end,
            &self.let_in_after_end_max_ns,
            &self.let_in_after_expiry,
            &self.let_in_after_expiry_max_ns,
            &self.lost,
        ]
    }
}

impl World for SharedSessions {
    fn begin_measuring(&self) {
        for count in self.counts.all() {
            count.store(0, Relaxed);
        }
    }

    fn figures(&self) -> Vec<Figure> {
        let counts = &self.counts;
        let count = |name, count: &AtomicU64, unit| {
            let value = Some(count.load(Relaxed) as f64);
            Figure { name, value, unit }
        };
        // There is a longest age only if the count is above 0.
        let longest = |name, count: &AtomicU64, max_ns: &AtomicU64| {
            let longest = Duration::from_nanos(max_ns.load(Relaxed)).as_secs_f64() * 1e3;
            Figure { name, value: (count.load(Relaxed) > 0).then_some(longest), unit: "ms" }
        };
        vec![
            count("log_ins", &counts.log_ins, "sessions"),
            count("log_ins_on_the_way", &counts.log_ins_on_the_way, "sessions"),
            count("validations", &counts.validations, "validations"),
            count("refused", &counts.refused, "validations"),
            count("refused_replays", &counts.refused_replays, "validations"),
            count("validated_after_log_out", &counts.let_in_after_end, "validations"),
            longest(
                "validated_after_log_out_max_ms",
                &counts.let_in_after_end,
                &counts.let_in_after_end_max_ns,
            ),
            count("validated_after_expiry", &counts.let_in_after_expiry, "validations"),
            longest(
                "validated_after_expiry_max_ms",
                &counts.let_in_after_expiry,
                &counts.let_in_after_expiry_max_ns,
            ),
            count("lost_sessions", &counts.lost, "sessions"),
            Figure {
                name: "sessions_alive_at_end",
                value: Some(self.ledger.alive(clock::unix_millis()) as f64),
                unit: "sessions",
            },
        ]
    }
}
