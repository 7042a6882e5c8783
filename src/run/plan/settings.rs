//! The tables `[dataset]` and `[run]`: what there is in the database, how a cell is run and how often.

use std::num::NonZeroU64;

use super::repeats::{Repeats, Tolerance};
use crate::base::units::{ByteSize, Share};
use crate::load::workload::ValueSizes;
use crate::scenario::Positive;

crate::settings! {
    /// The table `[dataset]`.
    pub struct DatasetSettings {
        /// how many documents there are
        keys: NonZeroU64 = NonZeroU64::new(100_000).unwrap_or(NonZeroU64::MIN),
        /// the share of the documents, hot and cold ones alike, that are in the database before the load begins; the others are there once a write of `workload.inserts` has put them there, so that the database grows
        loaded: Share = Share::ALL,
        /// how large a document is: "500B", a table with `distribution` uniform (min, max), lognormal (median, sigma, max) or file (path, a CSV of bytes,weight), or "trace": each as large as the trace that drives the run tells of its key, and 500 B, or what { distribution = "trace", unknown = "1kB" } says, where it tells nothing; left out, "trace" where there is one that tells sizes
        value_size: ValueSizes = ValueSizes::Fixed(ByteSize(500)),
        /// how many categories the documents are spread over
        categories: NonZeroU64 = NonZeroU64::new(100).unwrap_or(NonZeroU64::MIN),
    }
}

crate::choices! {
    /// The states in which the measured operations may meet the cache.
    pub enum CacheAtStart {
        /// with a hit rate that has settled
        Warmed = "warmed",
        /// empty
        Cold = "cold",
        /// as its persistence brings it back after a restart
        Restored = "restored",
    }
}

crate::settings! {
    /// The table `[run]`.
    pub struct RunSettings {
        /// how long each cell is measured
        duration: Positive = Positive::seconds(30),
        /// how the measured operations meet the cache: `warmed`, after its hit rate has settled, within `warmup_max`; `cold`: empty, with instances that have just started and hold nothing either, as after a loss of the cache or in a new environment; `restored`: warmed, then ended and started again with what it kept on disk, as by an upgrade, while instances go on: for a server of `single` that hotset starts without replicas, with `cache.persistence`
        cache: CacheAtStart = CacheAtStart::Warmed,
        /// how long a cell is warmed at the most while its hit rate still moves
        warmup_max: Positive = Positive::seconds(60),
        /// the interval of the time series, and of the warm-up's look at the hit rate
        window: Positive = Positive::seconds(1),
        /// how often every cell is run: a number, of which three give intervals and five narrow ones, or a range such as "5..30"
        repeats: Repeats = Repeats::ONE,
        /// of a range of repeats: how near the ratio of each strategy to no cache has to be known, as "2%", until no further repeat is run
        until: Option<Tolerance> = None,
        /// of a range of repeats: how long the run may take before no further repeat is begun
        max_duration: Option<Positive> = None,
        /// what the dataset, the operations and the order of the cells are drawn from
        seed: u64 = 1,
        /// whether every read is held against every write, and both stores are compared at the end; see docs/results.md for what it costs
        audit: bool = true,
        /// how long background work may take to end after the load has stopped
        drain_timeout: Positive = Positive::seconds(30),
    }
}

crate::settings! {
    /// The table `[run.pin]`: processors of their own.
    pub struct PinSettings {
        /// the processors of hotset's load-driving threads; empty: any
        hotset: Vec<u64> = Vec::new(),
        /// the processors of managed cache servers; empty: any
        cache: Vec<u64> = Vec::new(),
        /// the processors of a managed database; empty: any
        database: Vec<u64> = Vec::new(),
    }
}
