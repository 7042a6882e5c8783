//! The time that operations wait for a connection of the driver's pool.

use std::iter::Sum;
use std::ops::Sub;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use mongodb::event::EventHandler;
use mongodb::event::cmap::CmapEvent;

/// Sums over the pool's events. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct PoolWait(Arc<Sums>);

#[derive(Debug, Default)]
struct Sums {
    checkouts: AtomicU64,
    failures: AtomicU64,
    waited_nanos: AtomicU64,
}

/// The sums at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct PoolWaitSnapshot {
    /// The number of times an operation was given a connection.
    pub checkouts: u64,
    /// The number of times an operation was given none.
    pub failures: u64,
    /// The total time that operations waited for a connection. Each wait takes some tens of microseconds even
    /// if one is free.
    pub waited: Duration,
}

impl PoolWait {
    /// The sums now.
    #[must_use]
    pub fn snapshot(&self) -> PoolWaitSnapshot {
        PoolWaitSnapshot {
            checkouts: self.0.checkouts.load(Relaxed),
            failures: self.0.failures.load(Relaxed),
            waited: Duration::from_nanos(self.0.waited_nanos.load(Relaxed)),
        }
    }

    /// The handler of the pool's events that adds them up.
    pub(super) fn handler(&self) -> EventHandler<CmapEvent> {
        let sums = Arc::clone(&self.0);
        EventHandler::callback(move |event| {
            let (count, waited) = match &event {
                CmapEvent::ConnectionCheckedOut(event) => (&sums.checkouts, event.duration),
                CmapEvent::ConnectionCheckoutFailed(event) => (&sums.failures, event.duration),
                _ => return,
            };
            count.fetch_add(1, Relaxed);
            sums.waited_nanos.fetch_add(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        })
    }
}
impl Sub for PoolWaitSnapshot {
    type Output = Self;

    /// The sums since an earlier snapshot.
    fn sub(self, earlier: Self) -> Self {
        Self {
            checkouts: self.checkouts.saturating_sub(earlier.checkouts),
            failures: self.failures.saturating_sub(earlier.failures),
            waited: self.waited.saturating_sub(earlier.waited),
        }
    }
}

impl Sum for PoolWaitSnapshot {
    /// The sums over all pools.
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            checkouts: sum.checkouts + one.checkouts,
            failures: sum.failures + one.failures,
            waited: sum.waited + one.waited,
        })
    }
}
