//! The rows of `statistics.csv`: each figure of each strategy with its interval, beside no cache and beside the best.

use super::answer::are_comparable;
use super::candidates::candidates;
use super::criteria::Estimate;
use super::group::{Group, StrategyRepeats};
use super::judge::{self, FigureChange, FigureEvidence, Finding, Pairing};
use crate::results::{CRITERIA, Criterion, Difference, PairedFigure, StatisticsRow};

/// A figure before it is known what all comparisons together show.
struct Compared<'a> {
    group: &'a Group<'a>,
    entry: &'a StrategyRepeats<'a>,
    figure: &'static Criterion,
    estimate: Estimate,
    control: Option<(&'a str, FigureChange)>,
    best: Option<(&'a str, FigureChange)>,
}

/// Every figure of every strategy in every group.
#[must_use]
pub fn rows(groups: &[Group<'_>]) -> Vec<StatisticsRow> {
    let mut all: Vec<Compared<'_>> = groups.iter().flat_map(compared).collect();
    let mut changes: Vec<&mut FigureChange> = all
        .iter_mut()
        .flat_map(|one| [&mut one.control, &mut one.best])
        .flatten()
        .map(|(_, of)| of)
        .collect();
    judge::settle(&mut changes);
    let evidence: Vec<FigureEvidence> = changes.iter().filter_map(|change| change.evidence).collect();
    let level = judge::level_of_one_more(&evidence);
    all.iter().map(|one| row(one, level)).collect()
}

fn compared<'a>(group: &'a Group<'a>) -> Vec<Compared<'a>> {
    let control = group.entries.iter().find(|entry| entry.is_reference() && !entry.measured.is_empty());
    let proposable = candidates(group);
    let mut all = Vec::new();
    for figure in CRITERIA {
        let best = best_of(figure, &proposable).filter(|_| are_comparable(figure, &proposable));
        for entry in &group.entries {
            let Some(estimate) = figure.of(entry) else { continue };
            all.push(Compared {
                group,
                entry,
                figure,
                estimate,
                control: control.and_then(|control| beside(figure, control, entry, None)),
                best: best.and_then(|best| beside(figure, best, entry, Some(proposable.len()))),
            });
        }
    }
    all
}

fn best_of<'a>(figure: &Criterion, entries: &[&'a StrategyRepeats<'a>]) -> Option<&'a StrategyRepeats<'a>> {
    let known = entries.iter().filter_map(|entry| Some((*entry, figure.of(entry)?.value)));
    known.min_by(|a, b| figure.better.order(a.1, b.1)).map(|(entry, _)| entry)
}

/// A strategy beside another one, which was chosen by this figure among so many; `None` beside itself, where the other does not
/// have the figure, and where they may not be held against each other by it.
fn beside<'a>(
    figure: &'static Criterion,
    other: &'a StrategyRepeats<'a>,
    entry: &StrategyRepeats<'_>,
    chosen_among: Option<usize>,
) -> Option<(&'a str, FigureChange)> {
    if other.label == entry.label || !are_comparable(figure, &[other, entry]) {
        return None;
    }
    let (before, after) = (figure.of(other)?, figure.of(entry)?);
    let evidence = FigureEvidence::within_run(figure, other, entry);
    let evidence = chosen_among.map_or(evidence, |among| evidence.of_a_choice(among));
    let change = FigureChange {
        figure,
        before: Some(before),
        after: Some(after),
        evidence: Some(evidence),
        // Until all are settled together.
        finding: Finding::NotShown,
    };
    Some((other.label, change))
}

fn row(one: &Compared<'_>, level: f64) -> StatisticsRow {
    let interval = one.estimate.interval;
    let paired = |of: &Option<(&str, FigureChange)>| {
        of.as_ref().map_or_else(PairedFigure::default, |(label, change)| paired(label, change, level))
    };
    StatisticsRow {
        strategy: one.entry.label.to_owned(),
        topology: one.group.topology.to_owned(),
        swept: one.group.swept.to_owned(),
        figure: one.figure.name.to_owned(),
        unit: one.figure.unit.word().to_owned(),
        estimate: one.estimate.value,
        low: interval.map(|of| of.low),
        high: interval.map(|of| of.high),
        repeats: one.estimate.repeats as u32,
        control: paired(&one.control),
        best: paired(&one.best),
    }
}

fn paired(label: &str, change: &FigureChange, level: f64) -> PairedFigure {
    let evidence = change.evidence;
    let difference = match change.finding {
        Finding::Better => Some(Difference::Better),
        Finding::Worse => Some(Difference::Worse),
        Finding::NotShown => Some(Difference::NotShown),
        Finding::TooFew => Some(Difference::TooFew),
        Finding::OnlyBefore | Finding::OnlyAfter => None,
    };
    let is_open = change.finding == Finding::NotShown;
    PairedFigure {
        label: label.to_owned(),
        pairs: evidence.map(|of| match of.pairing {
            Pairing::Paired(pairs) => pairs as u32,
            Pairing::Unpaired(before, after) | Pairing::TooFew(before, after) => before.min(after) as u32,
        }),
        ratio: evidence.and_then(|of| of.ratio),
        ratio_low: evidence.and_then(|of| of.interval).map(|of| of.low),
        ratio_high: evidence.and_then(|of| of.interval).map(|of| of.high),
        p: evidence.and_then(|of| of.p()),
        difference,
        would_be_seen: evidence.filter(|_| is_open).and_then(|of| of.would_be_seen(level)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::group::groups;
    use crate::results::{Mode, Results, SummaryRow, Verdict};

    /// A strategy in five blocks: what the machine does to a block it does to all, and a little is each run's own.
    fn repeats(label: &str, p99: f64, own: [f64; 5]) -> Vec<SummaryRow> {
        let row = |(block, own): (u32, f64)| {
            let mut row = SummaryRow {
                cell: format!("r{block}-{label}"),
                strategy: label.into(),
                strategy_name: label.into(),
                topology: "single".into(),
                repeat: block,
                block,
                mode: Mode::Open,
                operations: 1_000,
                ..SummaryRow::default()
            };
            row.read_response.p99_us = Some(p99 * own * (1.0 + 0.4 * f64::from(block)));
            row.judgement.verdict = Some(Verdict::Kept);
            row
        };
        (1..).zip(own).map(row).collect()
    }

    fn of(rows: &[StatisticsRow], strategy: &str, figure: &str) -> StatisticsRow {
        rows.iter().find(|row| row.strategy == strategy && row.figure == figure).unwrap().clone()
    }

    #[test]
    fn a_figure_stands_with_its_interval_beside_no_cache_and_beside_the_best() {
        let mut summary = repeats("no-cache", 2_000.0, [1.0, 1.01, 0.99, 1.02, 1.0]);
        summary.extend(repeats("cache-aside", 1_000.0, [1.01, 1.0, 1.0, 0.99, 1.01]));
        summary.extend(repeats("read-through", 1_003.0, [0.99, 1.02, 1.0, 1.0, 1.0]));
        let results = Results { summary, ..Results::default() };
        let groups = groups(&results).unwrap();
        let rows = rows(&groups);

        let cached = of(&rows, "cache-aside", "read.p99");
        assert!(
            cached.low.unwrap() < cached.estimate && cached.estimate < cached.high.unwrap(),
            "{cached:?}"
        );
        assert_eq!((cached.control.label.as_str(), cached.control.pairs), ("no-cache", Some(5)));
        assert_eq!(cached.control.difference, Some(Difference::Better));
        assert!((cached.control.ratio.unwrap() - 0.5).abs() < 0.01, "{cached:?}");
        // The machine went from one speed to more than twice that, which is no part of the ratio.
        assert!(cached.control.ratio_high.unwrap() / cached.control.ratio_low.unwrap() < 1.1, "{cached:?}");
        assert_eq!((cached.best.label.as_str(), cached.best.difference), ("", None), "it is the best");

        let twin = of(&rows, "read-through", "read.p99");
        assert_eq!(
            (twin.best.label.as_str(), twin.best.difference),
            ("cache-aside", Some(Difference::NotShown))
        );
        assert!((0.01..0.2).contains(&twin.best.would_be_seen.unwrap()), "{twin:?}");
        let control = of(&rows, "no-cache", "read.p99");
        assert_eq!((control.control.label.as_str(), control.best.difference), ("", Some(Difference::Worse)));
    }

    #[test]
    fn two_repeats_have_a_ratio_and_show_nothing() {
        let mut summary = repeats("no-cache", 2_000.0, [1.0; 5]);
        summary.extend(repeats("cache-aside", 1_000.0, [1.0; 5]));
        summary.retain(|row| row.block < 3);
        let results = Results { summary, ..Results::default() };
        let groups = groups(&results).unwrap();
        let cached = of(&rows(&groups), "cache-aside", "read.p99");
        assert_eq!((cached.low, cached.control.difference), (None, Some(Difference::TooFew)));
        assert!((cached.control.ratio.unwrap() - 0.5).abs() < 1e-9 && cached.control.ratio_low.is_none());
    }
}
