//! Groups of columns that recur: each is declared once and is used by every row that has it.

use hdrhistogram::{Counter, Histogram};

use super::columns::columns;
use super::{HeldIn, LimitedBy, Verdict};

columns! {
    /// The answers to operations.
    pub struct Answers {
        /// Reads answered from the cache; of a read of several documents (`workload.keys_per_read`) each of its keys counts,
        /// here and in the next four.
        hits: u64,
        /// Reads that had to ask the database.
        misses: u64,
        /// Reads answered from the cache with "there is no such thing".
        negative_hits: u64,
        /// Reads answered from the database since the cache had failed and was passed by, or since an invalidation of the key had
        /// failed and was not delivered yet.
        bypassed: u64,
        /// The share of the lookups that the cache answered: (hits + negative hits) / (hits + negative hits + misses +
        /// bypassed); empty where nothing was looked up.
        hit_rate: Option<f64> as "share",
        /// Operations that ended in an error, timeouts not counted. A read of several documents fails as one where one of them
        /// does, and then none of its keys counts as looked up.
        errors: u64,
        /// Operations that were given up; a write among them may or may not have happened.
        timeouts: u64,
    }
}

impl Answers {
    /// The lookups that were answered: with a value or the knowledge that there is none, by the cache or the database.
    #[must_use]
    pub fn lookups(&self) -> u64 {
        self.hits + self.negative_hits + self.misses + self.bypassed
    }

    /// The operations that ended without the answer that was asked for.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.errors + self.timeouts
    }

    /// Returns true if more than half of so many operations ended without the answer that was asked for.
    #[must_use]
    pub fn have_mostly_failed(&self, operations: u64) -> bool {
        self.failures() * 2 > operations
    }
}

columns! {
    /// A distribution of times; all empty where nothing was recorded.
    #[derive(Copy)]
    pub struct Times {
        /// The mean.
        mean_us: Option<f64> as "µs",
        /// The median.
        p50_us: Option<f64> as "µs",
        /// The 90th percentile.
        p90_us: Option<f64> as "µs",
        /// The 95th percentile.
        p95_us: Option<f64> as "µs",
        /// The 99th percentile.
        p99_us: Option<f64> as "µs",
        /// The 99.9th percentile.
        p999_us: Option<f64> as "µs",
        /// The maximum.
        max_us: Option<f64> as "µs",
    }
}

impl Times {
    /// The figures of a histogram of nanoseconds.
    #[must_use]
    pub fn of<C: Counter>(nanos: &Histogram<C>) -> Self {
        if nanos.is_empty() {
            return Self::default();
        }
        let at = |quantile| Some(nanos.value_at_quantile(quantile) as f64 / 1e3);
        Self {
            // To the nanosecond: the histogram resolves no finer.
            mean_us: Some(nanos.mean().round() / 1e3),
            p50_us: at(0.50),
            p90_us: at(0.90),
            p95_us: at(0.95),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: Some(nanos.max() as f64 / 1e3),
        }
    }
}

columns! {
    /// The times of a window, reads and writes together.
    #[derive(Copy)]
    pub struct WindowTimes {
        /// The median response time of reads and writes together that were answered.
        response_p50_us: Option<f64> as "µs",
        /// The 95th percentile of the response time of reads and writes together that were answered.
        response_p95_us: Option<f64> as "µs",
        /// The 99th percentile of the response time of reads and writes together that were answered.
        response_p99_us: Option<f64> as "µs",
        /// The 99th percentile of the service time of reads and writes together that were answered.
        service_p99_us: Option<f64> as "µs",
    }
}

columns! {
    /// Calls of the two stores, counted by the store's client.
    #[derive(Copy)]
    pub struct StoreCalls {
        /// Database reads: calls, so that a find of several documents counts once.
        db_reads: u64,
        /// Database writes.
        db_writes: u64,
        /// Commands sent to the cache, counted by the store; an MGET of several keys is one; with `wait_replicas` also the mark and the WAIT, which
        /// changes at the same time share.
        cache_commands: u64,
    }
}

columns! {
    /// Failures of what no operation waits for, while the cell was measured; `errors.csv` has the words of the first.
    #[derive(Copy)]
    pub struct FailedSteps {
        /// Documents that the cache did not take: loaded, refreshed or written ones. Each costs a later miss.
        failed_fills: Option<u64>,
        /// Invalidations that the cache did not take in time. They are delivered later; until then an old entry may be
        /// served.
        failed_invalidations: Option<u64>,
        /// Failures of the strategy's tasks in the background: listening for changes, counting, preloading, flushing.
        failed_background: Option<u64>,
    }
}

columns! {
    /// The same for each operation that was answered. The calls of those that failed count too: a strategy must not look cheap
    /// because much failed with it.
    #[derive(Copy)]
    pub struct CallsPerOperation {
        /// Database reads, those of failed operations too, for each operation that was answered.
        db_reads_per_op: Option<f64>,
        /// Database writes, those of failed operations too, for each operation that was answered.
        db_writes_per_op: Option<f64>,
        /// Cache commands, those of failed operations too, for each operation that was answered.
        cache_commands_per_op: Option<f64>,
    }
}

columns! {
    /// The content of the cache, and what left it.
    #[derive(Copy)]
    pub struct CacheUse {
        /// Entries evicted to make room in the cache, or in the memory of the machine (`max_memory_percent`).
        cache_evicted: Option<u64>,
        /// Entries that expired.
        cache_expired: Option<u64>,
        /// Memory used by the cache at the end.
        cache_memory_bytes: Option<u64> as "bytes",
        /// Entries in the cache at the end.
        cache_entries: Option<u64>,
    }
}

columns! {
    /// The processor cores that were used, on average: 1.0 is one core that is busy all the time.
    #[derive(Copy)]
    pub struct Cores {
        /// The processor cores that hotset used.
        cpu_hotset_cores: Option<f64> as "cores",
        /// The processor cores that the cache servers used.
        cpu_cache_cores: Option<f64> as "cores",
        /// The processor cores that the database used.
        cpu_database_cores: Option<f64> as "cores",
    }
}

columns! {
    /// Answers that the audit found to be wrong.
    #[derive(Copy)]
    pub struct WrongReads {
        /// Reads of a version older than one that had been acknowledged when they were sent.
        stale_reads: u64,
        /// The time for which the stalest answer had been out of date when it was asked for: from the acknowledgement
        /// of the first version that it lacks.
        stale_age_max_ms: Option<f64> as "ms",
        /// Reads older than a write that the database held although a later step had failed and its writer saw an
        /// error; not among the stale.
        stale_after_failed_step: u64,
        /// Reads whose value was not the document asked for, failed its checksum, or lacked a patch that its version
        /// says it has.
        corrupt_reads: u64,
        /// Reads older than what the same client had read before, on a sample of keys.
        non_monotonic_reads: u64,
        /// Reads older than what the same client had written and seen acknowledged, on the same sample.
        not_own_write_reads: u64,
    }
}

columns! {
    /// Answers that were held against what had been acknowledged.
    #[derive(Copy)]
    pub struct AuditedReads {
        /// Reads of existing documents that were held against what had been acknowledged; of a read of several documents each
        /// counts.
        audited_reads: u64,
        /// Reads of documents that another segment of the load writes, and that were looked at for damage alone: which of their
        /// versions had been acknowledged is known when the segments are merged, unless they were too many; empty where one
        /// process drove the load.
        foreign_reads: Option<u64>,
        /// Audited reads during which a write to the same key was under way.
        overlapping_reads: u64,
        /// See [`WrongReads`].
        group wrong: WrongReads,
        /// Stale reads by audited reads.
        stale_share: Option<f64> as "share",
        /// The median of how long stale answers had been out of date when they were asked for.
        stale_age_p50_ms: Option<f64> as "ms",
        /// The 99th percentile of how long stale answers had been out of date when they were asked for.
        stale_age_p99_ms: Option<f64> as "ms",
    }
}

columns! {
    /// The content of both stores at the end, after draining.
    #[derive(Copy)]
    pub struct StoresAtEnd {
        /// After draining: fields whose last acknowledged write the database does not reflect; empty where it could
        /// not be looked at.
        lost_writes: Option<u64>,
        /// After draining: keys of which the cache holds another version, or something else, than the database; a
        /// difference that only a write of unknown end has made breaks no promise.
        divergent_keys: Option<u64>,
        /// The keys that were compared: all that were written.
        checked_keys: Option<u64>,
    }
}

columns! {
    /// The audit's verdict on a guarantee.
    pub struct Judgement {
        /// The audit's verdict on that guarantee; a control is judged by the guarantee of its sound form; empty
        /// without an audit.
        verdict: Option<Verdict>,
        /// Why the verdict is not `kept`.
        verdict_reason: String,
    }
}

columns! {
    /// The predictions of theory from what was configured, and the distance of the run from them.
    pub struct Predicted {
        /// The hit rate that theory predicts for the steady state, from what was configured and never from the run;
        /// empty where no model covers the cell, as on a cache server that was given by URL: how much memory it has,
        /// and what it evicts, is not known beforehand.
        predicted_hit_rate: Option<f64> as "share",
        /// The lower end of what is expected; Redis' LRU is nearly random where its cache turns over within seconds,
        /// and is then expected between random eviction and LRU.
        predicted_hit_rate_low: Option<f64> as "share",
        /// The upper end of the expected hit rate.
        predicted_hit_rate_high: Option<f64> as "share",
        /// The model that predicts the hit rate; docs/results.md says where each comes from.
        predicted_by: String,
        /// The distance of the hit rate from the range that is expected, in points of a hundred; 0 inside, negative
        /// below.
        hit_rate_off_points: Option<f64> as "points",
        /// The likely reasons where the hit rate is more than 2 points off. A TTL that is nearly as long as warm-up and run is
        /// one: until two have passed, what was filled together expires together or not at all.
        prediction_note: String,
        /// Database reads for each operation that follow from the predicted hit rate: misses of reads, refreshes
        /// ahead, and misses of writes where a write builds on what is cached (`cache-behind`, `write-behind`). Empty where a
        /// read asks for several documents: how many of them are missing together no model says.
        predicted_db_reads_per_op: Option<f64>,
        /// `db_reads_per_op` less what is predicted.
        db_reads_per_op_off: Option<f64>,
        /// The predicted share of stale reads, where only the TTL ends them.
        predicted_stale_share: Option<f64> as "share",
        /// `stale_share` less what is predicted, in points of a hundred.
        stale_share_off_points: Option<f64> as "points",
        /// The number of entities that are acknowledged and not in the database at a random moment: keys where an
        /// instance merges them in its memory (`cache-behind` with `log = "memory"`), otherwise writes, as in
        /// `backlog` of `timeseries.csv`; of a queue in memory, what a crash of all instances is expected to lose.
        /// Open loops only. `write-behind` only where three standard deviations more writes than an interval brings
        /// still fit into a batch: nearer to its limit a queue builds up that the model does not know. A log that
        /// several instances share only where a batch takes ten seconds to fill, or the interval comes first: an
        /// instance sees once a second what others have written.
        predicted_backlog: Option<f64>,
        /// `backlog_mean` less what is predicted; empty where flushes come at an interval of less than ten windows: the ends
        /// of windows, which keep step with them, then see the same moment between two flushes again and again.
        backlog_off: Option<f64>,
        /// Database writes for each write, where several of one key are flushed as one.
        predicted_db_writes_per_write: Option<f64>,
        /// `db_writes` for each write that was acknowledged, less what is predicted.
        db_writes_per_write_off: Option<f64>,
    }
}

columns! {
    /// The load on the database.
    #[derive(Copy)]
    pub struct DatabaseLoad {
        /// Database reads and writes a second in the busiest window.
        db_calls_peak_per_s: Option<f64> as "1/s",
        /// `db_calls_peak_per_s` by the mean over the measured time.
        db_peak_over_mean: Option<f64>,
    }
}

columns! {
    /// The time for which faults took service and hits away.
    #[derive(Copy)]
    pub struct Outages {
        /// The time for which reads failed after a fault: from the fault to the first success after the last error, the
        /// longest over all faults; 0 where none failed, the rest of the measured time where none succeeded any more,
        /// empty without a fault. Others may have been answered meanwhile, as those of another shard.
        read_outage_s: Option<f64> as "s",
        /// The time for which writes failed after a fault, measured as for reads.
        write_outage_s: Option<f64> as "s",
        /// The longest time that a failover may take by the timeouts that were configured: until a death is noticed,
        /// the election, a second until clients look again, and `cache.timeout`; empty where no fault calls for one,
        /// or nobody takes over, as where `stop-cache` kills every node. `read_outage_s` and `write_outage_s` are the
        /// longest of all faults: where a scenario also breaks other things, such as a link, that may be the outage
        /// of another fault, of which this bound says nothing.
        outage_bound_s: Option<f64> as "s",
        /// The hit rate before the first fault.
        hit_rate_before_fault: Option<f64> as "share",
        /// From the beginning of a fault until the first window from which on the hit rate (of three windows
        /// together) is within 2 points of that again, the longest over all faults; 0 where it never fell, empty
        /// without a fault, where it did not come back before the next, or where fewer than three whole windows
        /// followed every fault. It fell where three windows together, the first of them alone too, are lower by more
        /// than 2 points and, together, by two standard errors more (`sqrt(p (1 - p) / n)`, with `p` the hit rate
        /// before and `n` the reads of the three windows), and begin while the fault lasts, while operations find no
        /// service, or among the first three windows after it began: what falls later has another cause. Where no
        /// reads are answered, it has fallen.
        hit_rate_recovery_s: Option<f64> as "s",
    }
}

columns! {
    /// The depth of an open loop's queues.
    #[derive(Copy)]
    pub struct QueueDepths {
        /// Open loop: the most operations that were under way at once, each load-driving thread's most added up.
        in_flight_max: Option<u64>,
        /// Open loop: the most operations at once that were due and waited, as `workload.max_in_flight` were under way, or
        /// with `queue = "client"` for their client; each load-driving thread's most added up.
        queued_max: Option<u64>,
    }
}

columns! {
    /// The backlog of a strategy that writes later: what it had acknowledged and not flushed.
    #[derive(Copy)]
    pub struct BacklogUse {
        /// The most entities that were acknowledged and not flushed at the end of a window.
        backlog_max: Option<u64>,
        /// The mean of such entities over the ends of all windows.
        backlog_mean: Option<f64>,
        /// Entities that the database refused again and again, and that were set aside.
        set_aside: u64,
    }
}

columns! {
    /// Acknowledged writes that a crash at a bad moment would have lost, whether one happened or not.
    #[derive(Copy)]
    pub struct AtRisk {
        /// The most entities, at the end of a window, that were acknowledged and durable nowhere: what a crash would have
        /// lost then. 0 where a write is acknowledged when the database, or a log on a disk, has it.
        at_risk_max: Option<u64>,
        /// The mean of such entities over the ends of all windows.
        at_risk_mean: Option<f64>,
        /// Where they wait; empty where nothing is at risk.
        at_risk_in: Option<HeldIn>,
    }
}

columns! {
    /// The limits that kept the load from being more.
    #[derive(Copy)]
    pub struct Limits {
        /// The busy share of hotset's busiest load-driving thread.
        cpu_worker_max_share: Option<f64> as "share",
        /// Mean wait for a connection to the database.
        database_pool_wait_us_mean: Option<f64> as "µs",
        /// The limit that kept the cell from doing more.
        limited_by: Option<LimitedBy>,
        /// The part that had nothing more to give, also where no more was asked for; empty where none was full.
        full_part: Option<LimitedBy>,
        /// The share of what was due that ended in time: before the end of the measured time, or after it where that took no
        /// longer than 99 % of the others. Less than 99 % makes a run overloaded or disturbed; where a fault may be why, it is
        /// the lower share of those before the first and in the second half of the time after the last. Empty in a closed loop, and
        /// where faults leave no such time.
        in_time_share: Option<f64> as "share",
    }
}

columns! {
    /// What the cell would cost at the prices in `[cost]`, in their currency; empty without prices.
    #[derive(Copy)]
    pub struct Cost {
        /// The cost of a million operations that were answered.
        cost_per_million_ops: Option<f64>,
        /// The cost of a month of 730 hours at the rate at which operations were answered.
        cost_per_month: Option<f64>,
    }
}

columns! {
    /// The operations that were offered.
    pub struct OfferedStream {
        /// Digest of the operations that were offered, over all clients.
        stream_digest: String,
        /// The share of the requests that the most requested key took; empty where phases of the load draw keys in several ways.
        top_key_share: Option<f64> as "share",
        /// The share of the requests that the most requested 1 % of keys took; empty as `top_key_share` is.
        top_1_percent_share: Option<f64> as "share",
        /// The share of the requests that the most requested 10 % of keys took; empty as `top_key_share` is.
        top_10_percent_share: Option<f64> as "share",
    }
}
