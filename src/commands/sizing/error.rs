//! Why there is no curve, each with what to do about it.

use super::objects::TooManyKeys;
use crate::base::units::ByteSize;
use crate::load::trace::TraceError;
use crate::load::workload::MixError;
use crate::model::curve::RateOutOfRange;
use crate::model::eviction::PolicyKind;

/// Why there is no curve.
#[derive(Debug, thiserror::Error)]
pub enum SizingError {
    /// The workload cannot be drawn.
    #[error(transparent)]
    Workload(#[from] MixError),
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The rate is no share.
    #[error(transparent)]
    Rate(#[from] RateOutOfRange),
    /// The scenario's load is not one of reads and writes of keys.
    #[error(
        "a hit rate is simulated for reads and writes of single keys, which the application \"{0}\" does not offer; use a scenario with application = \"catalog\", or a trace"
    )]
    Application(&'static str),
    /// The load is another at other times.
    #[error(
        "a hit rate is simulated for a load that goes on as it is, and that of the scenario changes by [[phase]] or [staircase]; leave that out, and set the mix of one part of it in [workload]"
    )]
    Phases,
    /// Documents that are inserted or deleted, so that a key does not stand for a document.
    #[error(
        "a curve is that of documents that are there all the time, and those of the scenario come and go; leave workload.inserts, workload.deletes and dataset.loaded out"
    )]
    Lives,
    /// A capacity is no number of entries that can be simulated.
    #[error(
        "a capacity of {0} cannot be simulated; give 1 to 4294967295 entries, or a share of the keys such as 10%, that is one entry or more, or for a trace a size such as 64MiB"
    )]
    Capacity(String),
    /// Capacities in bytes stand beside others.
    #[error(
        "a curve is over bytes or over entries, and --capacities has both; give all of them in bytes, as 64MiB, or none"
    )]
    MixedCapacities,
    /// Sizes or times to live are asked for, and the operations do not come with any.
    #[error(
        "capacities in bytes and --expire are simulated of a trace, whose lines have sizes and times to live, and not of a scenario's operations, which have none; give --trace FILE, or capacities in entries"
    )]
    ObjectsOfScenario,
    /// A sample cannot stand for objects.
    #[error(
        "--rate simulates a sample of the keys, whose few large or short-lived objects would not stand for the others; with capacities in bytes or --expire all keys are simulated: leave --rate out"
    )]
    SampledObjects,
    /// A policy needs to know a number that bytes do not tell.
    #[error(
        "{0} divides its cache by the number of entries that fit, which a capacity in bytes does not tell; leave it out of --policies, or give capacities in entries"
    )]
    DividedCache(PolicyKind),
    /// The trace has no sizes.
    #[error(
        "no line of the trace tells the size of a value, so that nothing is known of bytes; give capacities in entries"
    )]
    NoSizes,
    /// The trace has no times.
    #[error("the trace has no times, by which entries could expire; leave --expire out")]
    NoTimes,
    /// The trace has no times to live.
    #[error(
        "no line of the trace tells a time to live, after which an entry could expire; leave --expire out"
    )]
    NoTimesToLive,
    /// There are too many keys.
    #[error(transparent)]
    TooManyKeys(#[from] TooManyKeys),
    /// The caches would not fit into memory.
    #[error(
        "simulating that takes about {needed} of memory, and there are {there_is}; give fewer or smaller --capacities, or fewer --policies, or for entries that do not expire a smaller --rate"
    )]
    Memory {
        /// The memory that the simulation needs.
        needed: ByteSize,
        /// The memory that there is.
        there_is: ByteSize,
    },
}
