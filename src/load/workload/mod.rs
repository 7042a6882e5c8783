//! The work that the application is offered: each operation, its key and its time, and the sizes of values.
//!
//! Everything here is a pure function of the scenario and its seed, so that every strategy in a comparison is offered
//! the very same work.

pub mod arrivals;
pub mod batch;
pub mod bijection;
pub mod client_curve;
pub mod key_facts;
pub mod keys;
pub mod mix;
pub mod operation;
pub mod part;
pub mod phase;
pub mod phased;
pub mod random;
pub mod rate;
pub mod recorded;
pub mod recorded_times;
mod row_file;
pub mod settings;
pub mod staircase;
pub mod stream;
mod trace_row;
mod trace_rows;
pub mod trace_sizes;
pub mod values;
mod weights;

pub use arrivals::{Arrivals, DueTimes, Schedule};
pub use batch::{Batching, FurtherKey, KeysPerRead};
pub use bijection::Bijection;
pub use client_curve::ClientCurve;
pub use key_facts::{KeyColumn, KeyFacts};
pub use keys::{Distribution, KeySampler, TopShares};
pub use mix::{Mix, MixError};
pub use operation::Operation;
pub use part::{LoadPart, WriteKeys};
pub use phase::{LoadPhase, LoadUnit, PhaseKind, PhaseSettings, StaircasePart};
pub use phased::{PhasedStream, StreamPart};
pub use random::{Purpose, RandomSource, Xoroshiro};
pub use rate::{RateCurve, RatePiece, RateProfile};
pub use recorded::{BrokenLines, Recording};
pub use recorded_times::RecordedTimes;
pub use settings::{ArrivalQueues, WorkloadSettings};
pub use staircase::StaircaseSettings;
pub use stream::{OperationStream, StreamDigest, StreamSpec};
pub use trace_sizes::TraceSizes;
pub use values::ValueSizes;
