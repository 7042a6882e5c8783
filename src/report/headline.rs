//! The figures of one strategy in one group that the closing table and the HTML report both show.

use std::collections::BTreeSet;

use super::format;
use super::group::StrategyRepeats;
use super::safety::Safety;
use super::stats::median;
use crate::results::{Measure, OperationClass, Status, SummaryRow};

/// What stands where there is no figure.
pub const NONE: &str = "–";

/// One strategy's headline, ready to print.
#[derive(Debug, Clone)]
pub struct Headline {
    /// Median operations a second, with half the spread of the repeats.
    pub throughput: String,
    /// The hit rate over all repeats.
    pub hit_rate: String,
    /// Of all repeats' reads together.
    pub read_p50: String,
    /// Of all repeats' reads together.
    pub read_p99: String,
    /// Of all repeats' reads together.
    pub read_p999: String,
    /// Of all repeats' writes together.
    pub write_p99: String,
    /// Database reads for each operation, over all repeats.
    pub db_reads_per_op: String,
    /// Errors and timeouts.
    pub errors: String,
    /// Reads that returned something else than was asked for.
    pub corrupt: String,
    /// Stale reads.
    pub stale: String,
    /// Fields whose last acknowledged write is lost.
    pub lost: String,
    /// Keys that differ between cache and database at the end.
    pub divergent: String,
    /// The verdict on the guarantee of the strategy.
    pub guarantee: String,
    /// What became of the cells.
    pub status: String,
    /// What kept them from doing more.
    pub limited_by: String,
}

impl Headline {
    /// The headline of all repeats of a strategy.
    #[must_use]
    pub fn of(entry: &StrategyRepeats<'_>) -> Self {
        let safety = Safety::of(entry);
        let sum = |figure: fn(&SummaryRow) -> u64| entry.measured.iter().map(|row| figure(row)).sum::<u64>();
        let answered = sum(|row| row.answers.hits + row.answers.negative_hits);
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let time = |operation, quantile| {
            or_none(entry.merged_us(operation, Measure::Response, quantile).map(format::micros))
        };
        let counted = |number: u64| {
            if entry.measured.is_empty() { NONE.to_owned() } else { format::count(number as f64) }
        };
        Self {
            throughput: throughput(entry),
            hit_rate: or_none(
                share(answered, answered + sum(|row| row.answers.misses + row.answers.bypassed))
                    .map(format::percent),
            ),
            read_p50: time(OperationClass::Read, 0.5),
            read_p99: time(OperationClass::Read, 0.99),
            read_p999: time(OperationClass::Read, 0.999),
            write_p99: time(OperationClass::Write, 0.99),
            db_reads_per_op: or_none(
                share(sum(|row| row.calls.db_reads), sum(|row| row.operations)).map(format::three_digits),
            ),
            errors: counted(sum(|row| row.answers.errors + row.answers.timeouts)),
            corrupt: counted(sum(|row| row.audited.wrong.corrupt_reads)),
            stale: of_audit(safety.as_ref(), |safety| Some(safety.stale)),
            lost: of_audit(safety.as_ref(), |safety| safety.lost),
            divergent: of_audit(safety.as_ref(), |safety| safety.divergent),
            guarantee: safety.as_ref().map_or_else(|| NONE.into(), Safety::verdict_text),
            status: status(entry),
            limited_by: limited_by(entry),
        }
    }
}

fn of_audit(safety: Option<&Safety>, figure: impl Fn(&Safety) -> Option<u64>) -> String {
    or_none(safety.and_then(figure).map(|number| format::count(number as f64)))
}

fn or_none(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| NONE.into())
}

fn throughput(entry: &StrategyRepeats<'_>) -> String {
    let values = entry.values(|row| Some(row.achieved_per_s));
    let Some(median) = median(&values) else { return NONE.into() };
    if values.len() < 2 {
        return format::count(median);
    }
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{} ± {}", format::count(median), format::count((high - low) / 2.0))
}

/// Each status that occurs, with how many cells have it where they differ.
fn status(entry: &StrategyRepeats<'_>) -> String {
    let all = entry.cells().count();
    let statuses =
        [Status::Ok, Status::Saturated, Status::Unsettled, Status::SaturatedUnsettled, Status::Failed];
    let parts: Vec<String> = statuses
        .into_iter()
        .filter_map(|status| match entry.cells().filter(|row| row.status == status).count() {
            0 => None,
            some if some == all => Some(status.name().replace(',', ", ")),
            some => Some(format!("{some}/{all} {}", status.name().replace(',', ", "))),
        })
        .collect();
    parts.join(", ")
}

fn limited_by(entry: &StrategyRepeats<'_>) -> String {
    let limits: BTreeSet<&str> = entry
        .measured
        .iter()
        .filter_map(|row| row.limits.limited_by)
        .map(crate::results::LimitedBy::name)
        .collect();
    if limits.is_empty() { NONE.into() } else { limits.into_iter().collect::<Vec<_>>().join(", ") }
}
