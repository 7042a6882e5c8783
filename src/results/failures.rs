//! `errors.csv`: one row for each kind of failure of each step, with the words of the first.

use super::columns::{columns, words};

words! {
    /// What has failed: an operation, or what no operation waits for.
    #[derive(Default)]
    pub enum FailedStep {
        /// An operation, whose client saw the error.
        #[default]
        Operation = "operation",
        /// A call of the cache whose error an operation passed by, as `on_cache_error = "bypass"` wants.
        Bypass = "bypass",
        /// Putting into the cache what was loaded, refreshed or written.
        Fill = "fill",
        /// Removing an entry or a token; what could not be removed in time is removed later.
        Invalidation = "invalidation",
        /// A task in the background: listening for changes, counting, preloading or flushing.
        Background = "background",
    }
}

columns! {
    /// Failures of one kind in one step.
    pub struct ErrorRow {
        /// What has failed: `operation`; `bypass`: a call of the cache whose error an operation passed by; `fill`: putting
        /// something into the cache; `invalidation`: removing something there in time; `background`: listening for changes,
        /// counting, preloading or flushing.
        step: FailedStep,
        /// The kind of error, as in `errors_by_kind`.
        kind: String,
        /// How often.
        failures: u64,
        /// When it failed for the first time, from the start of measuring; negative in the warm-up.
        first_at_s: Option<f64> as "s",
        /// What the store said the first time.
        first: String,
    }
}
