//! What all clients of a cell follow: warm up, measure from here to there, stop.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;
use tokio::time::Instant;

/// What clients do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing yet: instances are connecting.
    Prepare,
    /// They warm the cache; what they see is looked at but not kept.
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
    /// They end as soon as their operation has.
    Stop,
}

impl Stage {
    fn code(self) -> u8 {
        match self {
            Self::Prepare => 0,
            Self::Warmup { .. } => 1,
            Self::Measure { .. } => 2,
            Self::Stop => 3,
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

    /// Whether the stage is still the warm-up.
    #[inline]
    #[must_use]
    pub fn is_warmup(&self) -> bool {
        self.code.load(Ordering::Acquire) == 1
    }

    /// Whether clients are to end.
    #[inline]
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.code.load(Ordering::Acquire) == 3
    }

    /// Follows the stage.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }
}

/// Waits until the stage is another than `Prepare` or `Warmup`, and returns it.
pub async fn after_warmup(stage: &mut watch::Receiver<Stage>) -> Stage {
    let reached = stage.wait_for(|stage| matches!(stage, Stage::Measure { .. } | Stage::Stop)).await;
    reached.map_or(Stage::Stop, |stage| *stage)
}

/// Waits until the stage is another than `Prepare`, and returns it.
pub async fn after_preparation(stage: &mut watch::Receiver<Stage>) -> Stage {
    let reached = stage.wait_for(|stage| *stage != Stage::Prepare).await;
    reached.map_or(Stage::Stop, |stage| *stage)
}
