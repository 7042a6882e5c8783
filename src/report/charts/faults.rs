//! What faults did: failures, throughput, hit rate and p99 on one axis of time, with what was broken and mended.

use super::hit_rate::events;
use super::over_time::{self, Marks, TimeFigure, most, times};
use crate::report::answer::{few, told_apart};
use crate::report::canvas::Canvas;
use crate::report::canvas::scale::Scale;
use crate::report::format::{self, three_digits};
use crate::report::group::{Group, StrategyRepeats};
use crate::results::{Criterion, EventKind, named};

/// The figures, those that users feel first.
const FIGURES: [TimeFigure; 4] = [
    TimeFigure {
        title: "operations that failed (%)",
        value: |row| {
            (row.operations > 0).then(|| row.answers.failures() as f64 / row.operations as f64 * 100.0)
        },
        scale: |values| Scale::even(0.0, most(values).max(0.01), 4, three_digits),
        marks: Marks::Nothing,
    },
    TimeFigure {
        title: "operations answered a second (1/s)",
        value: |row| Some(row.achieved_per_s),
        scale: |values| Scale::even(0.0, most(values).max(1.0) * 1.05, 4, format::count),
        marks: Marks::Nothing,
    },
    TimeFigure {
        title: "hit rate (%)",
        value: |row| row.answers.hit_rate.map(|rate| rate * 100.0),
        scale: |_| Scale::even(0.0, 100.0, 4, three_digits),
        marks: Marks::Nothing,
    },
    TimeFigure {
        title: "p99 response time (log scale)",
        value: |row| row.times.response_p99_us,
        scale: times,
        marks: Marks::Nothing,
    },
];

/// Draws the chart; `None` where nothing was broken.
pub(super) fn draw(group: &Group<'_>) -> Option<Canvas> {
    if !events(group).iter().any(|event| event.kind == EventKind::Fault) {
        return None;
    }
    let note = "Each point is one window; a percentile is of its window's operations.";
    over_time::draw("What the faults did", answer(group), group, &FIGURES, note)
}

/// Says how much failed and for how long with the strategy that failed most, and with the one that failed least where
/// the data tell them apart.
fn answer(group: &Group<'_>) -> Option<String> {
    let figure = named("failed")?;
    let mut known: Vec<_> =
        group.entries.iter().filter_map(|entry| Some((entry, figure.of(entry)?.value))).collect();
    known.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (worst, share) = *known.first()?;
    if share <= 0.0 {
        return Some("no operation failed".into());
    }
    let sound: Vec<&str> =
        known.iter().filter(|(_, share)| *share <= 0.0).map(|(entry, _)| entry.label).collect();
    let (least, _) = *known.last()?;
    let rest: Vec<&StrategyRepeats<'_>> = known.iter().skip(1).map(|(entry, _)| *entry).collect();
    let is_told_apart = told_apart(figure, worst, &rest).last().copied().unwrap_or(false);
    let others = match sound.as_slice() {
        _ if known.len() < 2 => String::new(),
        _ if !is_told_apart => "; no difference shown between the strategies".into(),
        [] => format!("; {}: {}", least.label, failures(figure, least)),
        sound => format!("; none failed with {}", few(sound)),
    };
    Some(format!("{}: {}{others}", worst.label, failures(figure, worst)))
}

/// `2.1 % of the operations failed, reads for up to 2.8 s`.
fn failures(figure: &Criterion, entry: &StrategyRepeats<'_>) -> String {
    let without = |name: &str, what: &str| {
        let of = named(name).filter(|down| down.of(entry).is_some_and(|of| of.value > 0.0));
        of.map(|down| format!("some {what} fail for up to {}", down.show(entry)))
    };
    let mut parts = vec![format!("{} of the operations failed", figure.show(entry))];
    parts.extend(without("read_outage", "reads"));
    parts.extend(without("write_outage", "writes"));
    parts.join(", ")
}
