//! Control that all clients of a cell follow: warm up, measure from here to there, stop.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// The stages of a cell, as clients know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing yet: instances are connecting.
    Prepare,
    /// They fill the cache as fast as they can, in a closed loop, before an open loop begins: how
    /// fast operations come makes no difference to what a full cache holds, but for times to live.
    Fill {
        /// From when windows are counted.
        start: Instant,
    },
    /// They rest, while instances deliver what they hold back of what was written while the cache was filled: writes that came
    /// faster than they will in the load are no backlog of it.
    Deliver {
        /// The longest that this may take.
        within: Duration,
    },
    /// They warm the cache as they will use it while measured; what they see is looked at but not kept.
    Warmup {
        /// From when windows are counted.
        start: Instant,
    },
    /// They are measured: operations due from `start` until before `end`.
    Measure {
        /// The first moment.
        start: Instant,
        /// The first moment after.
        end: Instant,
    },
    /// They end at once, whatever they wait for.
    Stop,
}

impl Stage {
    fn code(self) -> u8 {
        match self {
            Self::Prepare => 0,
            Self::Fill { .. } => 1,
            Self::Warmup { .. } => 2,
            Self::Measure { .. } => 3,
            Self::Stop => 4,
            Self::Deliver { .. } => 5,
        }
    }
}

/// Sets the stage of a cell.
#[derive(Debug)]
pub struct Control {
    stage: watch::Sender<Stage>,
    /// The stage's code, which a client reads before every operation; the channel has a lock.
    code: AtomicU8,
}

impl Default for Control {
    fn default() -> Self {
        Self { stage: watch::channel(Stage::Prepare).0, code: AtomicU8::new(Stage::Prepare.code()) }
    }
}

impl Control {
    /// Goes over to another stage. A cell that was stopped stays so.
    pub fn set(&self, stage: Stage) {
        self.stage.send_if_modified(|now| {
            let goes = *now != Stage::Stop;
            if goes {
                *now = stage;
                self.code.store(stage.code(), Ordering::Release);
            }
            goes
        });
    }

    /// Returns true if this is still the stage.
    #[inline]
    #[must_use]
    pub fn is(&self, stage: Stage) -> bool {
        self.code.load(Ordering::Acquire) == stage.code()
    }

    /// Returns true if clients are to end.
    #[inline]
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.is(Stage::Stop)
    }

    /// Waits until clients are to end.
    pub async fn stopped(&self) {
        // Nobody is left to stop them where the sender has gone, and then they are to end as well.
        let _ = self.follow().wait_for(|stage| *stage == Stage::Stop).await;
    }

    /// Follows the stage.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }
}

/// Waits until the stage is another, and returns it; `Stop` where nobody will set another any more.
pub async fn next(stage: &mut watch::Receiver<Stage>, now: Stage) -> Stage {
    let reached = stage.wait_for(|stage| *stage != now).await;
    reached.map_or(Stage::Stop, |stage| *stage)
}
