//! The first and the last flush of an instance: of what others have left in the log, and of all that still waits.

use std::time::Duration;

use tokio::time::Instant;

use super::Behind;
use super::flush::Pause;
use super::log::Logs;
use crate::store::write_log::{RecordId, WriteLog};
use crate::store::{ErrorKind, StoreError};
use crate::strategy::source::Source;

/// The number of entities that a drain or a recovery flushes at once.
const AT_FULL_SPEED: u64 = 500;

impl<C: WriteLog, S: Source> Behind<C, S> {
    /// Takes everything out of the log that others were given, whether they live or not; returns how many
    /// records. Whatever is flushed twice is flushed in vain.
    async fn take_over_everything(&self, logs: &Logs) -> Result<u64, StoreError> {
        let mut count = 0;
        for number in logs.busy() {
            let mut from = Some(RecordId::default());
            while let Some(place) = from {
                let reader = logs.reader(number);
                let taken = self.cache.take_over(reader, Duration::ZERO, place, AT_FULL_SPEED).await?;
                count += taken.records.len() as u64;
                self.enqueue(number, taken.records);
                from = taken.next;
            }
        }
        Ok(count)
    }

    /// Takes everything out of the log that nobody was given yet; returns how many records.
    async fn read_everything(&self, logs: &Logs) -> Result<u64, StoreError> {
        let mut count = 0;
        for number in logs.busy() {
            loop {
                let records = self.cache.read_log(logs.reader(number), AT_FULL_SPEED).await?;
                count += records.len() as u64;
                let is_last = (records.len() as u64) < AT_FULL_SPEED;
                self.enqueue(number, records);
                if is_last {
                    break;
                }
            }
        }
        Ok(count)
    }

    /// Flushes everything in the queue, as fast as the database takes it.
    async fn flush_everything(&self, batch: u64) -> Result<(), StoreError> {
        // What is refused comes again until it is set aside, which is why this ends.
        while self.flush(batch, true).await? > 0 {}
        Ok(())
    }

    /// See [`crate::strategy::Strategy::recover`].
    pub async fn recover(&self) -> Result<u64, StoreError> {
        let Some(logs) = &self.logs else { return Ok(0) };
        let _alone = self.flushing.lock().await;
        self.look_at_all(logs).await;
        let count = self.take_over_everything(logs).await? + self.read_everything(logs).await?;
        self.look_at_all(logs).await;
        // A database that is not well gets them from the flusher when it is.
        let _ = self.flush_everything(AT_FULL_SPEED).await;
        Ok(count)
    }

    /// See [`crate::strategy::Strategy::drain`].
    pub async fn drain(&self, bound: Duration) -> Result<(), StoreError> {
        let deadline = Instant::now() + bound;
        let mut pause = Pause::default();
        let mut why = String::new();
        self.queue.retry_those_aside();
        let draining = async {
            loop {
                match self.drain_once().await {
                    Ok(true) => return,
                    Ok(false) => {}
                    Err(error) => why = format!("; {error}"),
                }
                pause.wait().await;
            }
        };
        let drained = tokio::time::timeout_at(deadline, draining).await;
        let sums = self.queue.sums();
        if drained.is_err() {
            let left = self.waiting().max(sums.states);
            let doing = format!("{left} writes could not be flushed within {bound:?}{why}");
            return Err(StoreError::new(ErrorKind::Timeout, doing));
        }
        match self.queue.last_refusal() {
            None => Ok(()),
            Some((id, error)) => Err(StoreError::new(
                error.kind,
                format!(
                    "{} entities were set aside, as the database refused them; {id}: {}",
                    sums.aside, error.detail
                ),
            )),
        }
    }

    /// Flushes once; returns true if nothing is left but what was set aside.
    async fn drain_once(&self) -> Result<bool, StoreError> {
        let _alone = self.flushing.lock().await;
        self.resolve_doubts().await?;
        if let Some(logs) = &self.logs {
            self.read_everything(logs).await?;
        }
        self.flush_everything(AT_FULL_SPEED).await?;
        self.settle(Vec::new()).await;
        if let Some(logs) = &self.logs {
            self.look_at_all(logs).await;
            if self.waiting() > 0 {
                self.take_over_everything(logs).await?;
                self.flush_everything(AT_FULL_SPEED).await?;
                self.look_at_all(logs).await;
            }
        }
        let is_settled = self.unsettled.lock().is_empty() && self.doubts.lock().is_empty();
        Ok(is_settled && self.waiting() == 0 && self.queue.sums().states == 0)
    }
}
