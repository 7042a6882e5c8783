//! The stream `price_updates`, by which other services learn of new prices, and their lag behind it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::application::Figure;
use crate::base::clock::unix_micros;
use crate::results::FailedStep;
use crate::store::streams::StreamRecord;
use crate::store::{Cache, StoreError, Streams, Version};

/// The name of the stream.
const STREAM: &str = "price_updates";
/// The consumer group of the other services.
const GROUP: &str = "other-services";
/// The reader's pause after a read that failed, or that returned fewer than [`AT_ONCE`] records.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The greatest number of records in one read.
const AT_ONCE: u64 = 500;

/// Counts of entries that were published and read by all instances of a cell.
pub struct Sales {
    /// Entries published from this moment on count, in microseconds since 1970.
    measured_from_us: AtomicU64,
    published: AtomicU64,
    not_published: AtomicU64,
    /// Entries of which it is unknown whether the cache has them.
    unknown: AtomicU64,
    read: AtomicU64,
    failed_reads: AtomicU64,
    /// Microseconds from publishing to reading.
    lag: Mutex<Option<Histogram<u64>>>,
}

impl Default for Sales {
    fn default() -> Self {
        let lag = Histogram::new_with_bounds(1, 3_600_000_000, 3).ok();
        Self {
            measured_from_us: AtomicU64::new(u64::MAX),
            published: AtomicU64::default(),
            not_published: AtomicU64::default(),
            unknown: AtomicU64::default(),
            read: AtomicU64::default(),
            failed_reads: AtomicU64::default(),
            lag: Mutex::new(lag),
        }
    }
}

impl fmt::Debug for Sales {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        write!(f, "Sales({} published, {} read)", count(&self.published), count(&self.read))
    }
}

impl Sales {
    /// Counts the entries that are published from now on, and the reads of those.
    pub fn begin_measuring(&self) {
        self.measured_from_us.store(unix_micros(), Ordering::Release);
    }

    /// Returns true if an event at this moment counts.
    fn counts(&self, unix_us: u64) -> bool {
        unix_us >= self.measured_from_us.load(Ordering::Acquire)
    }

    fn note_published(&self, published_us: u64, appended: &Result<(), StoreError>) {
        if !self.counts(published_us) {
            return;
        }
        let counter = match appended {
            Ok(()) => &self.published,
            Err(error) if error.kind.is_indeterminate() => &self.unknown,
            Err(_) => &self.not_published,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn note_failed_read(&self) {
        if self.counts(unix_micros()) {
            self.failed_reads.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn note_read(&self, record: &StreamRecord) {
        let Some(published_us) = record.text("published_us").and_then(|text| text.parse::<u64>().ok()) else {
            return;
        };
        if !self.counts(published_us) {
            return;
        }
        self.read.fetch_add(1, Ordering::Relaxed);
        if let Some(lag) = self.lag.lock().as_mut() {
            lag.saturating_record(unix_micros().saturating_sub(published_us));
        }
    }

    /// The figures for the end of the cell.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let lag = self.lag.lock();
        let lag = lag.as_ref().filter(|lag| !lag.is_empty());
        let millis = |micros: u64| micros as f64 / 1e3;
        let count = |counter: &AtomicU64| Some(counter.load(Ordering::Relaxed) as f64);
        let published = self.published.load(Ordering::Relaxed);
        let unread = published.saturating_sub(self.read.load(Ordering::Relaxed)) as f64;
        let figure = |name, value, unit| Figure { name, value, unit };
        vec![
            figure("price_updates_published", count(&self.published), "entries"),
            figure("price_updates_not_published", count(&self.not_published), "entries"),
            figure("price_updates_of_unknown_end", count(&self.unknown), "entries"),
            figure("price_updates_read", count(&self.read), "entries"),
            figure("price_updates_unread", Some(unread), "entries"),
            figure("price_updates_failed_reads", count(&self.failed_reads), "reads"),
            figure("price_updates_lag_p50", lag.map(|lag| millis(lag.value_at_quantile(0.5))), "ms"),
            figure("price_updates_lag_p99", lag.map(|lag| millis(lag.value_at_quantile(0.99))), "ms"),
            figure("price_updates_lag_max", lag.map(|lag| millis(lag.max())), "ms"),
        ]
    }
}

/// One instance's publisher of prices.
pub struct Prices<C> {
    cache: C,
    max_length: u64,
    sales: Arc<Sales>,
}

impl<C: Cache> Prices<C> {
    /// A publisher to a stream of at most about `max_length` entries.
    #[must_use]
    pub fn new(cache: C, max_length: u64, sales: Arc<Sales>) -> Self {
        Self { cache, max_length, sales }
    }

    /// Tells the other services of a price. Entries of two writers may come in another order than their writes; the
    /// product's version says which price is the newer.
    ///
    /// # Errors
    /// Returns the cache's error. The entry is not in the stream then, unless the error is indeterminate.
    pub async fn publish(&self, id: &str, version: Version, price_cents: i64) -> Result<(), StoreError> {
        let now_us = unix_micros();
        let (version, price, now) = (version.to_string(), price_cents.to_string(), now_us.to_string());
        let fields: [(&str, &[u8]); 4] = [
            ("product_id", id.as_bytes()),
            ("version", version.as_bytes()),
            ("price", price.as_bytes()),
            ("published_us", now.as_bytes()),
        ];
        let appended = self.cache.append(STREAM, &fields, self.max_length).await;
        self.sales.note_published(now_us, &appended);
        appended
    }
}

/// Reads the stream as the other services would. Once the instances have ended, it reads what is left and returns.
pub async fn follow<C: Streams>(cache: C, sales: Arc<Sales>, ended: watch::Receiver<bool>) {
    loop {
        // `ended` is read before the stream, so that nothing can be published after the last read.
        let is_last = *ended.borrow();
        let goes_on_at_once = match cache.read_stream(STREAM, GROUP, AT_ONCE).await {
            Ok(records) if is_last && records.is_empty() => return,
            Ok(records) => {
                for record in &records {
                    sales.note_read(record);
                }
                is_last || records.len() as u64 >= AT_ONCE
            }
            Err(error) => {
                sales.note_failed_read();
                cache.counters().setback(FailedStep::Background, &error);
                false
            }
        };
        if !goes_on_at_once {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
