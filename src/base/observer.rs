//! Events of a run, told to whoever listens: the progress bar, plain lines, a test.

use std::time::Duration;

use super::shown;

/// The purpose of the load of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadStage {
    /// Filling the cache as fast as clients can, whatever rate an open loop is to have.
    Filling,
    /// Warming the cache at the scenario's own load.
    WarmingUp,
    /// Measuring.
    Measuring,
}

impl LoadStage {
    /// Describes what is happening.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Filling => "filling the cache at full speed",
            Self::WarmingUp => "warming up",
            Self::Measuring => "measuring",
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The run begins; its results go to this directory.
    RunStarted {
        /// The number of its cells, those of an earlier part of it included.
        cells: usize,
        /// The number of cells that an earlier part has finished already.
        finished: usize,
        /// The directory that the results go to.
        directory: String,
    },
    /// A cell begins.
    CellStarted {
        /// Its id.
        cell: String,
        /// Its place in the order, from 1.
        position: usize,
        /// The longest that its warm-up and measuring can take.
        at_most: Duration,
    },
    /// Something that takes a while has begun or got on.
    Step {
        /// The step in words, as in "loading 2000 of 10000 documents".
        what: String,
    },
    /// A window has ended.
    Window {
        /// The purpose of the load.
        stage: LoadStage,
        /// The time since the stage began.
        elapsed: Duration,
        /// The longest that the stage may last.
        of: Duration,
        /// Operations answered a second.
        per_second: f64,
        /// The median of the response time of all operations, in microseconds.
        p50_us: Option<f64>,
        /// The 99th percentile of the response time of all operations, in microseconds.
        p99_us: Option<f64>,
        /// The hit rate, 0 to 1.
        hit_rate: Option<f64>,
        /// Operations that failed.
        errors: u64,
        /// Reads that the audit found older than an acknowledged write, promised or not.
        stale: u64,
    },
    /// Something that a reader of the results should know of.
    Warning {
        /// The trouble, its reason, and what to do.
        what: String,
    },
    /// Something that was decided on the way.
    Note {
        /// It in words.
        what: String,
    },
    /// A cell has ended and its rows are on disk.
    CellEnded {
        /// Its id.
        cell: String,
        /// The findings on it in a line.
        line: String,
    },
    /// A cell could not be run.
    CellFailed {
        /// Its id.
        cell: String,
        /// Why, and what to do.
        reason: String,
    },
    /// All cells are done, or the run was interrupted.
    RunEnded,
}

impl Event {
    /// The event for a terminal: what servers and paths say in it does not steer it.
    #[must_use]
    pub fn shown(self) -> Self {
        let words = |text: String| shown::lines(&text).into_owned();
        match self {
            Self::RunStarted { cells, finished, directory } => {
                Self::RunStarted { cells, finished, directory: words(directory) }
            }
            Self::Step { what } => Self::Step { what: words(what) },
            Self::Warning { what } => Self::Warning { what: words(what) },
            Self::Note { what } => Self::Note { what: words(what) },
            Self::CellEnded { cell, line } => Self::CellEnded { cell, line: words(line) },
            Self::CellFailed { cell, reason } => Self::CellFailed { cell, reason: words(reason) },
            other @ (Self::CellStarted { .. } | Self::Window { .. } | Self::RunEnded) => other,
        }
    }
}

/// Listens to a run.
pub trait Observer: Send + Sync {
    /// Is told what happened. MUST return at once: it is called between the windows of a measurement.
    fn observe(&self, event: Event);
}

/// Listens to nothing.
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _event: Event) {}
}

/// Tells another listener what happened, without secrets.
pub struct Discreet(pub Box<dyn Observer>);

impl Observer for Discreet {
    fn observe(&self, event: Event) {
        let strike = |text: String| super::secrets::strike(&text).into_owned();
        self.0.observe(match event {
            Event::Step { what } => Event::Step { what: strike(what) },
            Event::Warning { what } => Event::Warning { what: strike(what) },
            Event::Note { what } => Event::Note { what: strike(what) },
            Event::CellEnded { cell, line } => Event::CellEnded { cell, line: strike(line) },
            Event::CellFailed { cell, reason } => Event::CellFailed { cell, reason: strike(reason) },
            event @ (Event::RunStarted { .. }
            | Event::CellStarted { .. }
            | Event::Window { .. }
            | Event::RunEnded) => event,
        });
    }
}
