//! What the repeats of a group let one say about which strategy is better.

use super::format;
use super::group::{Group, StrategyRepeats};
use super::stats::{Better, Contestant, REPEATS_TO_RANK, ranking};
use crate::results::{LimitedBy, Mode, SummaryRow, Verdict};

/// The ranking of a group in words, or why there is none; empty with a single strategy.
///
/// Closed loops are ranked by throughput, open loops by the p99 of reads at the rate that all of them sustained.
#[must_use]
pub fn sentence(group: &Group<'_>) -> String {
    if group.entries.len() < 2 {
        return String::new();
    }
    let repeats = group.entries.iter().map(|entry| entry.measured.len()).max().unwrap_or(0);
    if repeats < REPEATS_TO_RANK {
        let were = if repeats == 1 { "1 repeat is" } else { &format!("{repeats} repeats are") };
        return format!("{were} shown, not ranked: a ranking takes {REPEATS_TO_RANK} repeats (--repeats 5).");
    }
    let (what, better, figure) = criterion(group);
    let (out, ranked): (Vec<_>, Vec<_>) =
        group.entries.iter().map(|entry| (entry, why_not(entry))).partition(|(_, why)| why.is_some());
    let contestants: Vec<Contestant> = ranked
        .iter()
        .map(|(entry, _)| Contestant { name: entry.label.to_owned(), values: entry.values(figure) })
        .collect();
    let mut text = match ranking(&contestants, better) {
        Some(order) => format!("{what}, 95 % intervals of the median over {repeats} repeats: {order}."),
        None => "Fewer than two strategies can be ranked.".to_owned(),
    };
    let left_out: Vec<String> = out
        .iter()
        .filter_map(|(entry, why)| why.as_ref().map(|why| format!("{} ({why})", entry.label)))
        .collect();
    if !left_out.is_empty() {
        text += " Not ranked: ";
        text += &format::list(&left_out);
        text.push('.');
    }
    text
}

type Criterion = (&'static str, Better, fn(&SummaryRow) -> Option<f64>);

fn criterion(group: &Group<'_>) -> Criterion {
    let open = group.entries.iter().flat_map(|entry| &entry.measured).any(|row| row.mode == Mode::Open);
    if open {
        ("p99 response time of reads", Better::Lower, |row| row.read_response.p99_us)
    } else {
        ("Throughput", Better::Higher, |row| Some(row.achieved_per_s))
    }
}

/// A strategy of which a larger share of the operations failed is not ranked: an error is quick, and says
/// nothing of how quick an answer is.
const MOST_FAILURES: f64 = 0.001;

/// Why a strategy's figures do not belong in a ranking.
fn why_not(entry: &StrategyRepeats<'_>) -> Option<String> {
    let any = |holds: fn(&SummaryRow) -> bool| entry.measured.iter().any(|row| holds(row));
    if entry.measured.is_empty() {
        Some("failed".into())
    } else if any(|row| row.audited.wrong.corrupt_reads > 0) {
        Some("corrupt reads".into())
    } else if any(|row| row.control.is_some()) {
        Some("a control".into())
    } else if any(|row| row.judgement.verdict == Some(Verdict::Broken)) {
        Some("guarantee not held".into())
    } else if any(|row| {
        (row.answers.errors + row.answers.timeouts) as f64 > MOST_FAILURES * row.operations as f64
    }) {
        Some("failed operations".into())
    } else if any(|row| row.status.is_saturated()) {
        Some("saturated".into())
    } else if any(|row| row.status.is_unsettled()) {
        Some("not warmed up".into())
    } else if any(|row| row.limits.limited_by == Some(LimitedBy::Hotset)) {
        Some("limited by hotset itself".into())
    } else if entry.measured.len() < REPEATS_TO_RANK {
        Some(format!("{} repeats", entry.measured.len()))
    } else {
        None
    }
}
