//! The figures that strategies are judged by. Each is defined here once, and whoever shows, compares or requires one reads
//! it here: the closing table, the page, `results.csv`, the decision and the requirements.

use std::cmp::Ordering;

use super::{OperationClass, SummaryRow};

/// The ways in which a figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A time, in microseconds.
    Micros,
    /// A time, in seconds.
    Seconds,
    /// A share from 0 to 1.
    Share,
    /// A number of things.
    Count,
    /// A number with a fraction, such as calls for each operation.
    Ratio,
    /// Bytes.
    Bytes,
    /// An amount in the currency of the scenario's prices.
    Money,
}

impl Unit {
    /// The word for `results.csv`, as the columns of the other files have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Micros => "µs",
            Self::Seconds => "s",
            Self::Share => "share",
            Self::Count | Self::Ratio | Self::Money => "",
            Self::Bytes => "bytes",
        }
    }
}

/// The good ends of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Such as throughput.
    Higher,
    /// Such as latency.
    Lower,
}

impl Better {
    /// Sorts the better value first.
    #[must_use]
    pub fn order(self, a: f64, b: f64) -> Ordering {
        match self {
            Self::Higher => b.total_cmp(&a),
            Self::Lower => a.total_cmp(&b),
        }
    }
}

/// One number of a row; `None` where the row has none.
pub type OfRow = fn(&SummaryRow) -> Option<f64>;

/// The ways from the repeats of a strategy to its figure.
#[derive(Debug, Clone, Copy)]
pub enum Over {
    /// A percentile of the answers of all repeats together.
    Percentile(OperationClass, f64),
    /// The sum of one number by the sum of another.
    Quotient(OfRow, OfRow),
    /// The mean.
    Mean,
    /// The sum: each repeat's counts.
    Sum,
    /// The highest, as that is what one has to be ready for.
    Highest,
}

/// A figure that strategies are judged by.
#[derive(Debug, Clone, Copy)]
pub struct Criterion {
    /// Its name in requirements and files, such as `read.p99`.
    pub name: &'static str,
    /// Its name over a column.
    pub heading: &'static str,
    /// The meaning, in a sentence.
    pub meaning: &'static str,
    /// The unit in which it is written.
    pub unit: Unit,
    /// The good end.
    pub better: Better,
    /// The figure of one run.
    pub of_row: OfRow,
    /// The way from the repeats of a strategy to its figure.
    pub over: Over,
    /// True where it depends on how much is asked a second, so that only strategies that were asked as much are held
    /// against each other by it.
    pub is_of_the_load: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "a figure may be missing, and this one never is")]
fn operations(row: &SummaryRow) -> Option<f64> {
    Some(row.operations as f64)
}

/// The operations that calls are counted by. One that failed may have asked for nothing, so that much failing would look cheap.
#[expect(clippy::unnecessary_wraps, reason = "a figure may be missing, and this one never is")]
fn answered(row: &SummaryRow) -> Option<f64> {
    Some(row.answered() as f64)
}

fn measured(row: &SummaryRow) -> Option<f64> {
    (row.measured_s > 0.0).then_some(row.measured_s)
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn per_second(calls: u64, row: &SummaryRow) -> Option<f64> {
    measured(row).map(|seconds| calls as f64 / seconds)
}

/// Every figure, in the order in which a reader wants them: what a user feels, what the database bears, what goes wrong, what
/// it takes.
pub const CRITERIA: &[Criterion] = &[
    Criterion {
        name: "throughput",
        heading: "ops/s",
        meaning: "Operations that were answered within the measured time, a second.",
        unit: Unit::Count,
        better: Better::Higher,
        of_row: |row| Some(row.achieved_per_s),
        over: Over::Mean,
        // Where rates are searched, it is what was found.
        is_of_the_load: false,
    },
    Criterion {
        name: "read.p50",
        heading: "read p50",
        meaning: "The median response time of reads that were answered.",
        unit: Unit::Micros,
        better: Better::Lower,
        of_row: |row| row.read_response.p50_us,
        over: Over::Percentile(OperationClass::Read, 0.5),
        is_of_the_load: true,
    },
    Criterion {
        name: "read.p99",
        heading: "read p99",
        meaning: "The 99th percentile of the response time of reads that were answered.",
        unit: Unit::Micros,
        better: Better::Lower,
        of_row: |row| row.read_response.p99_us,
        over: Over::Percentile(OperationClass::Read, 0.99),
        is_of_the_load: true,
    },
    Criterion {
        name: "read.p999",
        heading: "read p99.9",
        meaning: "The 99.9th percentile of the response time of reads that were answered.",
        unit: Unit::Micros,
        better: Better::Lower,
        of_row: |row| row.read_response.p999_us,
        over: Over::Percentile(OperationClass::Read, 0.999),
        is_of_the_load: true,
    },
    Criterion {
        name: "write.p50",
        heading: "write p50",
        meaning: "The median response time of writes that were acknowledged.",
        unit: Unit::Micros,
        better: Better::Lower,
        of_row: |row| row.write_response.p50_us,
        over: Over::Percentile(OperationClass::Write, 0.5),
        is_of_the_load: true,
    },
    Criterion {
        name: "write.p99",
        heading: "write p99",
        meaning: "The 99th percentile of the response time of writes that were acknowledged.",
        unit: Unit::Micros,
        better: Better::Lower,
        of_row: |row| row.write_response.p99_us,
        over: Over::Percentile(OperationClass::Write, 0.99),
        is_of_the_load: true,
    },
    Criterion {
        name: "failed",
        heading: "failed",
        meaning: "The share of the operations that ended in an error or were given up.",
        unit: Unit::Share,
        better: Better::Lower,
        of_row: |row| share(row.answers.failures(), row.operations),
        over: Over::Quotient(|row| Some(row.answers.failures() as f64), operations),
        is_of_the_load: true,
    },
    Criterion {
        name: "hit_rate",
        heading: "hit rate",
        meaning: "The share of the lookups that the cache answered.",
        unit: Unit::Share,
        better: Better::Higher,
        of_row: |row| row.answers.hit_rate,
        over: Over::Quotient(
            |row| row.answers.hit_rate.map(|_| (row.answers.hits + row.answers.negative_hits) as f64),
            |row| Some(row.answers.lookups() as f64),
        ),
        is_of_the_load: false,
    },
    Criterion {
        name: "database.reads_per_op",
        heading: "db reads/op",
        meaning: "Database reads for each operation that was answered; those of operations that failed count too.",
        unit: Unit::Ratio,
        better: Better::Lower,
        of_row: |row| share(row.calls.db_reads, row.answered()),
        over: Over::Quotient(|row| Some(row.calls.db_reads as f64), answered),
        is_of_the_load: false,
    },
    Criterion {
        name: "database.reads_per_s",
        heading: "db reads/s",
        meaning: "Database reads a second.",
        unit: Unit::Count,
        better: Better::Lower,
        of_row: |row| per_second(row.calls.db_reads, row),
        over: Over::Quotient(|row| Some(row.calls.db_reads as f64), measured),
        is_of_the_load: true,
    },
    Criterion {
        name: "database.writes_per_s",
        heading: "db writes/s",
        meaning: "Database writes a second.",
        unit: Unit::Count,
        better: Better::Lower,
        of_row: |row| per_second(row.calls.db_writes, row),
        over: Over::Quotient(|row| Some(row.calls.db_writes as f64), measured),
        is_of_the_load: true,
    },
    Criterion {
        name: "database.writes_per_op",
        heading: "db writes/op",
        meaning: "Database writes for each operation that was answered; those of operations that failed count too.",
        unit: Unit::Ratio,
        better: Better::Lower,
        of_row: |row| share(row.calls.db_writes, row.answered()),
        over: Over::Quotient(|row| Some(row.calls.db_writes as f64), answered),
        is_of_the_load: false,
    },
    Criterion {
        name: "database.peak_per_s",
        heading: "db peak/s",
        meaning: "Database reads and writes a second in the busiest window of all repeats.",
        unit: Unit::Count,
        better: Better::Lower,
        of_row: |row| row.load.db_calls_peak_per_s,
        over: Over::Highest,
        is_of_the_load: true,
    },
    Criterion {
        name: "stale_share",
        heading: "stale",
        meaning: "The share of the audited reads that lacked a write acknowledged before they were sent.",
        unit: Unit::Share,
        better: Better::Lower,
        of_row: |row| row.audited.stale_share,
        over: Over::Quotient(
            |row| row.audited.stale_share.map(|_| row.audited.wrong.stale_reads as f64),
            |row| Some(row.audited.audited_reads as f64),
        ),
        is_of_the_load: true,
    },
    Criterion {
        name: "stale_age_max",
        heading: "oldest",
        meaning: "How long the stalest answer of all repeats had been out of date; 0 where none was stale.",
        unit: Unit::Seconds,
        better: Better::Lower,
        of_row: |row| {
            row.audited.stale_share.map(|_| row.audited.wrong.stale_age_max_ms.unwrap_or_default() / 1e3)
        },
        over: Over::Highest,
        is_of_the_load: true,
    },
    Criterion {
        name: "corrupt",
        heading: "corrupt",
        meaning: "Reads whose value was not what was asked for, over all repeats.",
        unit: Unit::Count,
        better: Better::Lower,
        of_row: |row| row.judgement.verdict.map(|_| row.audited.wrong.corrupt_reads as f64),
        over: Over::Sum,
        is_of_the_load: false,
    },
    Criterion {
        name: "lost",
        heading: "lost",
        meaning: "Acknowledged writes that the database does not reflect in the end, over all repeats.",
        unit: Unit::Count,
        better: Better::Lower,
        of_row: |row| row.at_end.lost_writes.map(|lost| lost as f64),
        over: Over::Sum,
        is_of_the_load: false,
    },
    Criterion {
        name: "at_risk",
        heading: "at risk",
        meaning: "The most acknowledged writes at one moment that were durable nowhere: what a crash then would have lost.",
        unit: Unit::Count,
        better: Better::Lower,
        of_row: |row| row.at_risk.at_risk_max.map(|risk| risk as f64),
        over: Over::Highest,
        is_of_the_load: true,
    },
    Criterion {
        name: "read_outage",
        heading: "reads fail for",
        meaning: "How long some reads failed after a fault, until the last did, the longest of all repeats; others may have been answered meanwhile.",
        unit: Unit::Seconds,
        better: Better::Lower,
        of_row: |row| row.outages.read_outage_s,
        over: Over::Highest,
        is_of_the_load: false,
    },
    Criterion {
        name: "write_outage",
        heading: "writes fail for",
        meaning: "How long some writes failed after a fault, until the last did, the longest of all repeats; others may have been answered meanwhile.",
        unit: Unit::Seconds,
        better: Better::Lower,
        of_row: |row| row.outages.write_outage_s,
        over: Over::Highest,
        is_of_the_load: false,
    },
    Criterion {
        name: "cache.memory",
        heading: "memory",
        meaning: "The memory of the cache at the end, the most of all repeats.",
        unit: Unit::Bytes,
        better: Better::Lower,
        of_row: |row| row.cache.cache_memory_bytes.map(|bytes| bytes as f64),
        over: Over::Highest,
        is_of_the_load: false,
    },
    Criterion {
        name: "cache.commands_per_op",
        heading: "cache cmds/op",
        meaning: "Commands sent to the cache for each operation that was answered; those of operations that failed count too.",
        unit: Unit::Ratio,
        better: Better::Lower,
        of_row: |row| share(row.calls.cache_commands, row.answered()),
        over: Over::Quotient(|row| Some(row.calls.cache_commands as f64), answered),
        is_of_the_load: false,
    },
    Criterion {
        name: "cores",
        heading: "cores",
        meaning: "Processor cores that the servers of the cache and the database used together, on average; unknown where it is so of either, as of a server that was killed and started anew or a cache inside hotset.",
        unit: Unit::Ratio,
        better: Better::Lower,
        of_row: |row| Some(row.cores.cpu_cache_cores? + row.cores.cpu_database_cores?),
        over: Over::Mean,
        is_of_the_load: true,
    },
    Criterion {
        name: "cost",
        heading: "cost/M ops",
        meaning: "The cost of a million operations that were answered, at the prices in [cost] and in their currency.",
        unit: Unit::Money,
        better: Better::Lower,
        of_row: |row| row.cost.cost_per_million_ops,
        over: Over::Mean,
        is_of_the_load: true,
    },
    Criterion {
        name: "cost.month",
        heading: "cost/month",
        meaning: "The cost of a month of 730 hours at the measured rate, at the prices in [cost] and in their currency.",
        unit: Unit::Money,
        better: Better::Lower,
        of_row: |row| row.cost.cost_per_month,
        over: Over::Mean,
        is_of_the_load: true,
    },
];

/// The figure of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Criterion> {
    CRITERIA.iter().find(|figure| figure.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_makes_no_strategy_cheaper() {
        let mut row = SummaryRow { operations: 1_000, ..SummaryRow::default() };
        (row.calls.db_reads, row.calls.db_writes, row.calls.cache_commands) = (400, 40, 800);
        let figures = ["database.reads_per_op", "database.writes_per_op", "cache.commands_per_op"];
        let of = |row: &SummaryRow| figures.map(|name| (named(name).unwrap().of_row)(row));
        assert_eq!(of(&row), [Some(0.4), Some(0.04), Some(0.8)]);
        (row.answers.errors, row.answers.timeouts) = (400, 200);
        assert_eq!(of(&row), [Some(1.0), Some(0.1), Some(2.0)], "by what was answered");
        row.answers.timeouts = 600;
        assert_eq!(of(&row), [None; 3], "nothing was answered");
    }

    #[test]
    fn the_cores_of_both_servers_are_unknown_where_those_of_one_are() {
        let of = |cache, database| {
            let mut row = SummaryRow::default();
            (row.cores.cpu_cache_cores, row.cores.cpu_database_cores) = (cache, database);
            (named("cores").unwrap().of_row)(&row)
        };
        assert_eq!(of(Some(0.5), Some(0.25)), Some(0.75));
        assert_eq!(of(None, Some(0.25)), None);
        assert_eq!(of(Some(0.5), None), None);
    }

    #[test]
    fn every_figure_has_a_name_of_its_own_and_a_sentence() {
        for (at, figure) in CRITERIA.iter().enumerate() {
            assert!(CRITERIA[..at].iter().all(|other| other.name != figure.name), "{}", figure.name);
            assert!(figure.meaning.ends_with('.') && !figure.meaning.contains('\n'), "{}", figure.name);
            assert_eq!(named(figure.name).map(|found| found.heading), Some(figure.heading));
        }
    }
}
