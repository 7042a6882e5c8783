//! From the queue, or from the log by way of the queue, to the database; and then back to the cache, which
//! is told what it may forget.

use std::sync::atomic::Ordering;
use std::time::Duration;

use compact_str::CompactString;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::item::item;
use super::log::{LogPlace, Logs};
use super::queue::{Flushed, Joining, PendingWrite, is_passing};
use super::{Behind, Doubt};
use crate::base::clock;
use crate::store::write_log::{LogLength, LogRecord, RecordId};
use crate::store::{BulkItem, Entry, ErrorKind, StoreError, Version, WriteLog};
use crate::strategy::Backlog;
use crate::strategy::source::Source;

/// Pauses between flushes while the database or the cache is not well: doubling, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The time between two looks at the log, where nothing is flushed meanwhile.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Entries that the cache is told of at once.
const SETTLED_AT_ONCE: usize = 256;

/// The amount that a round flushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Batches, as long as they are full.
    FullBatches,
    /// All that waits when it begins.
    Everything,
}

/// The pause after a flush that failed.
#[derive(Debug, Default)]
pub struct Pause(u32);

impl Pause {
    /// Waits, longer every time.
    pub async fn wait(&mut self) {
        let pause = (FIRST_PAUSE * (1 << self.0.min(8))).min(LONGEST_PAUSE);
        self.0 += 1;
        tokio::time::sleep(pause).await;
    }

    /// All is well again.
    pub fn reset(&mut self) {
        self.0 = 0;
    }
}

impl<C: WriteLog, S: Source> Behind<C, S> {
    /// Returns how much waits, as far as this instance knows.
    pub(super) fn waiting(&self) -> u64 {
        if self.logs.is_none() {
            return self.queue.waiting();
        }
        // What was set aside stays in the log, and waits for nothing.
        self.room.records().saturating_sub(self.queue.sums().aside_records)
    }

    /// Returns true if a batch waits; one that the queue can never hold is full when the queue is.
    pub fn has_a_batch(&self, batch: u64) -> bool {
        self.waiting() >= batch.min(self.settings.queue_capacity.get())
    }

    /// Returns true if some write has found no room since this was asked last.
    fn is_pressed(&self) -> bool {
        self.pressed.swap(false, Ordering::Relaxed)
    }

    /// Some write has found no room: a flush makes some.
    pub(super) fn press(&self) {
        self.pressed.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Waits until a batch waits, somebody waits for room, a refused entity is to be tried again or the deadline
    /// has come; looks at the log now and then.
    pub async fn until_due(&self, batch: u64, deadline: Instant) {
        loop {
            self.look().await;
            if self.has_a_batch(batch) || self.is_pressed() {
                return;
            }
            let mut until = deadline.min(self.queue.next_retry().unwrap_or(deadline));
            if Instant::now() >= until {
                return;
            }
            if self.logs.is_some() {
                until = until.min(Instant::now() + LOOK_EVERY);
            }
            // Writes wake the flusher: those that fill a batch, and those that need room.
            while tokio::time::timeout_at(until, self.wake.notified()).await.is_ok() {
                if self.has_a_batch(batch) || self.is_pressed() {
                    return;
                }
            }
        }
    }

    /// Flushes batch after batch, and says how much that was.
    ///
    /// # Errors
    /// Where the database or the cache is not well; what was not flushed waits for the next round.
    pub async fn round(&self, batch: u64, goal: Goal) -> Result<u64, StoreError> {
        let _alone = self.flushing.lock().await;
        self.catch_up().await?;
        self.take_over_from_the_dead(batch).await?;
        let mut left = match goal {
            Goal::FullBatches => self.waiting() / batch.min(self.settings.queue_capacity.get()),
            Goal::Everything => self.waiting().max(self.queue.waiting()).div_ceil(batch),
        };
        let mut flushed = 0;
        while left > 0 {
            self.draw(batch).await?;
            match self.flush(batch, false).await? {
                0 => break,
                some => flushed += some,
            }
            left -= 1;
        }
        Ok(flushed)
    }

    /// Flushes at most one batch.
    ///
    /// # Errors
    /// As for [`Behind::round`].
    pub async fn one_batch(&self, batch: u64) -> Result<(), StoreError> {
        let _alone = self.flushing.lock().await;
        self.catch_up().await?;
        self.flush(batch, false).await.map(drop)
    }

    /// Does what earlier rounds could not.
    async fn catch_up(&self) -> Result<(), StoreError> {
        self.settle(Vec::new()).await;
        self.resolve_doubts().await
    }

    /// Flushes at most so many, and says how many those were; what was refused is tried before its time where
    /// there is a hurry.
    pub(super) async fn flush(&self, most: u64, hurry: bool) -> Result<u64, StoreError> {
        let batch = self.queue.take(most, hurry);
        let count = batch.states().len() as u64;
        if count == 0 {
            return Ok(0);
        }
        let whole: Vec<_> =
            batch.states().map(|(id, state)| item(id, state.version, &state.document)).collect();
        let items: Vec<_> = whole.iter().flatten().cloned().collect();
        let mut applied = self.apply(&items).await.into_iter();
        // One that cannot even be read is refused like one that the database refuses.
        let result = |item: Result<_, _>| item.and_then(|_: BulkItem| applied.next().unwrap_or(Ok(())));
        let results: Vec<_> = whole.into_iter().map(result).collect();
        let sick = results.iter().find_map(|result| {
            let error = result.as_ref().err()?;
            is_passing(error.kind).then(|| error.clone())
        });
        let flushed = batch.land(&results);
        self.settle(flushed).await;
        sick.map_or(Ok(count), Err)
    }

    /// Updates the database. What it already has at this version or a newer one is done too. Where it refuses a
    /// batch as a whole, each item is tried by itself, so that one does not stand in the way of the others.
    pub(super) async fn apply(&self, items: &[BulkItem]) -> Vec<Result<(), StoreError>> {
        if items.is_empty() {
            return Vec::new();
        }
        let refused = match self.source.update_many(items).await {
            Ok(results) if results.len() == items.len() => {
                return results.into_iter().map(|result| result.map(drop)).collect();
            }
            Ok(results) => StoreError::new(
                ErrorKind::Malformed,
                format!("the database answered {} results to {} updates", results.len(), items.len()),
            ),
            Err(error) => error,
        };
        if is_passing(refused.kind) || items.len() == 1 {
            return items.iter().map(|_| Err(refused.clone())).collect();
        }
        let mut results = Vec::with_capacity(items.len());
        for item in items {
            let alone = self.source.update_many(std::slice::from_ref(item)).await;
            results.push(match alone {
                Ok(mut result) => result.pop().unwrap_or_else(|| Err(refused.clone())).map(drop),
                Err(error) => Err(error),
            });
        }
        results
    }

    /// Tells the cache what the database has: first that it may forget the entries, then that the records are
    /// done, so that a crash in between leaves a record that is flushed again in vain rather than an entry
    /// that is never forgotten. What the cache does not take now it is told in the next round.
    pub(super) async fn settle(&self, flushed: Vec<Flushed>) {
        let mut left: Vec<_> = {
            let mut unsettled = self.unsettled.lock();
            for one in flushed {
                unsettled.entry((one.id, one.version)).or_default().extend(one.records);
            }
            unsettled.iter().map(|(entry, records)| (entry.clone(), records.clone())).collect()
        };
        while !left.is_empty() {
            let some = left.split_off(left.len().saturating_sub(SETTLED_AT_ONCE));
            let mark = |(id, version): &(CompactString, Version)| {
                let (key, version) = (self.kind().key(id), *version);
                async move { self.cache.mark_clean(&key, version, self.ttl(&key)).await }.boxed()
            };
            let marked = join_all(some.iter().map(|(entry, _)| mark(entry))).await;
            let (mut records, mut done) = (Vec::new(), Vec::new());
            for (one, marked) in some.into_iter().zip(&marked) {
                if marked.is_ok() {
                    records.extend_from_slice(&one.1);
                    done.push(one);
                }
            }
            let is_well = done.len() == marked.len();
            if !self.remove_records(&records).await {
                return;
            }
            let mut unsettled = self.unsettled.lock();
            for (entry, records) in done {
                // What came in meanwhile stays.
                if unsettled.get(&entry).is_some_and(|held| held.len() == records.len()) {
                    unsettled.remove(&entry);
                }
            }
            if !is_well {
                return;
            }
        }
    }

    async fn remove_records(&self, places: &[LogPlace]) -> bool {
        let Some(logs) = &self.logs else { return true };
        for number in 0..logs.len() {
            let records: Vec<_> =
                places.iter().filter(|place| place.log == number).map(|place| place.record).collect();
            if records.is_empty() {
                continue;
            }
            let before = logs.before(number);
            match self.cache.remove_records(logs.name(number), &records).await {
                Ok(removed) => {
                    self.room.removed(removed.records);
                    logs.found(number, removed.left, before);
                }
                Err(_) => return false,
            }
        }
        true
    }

    /// Finds out which of the writes without an answer the cache has taken. Whoever wrote over one has it in
    /// what it wrote.
    pub(super) async fn resolve_doubts(&self) -> Result<(), StoreError> {
        let mut doubts = Doubts { behind: self, left: std::mem::take(&mut *self.doubts.lock()) };
        while let Some(doubt) = doubts.left.last() {
            let held = self.cache.get_newest(&self.kind().key(&doubt.id)).await?;
            let Some(doubt) = doubts.left.pop() else { break };
            if let Some(Entry::Document { version, document, .. }) = held
                && (version, &document) == (doubt.version, &doubt.document)
            {
                let id = doubt.id.clone();
                self.queue.push(&id, doubt.into());
            }
        }
        Ok(())
    }

    /// Looks at how long the logs are that have records, as far as this instance knows; and now and then at those too
    /// that had none, in which another instance may have written.
    async fn look(&self) {
        let Some(logs) = &self.logs else { return };
        if self.has_looked_at_all_within(self.take_over_after / 2) {
            self.look_at(logs, &logs.busy()).await;
        } else {
            self.look_at_all(logs).await;
        }
    }

    fn has_looked_at_all_within(&self, time: Duration) -> bool {
        self.looked_at_all.lock().is_some_and(|last| last.elapsed() < time)
    }

    pub(super) async fn look_at_all(&self, logs: &Logs) {
        let all: Vec<_> = (0..logs.len()).collect();
        if self.look_at(logs, &all).await {
            *self.looked_at_all.lock() = Some(Instant::now());
        }
    }

    /// Looks at some logs, the others having none; returns whether the cache has answered.
    async fn look_at(&self, logs: &Logs, numbers: &[usize]) -> bool {
        let before = self.room.appended();
        let look = async |number: usize| {
            let before = logs.before(number);
            let found = self.cache.log_length(logs.name(number)).await;
            found.inspect(|found| logs.found(number, found.records, before))
        };
        let mut sum = LogLength::default();
        for found in join_all(numbers.iter().map(|number| look(*number).boxed())).await {
            // A cache that does not answer leaves what was known before.
            let Ok(found) = found else { return false };
            sum.records += found.records;
            sum.oldest = [sum.oldest, found.oldest].into_iter().flatten().min();
        }
        self.room.seen(sum, before);
        true
    }

    /// Moves records that nobody was given into the queue, until a batch waits there.
    async fn draw(&self, batch: u64) -> Result<(), StoreError> {
        let Some(logs) = &self.logs else { return Ok(()) };
        for number in logs.busy() {
            let wanted = batch.saturating_sub(self.queue.waiting());
            if wanted == 0 {
                break;
            }
            let records = self.cache.read_log(logs.reader(number), wanted).await?;
            self.enqueue(number, records);
        }
        Ok(())
    }

    pub(super) fn enqueue(&self, log: usize, records: Vec<LogRecord>) {
        for LogRecord { id: record, entity, entry } in records {
            let record = LogPlace { log, record };
            // What is taken over may be this instance's own, waiting or set aside since long ago.
            if self.queue.holds(&entity, record) {
                continue;
            }
            let records = vec![record];
            if let Entry::Document { version, document, .. } = entry {
                self.queue.push(&entity, PendingWrite { version, document, records, place: None });
            }
        }
    }

    /// Takes over what instances that died were given, now and then.
    async fn take_over_from_the_dead(&self, batch: u64) -> Result<(), StoreError> {
        let Some(logs) = &self.logs else { return Ok(()) };
        if Instant::now() < *self.next_take_over.lock() || self.queue.waiting() >= batch {
            return Ok(());
        }
        if !self.has_looked_at_all_within(LOOK_EVERY) {
            self.look_at_all(logs).await;
        }
        for number in logs.busy() {
            let reader = logs.reader(number);
            let taken =
                self.cache.take_over(reader, self.take_over_after, RecordId::default(), batch).await?;
            self.enqueue(number, taken.records);
        }
        *self.next_take_over.lock() = Instant::now() + self.take_over_after / 2;
        Ok(())
    }

    /// Returns what waits in the queue, or in the log as it was seen last. Without merging every write counts.
    pub fn backlog(&self) -> Backlog {
        let sums = self.queue.sums();
        let set_aside = sums.aside;
        if self.logs.is_none() {
            let entities = if self.queue.joining() == Joining::Merge { sums.keys } else { sums.states };
            return Backlog { entities, oldest: sums.oldest, set_aside };
        }
        let entities = self.waiting();
        let since = self.room.oldest_millis().filter(|_| entities > 0);
        let age = since.map_or(0, |since| clock::unix_millis().saturating_sub(since));
        Backlog { entities, oldest: Duration::from_millis(age), set_aside }
    }
}

/// Doubts that are being resolved: those that are left when this is dropped stay doubts.
struct Doubts<'a, C, S> {
    behind: &'a Behind<C, S>,
    left: Vec<Doubt>,
}

impl<C, S> Drop for Doubts<'_, C, S> {
    fn drop(&mut self) {
        self.behind.doubts.lock().append(&mut self.left);
    }
}
