//! The table `[workload]`: the clients, their operations and their rate.

use std::num::NonZeroU64;

use super::{Arrivals, BrokenLines, KeysPerRead};
use crate::base::units::Share;
use crate::scenario::PositiveNumber;

const fn at_least_one(number: u64) -> NonZeroU64 {
    match NonZeroU64::new(number) {
        Some(number) => number,
        None => NonZeroU64::MIN,
    }
}

crate::choices! {
    /// The queues in which the arrivals of an open loop wait.
    pub enum ArrivalQueues {
        /// one an instance, from which whichever client is free takes the next
        Instance = "instance",
        /// one a client, so that an arrival waits for its client however free the others are
        Client = "client",
    }
}

crate::settings! {
    /// The table `[workload]`.
    pub struct WorkloadSettings {
        /// the share of operations that read; the others write
        reads: Share = Share::of(95, 100),
        /// the share of the writes that insert a document, drawn like any other: one that is there stays as it is
        inserts: Share = Share::NONE,
        /// the share of the writes that delete a document, drawn like any other: where there is none, nothing happens; a read of what was deleted finds nothing, and a strategy that still serves it after the delete was acknowledged serves it stale
        deletes: Share = Share::NONE,
        /// the share of reads that ask for ids that do not exist
        absent_share: Share = Share::NONE,
        /// how many documents one read of the application `catalog` asks for together, from 1 to 1000: each is drawn as `keys` and `absent_share` say, and what is drawn twice is asked for once; such a batch is one operation, with one response time, and its lookups count by key; docs/strategies.md says how strategies do it
        keys_per_read: KeysPerRead = KeysPerRead::ONE,
        /// virtual users, over all instances; each issues its operations one after another; in an open loop more join where more operations are due at once, unless `queue` or `max_in_flight` keeps them from it
        clients: NonZeroU64 = at_least_one(64),
        /// connections to the cache that each instance shares among its clients
        connections: NonZeroU64 = NonZeroU64::MIN,
        /// copies of the application, each with its own strategy objects, connections and in-process state
        instances: NonZeroU64 = at_least_one(2),
        /// open loop: operations are due at this rate over all clients, and their response time counts from then; left out, closed loop: each client sends its next operation when it has the answer to its last
        rate_per_second: Option<PositiveNumber> = None,
        /// open loop: how operations are spread over time: `poisson` for independent users, `constant` for even spacing
        arrivals: Arrivals = Arrivals::Poisson,
        /// open loop: where an arrival waits: `instance`, with its instance, for whichever client is free; `client`, for its own client, as suits sessions of users who do one thing after another, and as the application `sessions` always has it
        queue: ArrivalQueues = ArrivalQueues::Instance,
        /// open loop with `queue = "instance"`: the most operations that are under way at once, over all instances; what is due beyond waits in the order in which it is due; left out, nothing waits until 100 000 are under way, or as many as a quarter of the memory holds
        max_in_flight: Option<NonZeroU64> = None,
        /// a trace whose operations the clients issue by turns, plain or compressed, in hotset's own format, Twitter's or CacheLib's: its first half warms the cache, its second is measured, and each begins again at its end; `reads`, `absent_share` and `keys` then mean nothing; documents have the sizes that it tells unless `dataset.value_size` says otherwise, entries its times to live where `cache.ttl = "trace"`, and operations its times with `speed`; of Twitter's and CacheLib's a set that follows a get of its key is left out, since the strategy fills; it is read once, and its operations are held in memory up to four million, and beyond that in a temporary file, four bytes each
        trace: Option<String> = None,
        /// of a trace: its operations are due when they happened in it, so many times as fast: 1.0 as they were recorded, 60.0 an hour in a minute, in an open loop without another rate; what happened at one time is spread evenly until the next that the trace can tell (a second where all are whole seconds); the warm-up goes at the mean of that rate; left out, the operations come at `rate_per_second`, or each as its client is free
        speed: Option<PositiveNumber> = None,
        /// what is done about a line of the trace that cannot be read: `refuse`, or `skip` and count it
        on_broken: BrokenLines = BrokenLines::Refuse,
    }
}

impl WorkloadSettings {
    /// Returns true if documents come and go while the load runs.
    #[must_use]
    pub fn has_lives(&self) -> bool {
        self.inserts > Share::NONE || self.deletes > Share::NONE
    }

    /// The shares of reads, changes, inserts and deletes where so many operations read.
    #[must_use]
    pub fn shares(&self, reads: Share) -> [f64; 4] {
        let (inserts, deletes, writes) = (self.inserts.get(), self.deletes.get(), 1.0 - reads.get());
        [reads.get(), writes * (1.0 - inserts - deletes).max(0.0), writes * inserts, writes * deletes]
    }
}
