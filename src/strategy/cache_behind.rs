//! Cache-behind: a write goes to the cache alone and is acknowledged; the database gets it later, together
//! with others (Oracle Coherence calls it write-behind caching).
//!
//! | operation | cache | database |
//! | --- | --- | --- |
//! | read, hit | GET | – |
//! | read, miss | GET, SET NX GET (token), EVALSHA (fill) | find, once for all who wait in this instance |
//! | write | GET, EVALSHA (compare and swap; with `stream` XADD and SET in one) | – |
//! | write where nothing is cached | GET, SET NX GET (token), EVALSHA | find |
//! | flush of a batch | with `stream` XREADGROUP and EVALSHA (XACK, XDEL), and for each key EVALSHA (its time to live) | one bulk update |
//!
//! It promises that no read which begins after a write was acknowledged returns an older document, and with
//! `stream` that no crash of the application loses one: the record is in the stream before the entry changes.
//! Both hold as long as the cache keeps what it has acknowledged, and evicts nothing that has no time to live;
//! see `strategy::behind` for why. With `memory` a crash loses what the instance had not flushed.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::background::Background;
use super::behind::{self, Behind, Goal, Joining, Keeping, Pause, WithQueue};
use super::{
    Backlog, Batches, Circumstances, Flushes, Guarantee, Needs, Promise, Read, Strategy, WriteEffect,
    WriteError, WriteModel,
};
use crate::scenario::Positive;
use crate::store::{Document, Patch, StoreError, Version, WriteLog};
use crate::strategy::source::Source;

crate::choices! {
    /// Where what is to be flushed is kept.
    pub enum Log {
        /// In the memory of the instance that wrote it.
        Memory = "memory",
        /// In a stream beside the cached entries, which outlives the instance.
        Stream = "stream",
    }
}

crate::settings! {
    /// The settings of cache-behind.
    pub struct Own {
        /// where what is to be flushed is kept: `stream` beside the cached entries, where a crash of the application leaves it (control: `memory` in the instance, which loses it in a crash)
        log: Log = Log::Stream,
        /// how many waiting keys are flushed without waiting for the interval, and how many go into one bulk update
        batch_size: NonZeroU64 = NonZeroU64::new(50).unwrap_or(NonZeroU64::MIN),
        /// how often all that waits is flushed
        flush_interval: Positive = Positive::seconds(60),
        /// after how long records of the stream that an instance was given and has not flushed are taken over by another
        take_over_after: Positive = Positive::seconds(10),
    }
}

/// All settings of cache-behind.
pub type Spec = WithQueue<Own>;

impl Spec {
    /// The strategy over a cache and a source; its flusher runs on the runtime of the caller.
    pub fn build<C: WriteLog, S: Source>(&self, cache: C, source: S) -> CacheBehind<C, S> {
        let keeping = match self.own.log {
            Log::Memory => Keeping::Memory(Joining::Merge),
            Log::Stream => Keeping::Log(self.own.take_over_after.0),
        };
        let behind = Arc::new(Behind::new(cache, source, self.queue.clone(), keeping));
        let (state, batch, interval) =
            (Arc::clone(&behind), self.own.batch_size.get(), self.own.flush_interval.0);
        let flusher = Background::supervised("the flusher of cache-behind", move || {
            keep_flushing(Arc::clone(&state), batch, interval)
        });
        CacheBehind { behind, flusher }
    }
}

impl Promise for Spec {
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee {
        behind::guarantee(circumstances)
    }

    fn writes(&self) -> Option<WriteModel> {
        Some(WriteModel { effect: WriteEffect::Puts, ttl_jitter: self.queue.ttl_jitter.get() })
    }

    fn control(&self) -> Option<&'static str> {
        (self.own.log == Log::Memory).then_some("a crash of the application loses what it had not flushed")
    }

    fn shares_backlog(&self) -> bool {
        self.own.log == Log::Stream
    }

    fn flushes(&self) -> Option<Flushes> {
        let batches = match self.own.log {
            Log::Memory => Batches::OfKeys,
            Log::Stream => Batches::OfRecords { seen_after: behind::LOOK_EVERY },
        };
        // A batch larger than the queue counts as full when the queue is.
        let batch = self.own.batch_size.min(self.queue.queue_capacity).get();
        Some(Flushes { interval: self.own.flush_interval.0, batch, batches })
    }

    fn write_delay(&self, circumstances: &Circumstances) -> Option<Duration> {
        // All waiting writes are flushed once an interval, batch by batch.
        let flush = self.queue.flush(self.own.batch_size.get(), circumstances.longest_load);
        circumstances.undisturbed.then(|| self.own.flush_interval.0 + flush)
    }

    fn needs(&self) -> Needs {
        behind::NEEDS
    }

    fn batches(&self) -> &'static str {
        "as cache-through; with a log, keys lie in 64 slots, so that on a cluster one MGET looks up several"
    }
}

/// Flushes each batch as soon as it is full, and everything once an interval.
async fn keep_flushing<C: WriteLog, S: Source>(behind: Arc<Behind<C, S>>, batch: u64, interval: Duration) {
    let mut next = Instant::now() + interval;
    let mut pause = Pause::default();
    loop {
        behind.until_due(batch, next).await;
        let is_time = Instant::now() >= next;
        let goal = if is_time || !behind.has_a_batch(batch) { Goal::Everything } else { Goal::FullBatches };
        match behind.round(batch, goal).await {
            // A batch waits, but another instance holds it.
            Ok(0) if !is_time => pause.wait().await,
            Ok(_) => {
                pause.reset();
                if is_time {
                    next = Instant::now() + interval;
                }
            }
            Err(error) => {
                behind.note_failed_flush(&error);
                pause.wait().await;
            }
        }
    }
}

/// The strategy cache-behind in one instance, see the module.
pub struct CacheBehind<C, S> {
    behind: Arc<Behind<C, S>>,
    #[allow(dead_code, reason = "it ends when this is dropped")]
    flusher: Background,
}

impl<C: WriteLog, S: Source> Strategy for CacheBehind<C, S> {
    async fn read(&self, id: &str) -> Result<Read, StoreError> {
        self.behind.read(id).await
    }

    async fn write(&self, id: &str, patch: &Patch) -> Result<Option<Version>, WriteError> {
        self.behind.write(id, patch).await
    }

    async fn insert(&self, entity: &Document) -> Result<Option<Version>, WriteError> {
        self.behind.insert(entity).await
    }

    async fn delete(&self, id: &str) -> Result<Option<Version>, WriteError> {
        self.behind.delete(id).await
    }

    async fn invalidate(&self, id: &str) -> Result<(), StoreError> {
        self.behind.invalidate(id).await
    }

    async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        self.behind.drain(bound).await
    }

    async fn recover(&self) -> Result<u64, StoreError> {
        self.behind.recover().await
    }

    fn backlog(&self) -> Backlog {
        self.behind.backlog()
    }
}
