//! Measurements, taken without a lock or an allocation on the path of an operation, and their meaning.
//!
//! This room stands on floor 3 and may use `results` and `store`.

pub mod anomalies;
pub mod collectors;
pub mod in_time;
pub mod latency;
pub mod limit;
pub mod outage;
pub mod outcome;
pub mod queue_use;
pub mod recorder;
pub mod search;
pub mod settle;
pub mod window;

pub use anomalies::Anomalies;
pub use latency::Latency;
pub use limit::{Driven, Evidence, LoadVerdict, limited_by};
pub use outage::OutageRecorder;
pub use outcome::Outcome;
pub use queue_use::QueueUse;
pub use recorder::Recorder;
pub use search::{Knee, Search, SearchPlan};
pub use settle::{HitRateWindow, SlopeTest, Trend, Warmth, slope_test};
pub use window::Window;
