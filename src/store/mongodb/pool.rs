//! The calls that may be under way at once, and the time that they wait for that and for a connection of the driver's pool.

use std::iter::Sum;
use std::ops::Sub;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use mongodb::event::EventHandler;
use mongodb::event::cmap::CmapEvent;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

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
    /// The number of times a call was given a connection.
    pub checkouts: u64,
    /// The number of times a call was given none.
    pub failures: u64,
    /// The total time that calls waited for a connection. Each wait takes some tens of microseconds even if one is free.
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

    fn note(&self, waited: Duration) {
        self.0.waited_nanos.fetch_add(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// The handler of the pool's events that adds them up.
    pub(super) fn handler(&self) -> EventHandler<CmapEvent> {
        let sums = self.clone();
        EventHandler::callback(move |event| {
            let (count, waited) = match &event {
                CmapEvent::ConnectionCheckedOut(event) => (&sums.0.checkouts, event.duration),
                CmapEvent::ConnectionCheckoutFailed(event) => (&sums.0.failures, event.duration),
                _ => return,
            };
            count.fetch_add(1, Relaxed);
            sums.note(waited);
        })
    }
}

/// Lets as many calls through to the driver as its pool has connections; the others wait here, in their order.
///
/// The driver's own queue keeps calls that were given up, and serves one of them for each call that comes, so that after
/// a second without answers every call behind them waits for longer than its timeout, and is given up in its turn: a pool
/// of free connections that nobody is given, until something else resets it. A call that is given up leaves this queue.
#[derive(Debug, Clone)]
pub(super) struct CallLimit {
    permits: Arc<Semaphore>,
    wait: PoolWait,
}

impl CallLimit {
    /// A limit for a pool of so many connections, which adds what calls wait to a sum.
    pub(super) fn new(connections: u32, wait: PoolWait) -> Self {
        Self { permits: Arc::new(Semaphore::new(connections as usize)), wait }
    }

    /// Waits until the call may go to the driver, where it may stay as long as what is returned; `None` after the deadline.
    pub(super) async fn enter(&self, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Some(permit);
        }
        let begun = Instant::now();
        let entered = tokio::time::timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await;
        self.wait.note(begun.elapsed());
        entered.ok()?.ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_call_that_was_given_up_takes_no_turn_from_those_behind_it() {
        let wait = PoolWait::default();
        let limit = CallLimit::new(1, wait.clone());
        let stuck = limit.enter(Instant::now()).await.unwrap();
        let enter = |patience: Duration| {
            let limit = limit.clone();
            tokio::spawn(async move { limit.enter(Instant::now() + patience).await })
        };
        let given_up: Vec<_> = (0..100).map(|_| enter(SECOND)).collect();
        tokio::task::yield_now().await;
        let patient = enter(3 * SECOND);
        tokio::time::sleep(2 * SECOND).await;
        for call in given_up {
            assert!(call.await.unwrap().is_none());
        }
        drop(stuck);
        tokio::task::yield_now().await;
        assert!(patient.is_finished(), "nobody is before it any more");
        assert!(patient.await.unwrap().is_some());
        assert_eq!(wait.snapshot().waited, 102 * SECOND, "a second each, and two");
    }
}
