//! Write-behind as a queue of single writes: a write goes to the cache and into a queue in the memory of the
//! instance, from which one batch is flushed at each interval and no more.
//!
//! | operation | cache | database |
//! | --- | --- | --- |
//! | read, hit | GET | – |
//! | read, miss | GET, SET NX GET (token), EVALSHA (fill) | find, once for all who wait in this instance |
//! | write | GET, EVALSHA (compare and swap) | – |
//! | write where nothing is cached | GET, SET NX GET (token), EVALSHA | find |
//! | flush, once an interval | for each write EVALSHA (its time to live) | one bulk update |
//!
//! An instance that takes more than `batch` writes an `interval` falls behind until its queue is full; from then
//! on writes wait for room, or go through. It promises that no read which begins after a write was
//! acknowledged returns an older document, as long as the cache keeps what it has acknowledged. A crash of
//! the application loses at most its queue. See `strategy::behind`.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use super::background::Background;
use super::behind::{self, Behind, Joining, Keeping, WithQueue};
use super::{
    Backlog, Batches, Circumstances, Flushes, Guarantee, Needs, Promise, Read, Strategy, WriteEffect,
    WriteError, WriteModel,
};
use crate::scenario::Positive;
use crate::store::{Document, Patch, StoreError, Version, WriteLog};
use crate::strategy::source::Source;

crate::settings! {
    /// The settings of write-behind.
    pub struct Own {
        /// how many writes are flushed at once
        batch: NonZeroU64 = NonZeroU64::new(10).unwrap_or(NonZeroU64::MIN),
        /// how long the flusher rests between two batches
        interval: Positive = Positive::seconds(1),
    }
}

/// All settings of write-behind.
pub type Spec = WithQueue<Own>;

impl Spec {
    /// The strategy over a cache and a source; its flusher runs on the runtime of the caller.
    pub fn build<C: WriteLog, S: Source>(&self, cache: C, source: S) -> WriteBehind<C, S> {
        let keeping = Keeping::Memory(Joining::InLine);
        let behind = Arc::new(Behind::new(cache, source, self.queue.clone(), keeping));
        let (state, batch, interval) = (Arc::clone(&behind), self.own.batch.get(), self.own.interval.0);
        let flusher = Background::supervised("the flusher of write-behind", move || {
            keep_flushing(Arc::clone(&state), batch, interval)
        });
        WriteBehind { behind, flusher }
    }
}

impl Promise for Spec {
    fn guarantee(&self, circumstances: &Circumstances) -> Guarantee {
        let guarantee = behind::guarantee(circumstances);
        if !circumstances.application_crashes {
            return guarantee;
        }
        let loss = guarantee.loss.and_backlog(self.queue.queue_capacity.get());
        Guarantee { loss, converges: false, ..guarantee }
    }

    fn writes(&self) -> Option<WriteModel> {
        Some(WriteModel { effect: WriteEffect::Puts, ttl_jitter: self.queue.ttl_jitter.get() })
    }

    fn flushes(&self) -> Option<Flushes> {
        let (interval, batch) = (self.own.interval.0, self.own.batch.get());
        Some(Flushes { interval, batch, batches: Batches::OneAnInterval })
    }

    fn write_delay(&self, circumstances: &Circumstances) -> Option<Duration> {
        // The last write in a full queue waits for all its batches.
        let each = self.own.interval.0 + circumstances.longest_load;
        circumstances.undisturbed.then(|| self.queue.flush(self.own.batch.get(), each))
    }

    fn needs(&self) -> Needs {
        behind::NEEDS
    }
}

/// Flushes one batch an interval.
async fn keep_flushing<C: WriteLog, S: Source>(behind: Arc<Behind<C, S>>, batch: u64, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        if let Err(error) = behind.one_batch(batch).await {
            behind.note_failed_flush(&error);
        }
    }
}

/// The strategy write-behind in one instance, see the module.
pub struct WriteBehind<C, S> {
    behind: Arc<Behind<C, S>>,
    #[allow(dead_code, reason = "it ends when this is dropped")]
    flusher: Background,
}

impl<C: WriteLog, S: Source> Strategy for WriteBehind<C, S> {
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

    fn backlog(&self) -> Backlog {
        self.behind.backlog()
    }
}
