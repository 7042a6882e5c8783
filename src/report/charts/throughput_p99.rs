//! Throughput and p99 by strategy.

use super::by_strategy::{self, Measured, SummaryFigure, Words};
use crate::report::answer::ComparedFigure;
use crate::report::canvas::Canvas;
use crate::report::format;
use crate::report::group::Group;

const THROUGHPUT: SummaryFigure = |row| Some(row.achieved_per_s);
const P99: SummaryFigure = |row| row.read_response.p99_us;

const PANELS: [Measured; 2] = [
    Measured {
        title: "Achieved throughput (higher is better)",
        axis: "operations answered a second (1/s)",
        figure: THROUGHPUT,
        whole: |entry| by_strategy::whole(entry, "throughput"),
        on_one_scale_with: &[THROUGHPUT],
        show: |value| format!("{}/s", format::count(value)),
        scale: by_strategy::count_scale,
        steps: 6,
    },
    Measured {
        title: "p99 response time of reads (lower is better)",
        axis: "response time",
        figure: P99,
        whole: |entry| by_strategy::whole(entry, "read.p99"),
        on_one_scale_with: &[P99],
        show: format::micros,
        scale: by_strategy::micros_scale,
        steps: 6,
    },
];

const WORDS: Words<'static> = Words {
    title: "Throughput and tail latency by strategy",
    compared: &[
        ComparedFigure { figure: "throughput", wins: "does the most operations", what: "throughput" },
        ComparedFigure { figure: "read.p99", wins: "has the fastest p99 of reads", what: "the p99 of reads" },
    ],
    remark: "",
};

/// Draws the chart; `None` where every cell failed.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    by_strategy::draw(&WORDS, group, &PANELS)
}
