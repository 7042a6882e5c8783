//! What a strategy costs and what it gains: its usual and its slow reads, and the work that is left for the database.

use super::by_strategy::{self, Measured, SummaryFigure, Words};
use crate::report::answer::WORK_AND_READS;
use crate::report::canvas::Canvas;
use crate::report::format;
use crate::report::group::{Group, StrategyRepeats};
use crate::results::SummaryRow;

const P50: SummaryFigure = |row| row.read_response.p50_us;
const P99: SummaryFigure = |row| row.read_response.p99_us;

/// The database's reads for each hundred reads that clients asked for.
const DATABASE_READS: SummaryFigure =
    |row| (row.reads > 0).then(|| row.calls.db_reads as f64 / row.reads as f64 * 100.0);

fn database_reads(entry: &StrategyRepeats<'_>) -> Option<f64> {
    let sum = |of: fn(&SummaryRow) -> u64| entry.measured.iter().map(|row| of(row)).sum::<u64>() as f64;
    let reads = sum(|row| row.reads);
    (reads > 0.0).then(|| sum(|row| row.calls.db_reads) / reads * 100.0)
}

/// The two panels of times have one scale, so that they can be compared.
const PANELS: [Measured; 3] = [
    Measured {
        title: "Median read (p50)",
        axis: "response time",
        figure: P50,
        whole: |entry| by_strategy::whole(entry, "read.p50"),
        on_one_scale_with: &[P50, P99],
        show: format::micros,
        scale: by_strategy::micros_scale,
        steps: 4,
    },
    Measured {
        title: "Slow read (p99)",
        axis: "response time",
        figure: P99,
        whole: |entry| by_strategy::whole(entry, "read.p99"),
        on_one_scale_with: &[P50, P99],
        show: format::micros,
        scale: by_strategy::micros_scale,
        steps: 4,
    },
    Measured {
        title: "Database reads",
        axis: "per 100 reads of clients",
        figure: DATABASE_READS,
        whole: database_reads,
        on_one_scale_with: &[DATABASE_READS],
        show: format::count,
        scale: by_strategy::count_scale,
        steps: 4,
    },
];

const WORDS: Words<'static> = Words {
    title: "Read latency and database load by strategy",
    compared: WORK_AND_READS,
    remark: "Lower is better in all three. ",
};

/// Draws the chart; `None` where every cell failed.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    by_strategy::draw(&WORDS, group, &PANELS)
}
