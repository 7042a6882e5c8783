//! The cache as a strategy sees it: the entries of one kind of entity, their keys, times to live and fill
//! tokens, and the handling of the cache's failures.
//!
//! *Why fills cannot bring back an old value.* A reader that misses puts a token under the key
//! before it asks the database, and its fill goes in only while that very token is still there.
//! A write commits first and then removes or replaces whatever is under the key, before it is
//! acknowledged. So a load that may have read the old value either fills before the write clears the
//! key, or finds its token gone. A token that expired, was evicted or flushed lets nothing in either.

use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;

use super::breaker::Breaker;
use super::pending::Pending;
use super::{Circumstances, Guarantee, WriteEffect, WriteModel};
use crate::base::clock;
use crate::base::units::Share;
use crate::results::FailedStep;
use crate::scenario::Positive;
use crate::store::{Cache, Claimed, Document, Entry, ErrorKind, Stamp, StoreError, Token, Version};
use crate::strategy::source::Keyspace;

crate::choices! {
    /// The things that an operation may do when the cache fails it.
    pub enum OnCacheError {
        /// It ends in that error.
        Fail = "fail",
        /// It goes on without the cache, behind a circuit breaker.
        Bypass = "bypass",
    }
}

crate::choices! {
    /// The conditions under which a loaded document is let into the cache.
    pub enum Fill {
        /// The token that its reader placed before it asked the database, while it stands.
        Token = "token",
        /// Nothing: whoever missed puts in what it has loaded. A control.
        Naive = "naive",
    }
}

crate::settings! {
    /// The settings of every strategy that uses the cache.
    pub struct CachingSettings {
        /// what an operation does when the cache fails: `fail` ends in the error, `bypass` goes to the database, behind a circuit breaker
        on_cache_error: OnCacheError = OnCacheError::Fail,
        /// how many failures in a row open the circuit breaker of `bypass`
        breaker_threshold: std::num::NonZeroU64 = std::num::NonZeroU64::new(5).unwrap_or(std::num::NonZeroU64::MIN),
        /// how long the circuit breaker stays open before one operation tries the cache again
        breaker_open_for: Positive = Positive::millis(500),
        /// how long the cache remembers that the database has no such document; "0s" remembers nothing
        negative_ttl: Duration = Duration::from_secs(30),
        /// each time to live is shortened by a random share of up to this much, so that entries filled together do not expire together
        ttl_jitter: Share = Share::NONE,
        /// how long a fill token stands; longer than any load takes, since a load that outlives its token fills nothing
        token_ttl: Positive = Positive::seconds(10),
        /// what lets a loaded document into the cache: `token`, the mark that its reader placed before it asked the database and that every write removes (control: `naive` puts it in unconditionally, so that a slow reader brings an old document back)
        fill: Fill = Fill::Token,
        /// how often an invalidation that the cache did not take is tried again before the write ends; it is delivered in the background after that
        invalidate_retries: u64 = 2,
    }
}

impl CachingSettings {
    /// The facts that models need of a strategy whose writes have this effect.
    #[must_use]
    pub fn writes(&self, effect: WriteEffect) -> WriteModel {
        WriteModel { effect, ttl_jitter: self.ttl_jitter.get() }
    }

    /// The flaw of these settings if they make the strategy a control.
    #[must_use]
    pub fn control(&self) -> Option<&'static str> {
        (self.fill == Fill::Naive).then_some("fills without a token")
    }

    /// The guarantee of every strategy that settles or invalidates before it acknowledges: no stale read.
    /// While the cache is bypassed, however, a write is acknowledged before its invalidation is delivered; a
    /// cache that kept its entries serves the old one to other instances until then.
    #[must_use]
    pub fn guarantee(&self, circumstances: &Circumstances) -> Guarantee {
        let bypasses = self.on_cache_error == OnCacheError::Bypass;
        // Another instance may serve an entry that this one could not invalidate, until it could or the entry
        // expires.
        if bypasses && circumstances.cache_out_of_reach {
            return Guarantee::stale_within(circumstances.ttl);
        }
        Guarantee::SOUND
    }
}

/// The result of looking up a key in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// The document with the version and the stamp of its entry.
    Hit(Version, Document, Stamp),
    /// The knowledge that the database has no such document.
    KnownAbsent,
    /// The token of a load that is under way, here or in another instance.
    Loading(Token),
    /// The key is empty.
    Miss,
    /// The cache was not asked, or it failed and is bypassed.
    Bypassed,
}

/// The outcome of a claim to fill a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The caller's token is in place, so the caller is to load and fill.
    Mine(Token),
    /// Another entry was there by then.
    Found(LookUp),
}

/// Who waits for a call of the cache, and so is told of its error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    /// An operation.
    ByOperation,
    /// Nobody; the call is a part of this step.
    ByNobody(FailedStep),
    /// Whoever made the call, who tries again and counts what fails for good.
    Retried,
}

/// Putting something into the cache, which no operation waits for.
const FILL: Waited = Waited::ByNobody(FailedStep::Fill);

impl Waited {
    /// The step under which an error is counted where the cache is passed by; `None` if the caller is told of it.
    fn step(self) -> Option<FailedStep> {
        match self {
            Self::ByOperation => Some(FailedStep::Bypass),
            Self::ByNobody(step) => Some(step),
            Self::Retried => None,
        }
    }
}

/// The cached entries of one kind of entity, as one instance sees them.
#[derive(Debug)]
pub struct EntityCache<C> {
    cache: C,
    kind: Keyspace,
    settings: CachingSettings,
    breaker: Breaker,
    pending: Arc<Pending>,
}

impl<C: Cache> EntityCache<C> {
    /// The entries of `kind` in a cache.
    #[must_use]
    pub fn new(cache: C, kind: Keyspace, settings: CachingSettings) -> Self {
        let breaker = Breaker::new(settings.breaker_threshold.get(), settings.breaker_open_for.0);
        Self { cache, kind, settings, breaker, pending: Arc::default() }
    }

    /// The cache key of an entity.
    #[must_use]
    pub fn key(&self, id: &str) -> CompactString {
        self.kind.key(id)
    }

    /// Looks a key up by one GET.
    ///
    /// # Errors
    /// Returns errors of the cache, unless they are bypassed.
    pub async fn look_up(&self, key: &str) -> Result<LookUp, StoreError> {
        if self.pending.contains(key) {
            return Ok(LookUp::Bypassed);
        }
        Ok(self.ask_now(Waited::ByOperation, || self.cache.get(key)).await?.map_or(LookUp::Bypassed, found))
    }

    /// Puts a new token under an empty key by one SET NX GET. This must be called before the database is
    /// asked.
    ///
    /// # Errors
    /// Returns errors of the cache, unless they are bypassed.
    pub async fn claim(&self, key: &str) -> Result<Claim, StoreError> {
        if self.pending.contains(key) {
            return Ok(Claim::Found(LookUp::Bypassed));
        }
        let token = Token::random();
        if self.settings.fill == Fill::Naive {
            return Ok(Claim::Mine(token));
        }
        let claimed = self
            .ask(Waited::ByOperation, || self.cache.place_token(key, token, self.settings.token_ttl.0))
            .await?;
        Ok(match claimed {
            None => Claim::Found(LookUp::Bypassed),
            Some(Claimed::Placed) => Claim::Mine(token),
            Some(Claimed::Found(entry)) => Claim::Found(found(Some(entry))),
        })
    }

    /// Offers the loaded document to the cache, which takes it only while the token stands. A failure of the
    /// cache here costs a later miss and nothing else, so it is not reported to the reader.
    pub async fn fill(&self, key: &str, token: Token, loaded: Option<&Document>) {
        self.fill_loaded(key, token, loaded, Duration::ZERO).await;
    }

    /// Like [`EntityCache::fill`], but notes the time the load took, for strategies that refresh early.
    pub async fn fill_loaded(&self, key: &str, token: Token, loaded: Option<&Document>, took: Duration) {
        let (entry, ttl) = match loaded {
            Some(document) => {
                let ttl = self.ttl(key);
                (stamped(document.clone(), ttl, took), ttl)
            }
            None if self.settings.negative_ttl.is_zero() => {
                let _ = self.ask(Waited::ByNobody(FailedStep::Invalidation), || self.cache.delete(key)).await;
                return;
            }
            None => (Entry::Absent, Some(self.settings.negative_ttl)),
        };
        let _ = match self.settings.fill {
            Fill::Token => self.ask(FILL, || self.cache.fill(key, token, &entry, ttl)).await.map(drop),
            Fill::Naive => self.ask(FILL, || self.cache.set(key, &entry, ttl)).await.map(drop),
        };
    }

    /// Puts a fresh document in the place of the one of version `held`, and only there, see
    /// [`Cache::replace`]. If the cache fails, the old one stays.
    pub async fn replace(&self, key: &str, held: Version, document: Document, took: Duration) {
        let ttl = self.ttl(key);
        let entry = stamped(document, ttl, took);
        let _ = self.ask(FILL, || self.cache.replace(key, held, &entry, ttl)).await;
    }

    /// Keeps a document under a key of the caller's own for a while. If the cache fails, it is not kept.
    pub async fn keep(&self, key: &str, document: Document, ttl: Duration) {
        let entry = Entry::of(document);
        let _ = self.ask(FILL, || self.cache.set(key, &entry, Some(ttl))).await;
    }

    /// The cache itself, for values that are not entries.
    #[must_use]
    pub fn store(&self) -> &C {
        &self.cache
    }

    /// Puts a document into the cache whatever is there; for controls only. If the cache fails, the key is
    /// invalidated.
    ///
    /// # Errors
    /// Returns the same errors as [`EntityCache::settle`].
    pub async fn put(&self, key: &str, document: Document) -> Result<(), StoreError> {
        let entry = Entry::of(document);
        match self.ask(FILL, || self.cache.set(key, &entry, self.ttl(key))).await {
            Ok(Some(())) => Ok(()),
            Ok(None) | Err(_) => self.invalidate(key).await,
        }
    }

    /// Removes the token of a load or write that failed, so that the next reader can fill the key before the
    /// token expires. If another entry is there by now it is removed too, which costs a miss.
    pub async fn release(&self, key: &str) {
        let _ = self.ask(Waited::ByNobody(FailedStep::Invalidation), || self.cache.delete(key)).await;
    }

    /// Ends a committed write by putting the merged document into the cache if that is safe, see
    /// [`Cache::settle`], or by invalidating the key if the cache fails.
    ///
    /// # Errors
    /// Returns an error if the write is committed but the cache may hold an older document until the
    /// invalidation is delivered in the background or its time to live ends.
    pub async fn settle(
        &self,
        key: &str,
        token: Option<Token>,
        document: &Document,
    ) -> Result<(), StoreError> {
        let ttl = self.ttl(key);
        let entry = stamped(document.clone(), ttl, Duration::ZERO);
        match self.ask(FILL, || self.cache.settle(key, token, &entry, ttl)).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) | Err(_) => self.invalidate(key).await,
        }
    }

    /// Removes whatever is under the key, entry or token, and retries if the cache fails. An invalidation
    /// that cannot be delivered in time is delivered in the background; until then this instance does not use
    /// the cache for this key.
    ///
    /// # Errors
    /// Returns the same errors as [`EntityCache::settle`], but with `bypass` only if too many keys wait
    /// already.
    pub async fn invalidate(&self, key: &str) -> Result<(), StoreError> {
        let mut error = StoreError::new(ErrorKind::CircuitOpen, "the cache failed and is passed by");
        for attempt in 0..=self.settings.invalidate_retries {
            match self.ask(Waited::Retried, || self.cache.delete(key)).await {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => {}
                Err(refused) => error = refused,
            }
            // There is no use in waiting, since the breaker stays open for longer than a write should take.
            if self.breaker.is_open() {
                break;
            }
            if attempt < self.settings.invalidate_retries {
                tokio::time::sleep(Duration::from_millis(5 << attempt.min(6))).await;
            }
        }
        self.note(FailedStep::Invalidation, &error);
        let kept = self.pending.add(key, &self.cache);
        if kept && self.settings.on_cache_error == OnCacheError::Bypass { Ok(()) } else { Err(error) }
    }

    /// Waits until every invalidation is delivered, for at most `bound`.
    ///
    /// # Errors
    /// Returns [`ErrorKind::Timeout`] with the number of invalidations that are left.
    pub async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        let deadline = tokio::time::Instant::now() + bound;
        while !self.pending.is_empty() {
            if tokio::time::Instant::now() >= deadline {
                let left = self.pending.len();
                return Err(StoreError::new(
                    ErrorKind::Timeout,
                    format!("{left} invalidations could not be delivered to the cache"),
                ));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// The time to live of an entry, shortened by the jitter.
    fn ttl(&self, key: &str) -> Option<Duration> {
        let ttl = self.kind.ttl_of_key(key)?;
        let jitter = self.settings.ttl_jitter.get();
        if jitter == 0.0 {
            return Some(ttl);
        }
        let shortened = ttl.mul_f64(1.0 - jitter * rand::random::<f64>());
        Some(shortened.max(Duration::from_millis(1)))
    }

    /// Counts a failure that no operation is told of.
    pub fn note(&self, step: FailedStep, error: &StoreError) {
        self.cache.counters().setback(step, error);
    }

    /// Makes a call to the cache, as [`EntityCache::ask_now`] does. It is boxed: after a read of an entry other calls are
    /// few, and each would enlarge the future of every operation, which is moved with all that it holds.
    async fn ask<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        waited: Waited,
        call: impl FnOnce() -> F,
    ) -> Result<Option<T>, StoreError> {
        Box::pin(self.ask_now(waited, call)).await
    }

    /// Makes a call to the cache. `Ok(None)` means that the cache was bypassed, as the setting allows. An error that
    /// nobody sees is counted.
    async fn ask_now<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        waited: Waited,
        call: impl FnOnce() -> F,
    ) -> Result<Option<T>, StoreError> {
        let bypasses = self.settings.on_cache_error == OnCacheError::Bypass;
        if bypasses && !self.breaker.lets_through() {
            return Ok(None);
        }
        match call().await {
            answer if !bypasses => {
                if let (Err(error), Waited::ByNobody(step)) = (&answer, waited) {
                    self.note(step, error);
                }
                answer.map(Some)
            }
            Ok(answer) => {
                self.breaker.succeeded();
                Ok(Some(answer))
            }
            // The cache answers, but with a wrong value; bypassing it would not help.
            Err(error) if error.kind == ErrorKind::Malformed => {
                self.breaker.succeeded();
                Err(error)
            }
            Err(error) => {
                self.breaker.failed();
                let Some(step) = waited.step() else { return Err(error) };
                self.note(step, &error);
                Ok(None)
            }
        }
    }
}

/// The entry of a document, stamped with its time of expiry and the time its load took.
fn stamped(document: Document, ttl: Option<Duration>, took: Duration) -> Entry {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let expires_ms = ttl.map_or(0, |ttl| clock::unix_millis().saturating_add(millis(ttl)));
    let load_us = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
    Entry::of(document).stamped(Stamp { expires_ms, load_us })
}

/// The result of a look-up that has found this entry.
fn found(entry: Option<Entry>) -> LookUp {
    match entry {
        Some(Entry::Document { version, document, stamp }) => LookUp::Hit(version, document, stamp),
        Some(Entry::Absent) => LookUp::KnownAbsent,
        Some(Entry::Token(token)) => LookUp::Loading(token),
        None => LookUp::Miss,
    }
}
