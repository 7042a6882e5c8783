//! What a chart answers, in a sentence made from the data. Where the data do not tell strategies apart, no winner is named.

use std::collections::HashMap;

use super::candidates::{candidates, failures_worth_naming};
use super::format;
use super::group::{Group, StrategyRepeats};
use super::judge::{self, FigureEvidence};
use super::safety;
use crate::results::{Criterion, Over, Unit, named};

/// A figure that a chart compares.
#[derive(Debug, Clone, Copy)]
pub(super) struct ComparedFigure {
    /// Its name in `criteria`.
    pub figure: &'static str,
    /// The words on the best: `reads the database least`.
    pub wins: &'static str,
    /// The words on figures that are alike: `database reads`.
    pub what: &'static str,
}

/// The database's work and the reads that users wait for.
pub(super) const WORK_AND_READS: &[ComparedFigure] = &[
    ComparedFigure {
        figure: "database.reads_per_op",
        wins: "reads the database least",
        what: "database reads for each answered operation",
    },
    ComparedFigure { figure: "read.p50", wins: "has the fastest median read", what: "the median read" },
    ComparedFigure { figure: "read.p99", wins: "has the fastest p99 of reads", what: "the p99 of reads" },
];

/// More strategies than this are not named in one sentence.
const NAMED: usize = 3;

/// Who is best in each figure among no cache and the strategies that may be proposed; `None` where there is nothing to compare.
#[must_use]
pub(super) fn winners(group: &Group<'_>, comparisons: &[ComparedFigure]) -> Option<String> {
    let mut entries = candidates(group);
    entries.extend(group.entries.iter().filter(|entry| entry.is_reference() && !entry.measured.is_empty()));
    let mut set_aside: Vec<&str> = Vec::new();
    let mut won: Vec<(usize, Vec<String>)> = Vec::new();
    let mut open: Vec<(Vec<usize>, Vec<String>)> = Vec::new();
    for comparison in comparisons {
        let Some(figure) = named(comparison.figure) else { continue };
        let leading = leaders(&entries, figure);
        if let Some(best) = leading.first() {
            let better = better_than(group, figure, entries[*best]);
            set_aside.extend(better.filter(|label| entries.iter().all(|entry| entry.label != *label)));
        }
        let all_are_alike = nobody_is_told_apart(&entries, figure, &leading);
        let named = if all_are_alike { leading.clone() } else { at_the_top(&entries, figure, &leading) };
        match named.as_slice() {
            [] => {}
            [best] => {
                let beside: Vec<&str> =
                    leading.iter().filter(|at| *at != best).map(|at| entries[*at].label).collect();
                let unsure = if beside.is_empty() {
                    String::new()
                } else {
                    format!(", though not told for certain from {}", few(&beside))
                };
                let won_by = format!("{} ({}){unsure}", comparison.wins, figure.show(entries[*best]));
                add(&mut won, *best, won_by);
            }
            alike => match open.iter_mut().find(|(known, _)| are_the_same(known, alike)) {
                Some((_, what)) => what.push(comparison.what.to_owned()),
                None => open.push((alike.to_vec(), vec![comparison.what.to_owned()])),
            },
        }
    }
    let won = won.into_iter().map(|(best, what)| praise(entries[best], &what));
    let open = open.into_iter().map(|(alike, what)| not_told_apart(&entries, &alike, &what));
    set_aside.sort_unstable();
    set_aside.dedup();
    let aside = (!set_aside.is_empty())
        .then(|| format!("set aside, as overloaded, failing or without its guarantee: {}", few(&set_aside)));
    let parts: Vec<String> = won.chain(open).chain(aside).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// The strategies whose value is better than that of one.
fn better_than<'a>(
    group: &'a Group<'_>,
    figure: &'a Criterion,
    one: &'a StrategyRepeats<'_>,
) -> impl Iterator<Item = &'a str> {
    let bar = figure.of(one).map(|of| of.value);
    group.entries.iter().filter_map(move |entry| {
        let is_better = figure.better.order(figure.of(entry)?.value, bar?).is_lt();
        is_better.then_some(entry.label)
    })
}

/// Praises a strategy, and names beside that what a crash would cost and what it did not answer at all.
fn praise(entry: &StrategyRepeats<'_>, what: &[String]) -> String {
    let risk = named("at_risk").and_then(|figure| figure.of(entry)).map_or(0.0, |of| of.value);
    let risk = (risk > 0.0).then(|| format!("up to {} writes at risk", format::count(risk)));
    let failed = failures_worth_naming(entry)
        .map(|failed| format!("{} of its operations failed", safety::percent(failed)));
    let beside: Vec<String> = risk.into_iter().chain(failed).collect();
    let beside = if beside.is_empty() { String::new() } else { format!(", with {},", format::list(&beside)) };
    format!("{}{beside} {}", entry.label, format::list(what))
}

fn not_told_apart(entries: &[&StrategyRepeats<'_>], alike: &[usize], what: &[String]) -> String {
    let what = format::list(what);
    if alike.len() == entries.len() {
        return format!("no difference shown in {what}");
    }
    let labels: Vec<&str> = alike.iter().map(|at| entries[*at].label).collect();
    format!("best in {what}, with no difference shown between them: {}", few(&labels))
}

fn add<K: PartialEq, V>(all: &mut Vec<(K, Vec<V>)>, key: K, value: V) {
    match all.iter_mut().find(|(known, _)| *known == key) {
        Some((_, values)) => values.push(value),
        None => all.push((key, vec![value])),
    }
}

/// Returns true if two lists name the same, in whatever order.
fn are_the_same(one: &[usize], other: &[usize]) -> bool {
    one.len() == other.len() && one.iter().all(|at| other.contains(at))
}

/// Rates that differ by a larger factor are not the same load.
const SAME_RATE: f64 = 1.01;

/// Returns true if strategies may be held against each other by a figure: by what depends on how much is asked only where all
/// were asked as much, as in a search they are not.
#[must_use]
pub(super) fn are_comparable(figure: &Criterion, entries: &[&StrategyRepeats<'_>]) -> bool {
    // A Poisson process offers another rate in each block, and the same to all strategies of one.
    let mut of_block: HashMap<u32, (f64, f64)> = HashMap::new();
    for row in entries.iter().flat_map(|entry| &entry.measured) {
        let Some(rate) = row.offered_per_s else { continue };
        let (lowest, highest) = of_block.entry(row.block).or_insert((rate, rate));
        (*lowest, *highest) = (lowest.min(rate), highest.max(rate));
    }
    !figure.is_of_the_load || of_block.values().all(|(lowest, highest)| *highest <= SAME_RATE * lowest)
}

/// The places of the best and of all that the data do not tell from it; none where fewer than two have the figure, and where
/// they may not be held against each other by it.
#[must_use]
pub(super) fn leaders(entries: &[&StrategyRepeats<'_>], figure: &Criterion) -> Vec<usize> {
    let mut known: Vec<(usize, f64)> =
        entries.iter().enumerate().filter_map(|(at, entry)| Some((at, figure.of(entry)?.value))).collect();
    known.sort_by(|a, b| figure.better.order(a.1, b.1));
    match known.as_slice() {
        [] | [_] => Vec::new(),
        _ if !are_comparable(figure, entries) => Vec::new(),
        [(best, _), rest @ ..] => {
            let others: Vec<&StrategyRepeats<'_>> = rest.iter().map(|(at, _)| entries[*at]).collect();
            let apart = told_apart(figure, entries[*best], &others);
            let alike = rest.iter().zip(apart).filter(|(_, apart)| !apart).map(|((at, _), _)| *at);
            std::iter::once(*best).chain(alike).collect()
        }
    }
}

/// The labels of the strategies that may be proposed and are best in a figure, and of those next to them that the data do not
/// tell from these; none where the data tell nobody apart, nor where no cache at all is better.
#[must_use]
pub(super) fn best<'a>(group: &'a Group<'_>, figure: &Criterion) -> Vec<&'a str> {
    let entries = candidates(group);
    if is_less_for_what_failed(figure, &entries) {
        return Vec::new();
    }
    let leading = leaders(&entries, figure);
    // Where nothing is told apart, nobody is best; nor is who stands alone.
    if nobody_is_told_apart(&entries, figure, &leading) {
        return Vec::new();
    }
    let at_the_top = at_the_top(&entries, figure, &leading);
    let value = |entry: &StrategyRepeats<'_>| figure.of(entry).map(|of| of.value);
    let reference = group.entries.iter().find(|entry| entry.is_reference() && !entry.measured.is_empty());
    let first = at_the_top.first().map(|at| entries[*at]);
    match (reference.and_then(value), first.and_then(value)) {
        (Some(without), Some(first)) if figure.better.order(without, first).is_lt() => Vec::new(),
        _ => at_the_top.into_iter().map(|at| entries[at].label).collect(),
    }
}

/// Returns true if the data tell none of those that have a figure from the best.
fn nobody_is_told_apart(entries: &[&StrategyRepeats<'_>], figure: &Criterion, leading: &[usize]) -> bool {
    leading.len() == entries.iter().filter(|entry| figure.of(entry).is_some()).count()
}

/// Of the best and those that the data do not tell from it the ones at the top: nobody behind one who is told from the best, or so
/// far off that only much noise hides the difference, which is no reason to praise.
fn at_the_top(entries: &[&StrategyRepeats<'_>], figure: &Criterion, leading: &[usize]) -> Vec<usize> {
    let value = |at: usize| figure.of(entries[at]).map(|of| of.value);
    let first = leading.first().and_then(|at| value(*at)).unwrap_or(0.0);
    let is_near = |at: usize| {
        first <= 0.0 || value(at).is_some_and(|value| value <= NEAR * first && first <= NEAR * value)
    };
    let mut known: Vec<usize> = (0..entries.len()).filter(|at| value(*at).is_some()).collect();
    known.sort_by(|a, b| figure.better.order(value(*a).unwrap_or(0.0), value(*b).unwrap_or(0.0)));
    known.into_iter().take_while(|at| leading.contains(at) && is_near(*at)).collect()
}

/// What is counted by the second or the month is less where less was answered, which is no merit.
fn is_less_for_what_failed(figure: &Criterion, entries: &[&StrategyRepeats<'_>]) -> bool {
    let is_of_time = matches!(figure.unit, Unit::Micros | Unit::Seconds);
    figure.is_of_the_load && !is_of_time && entries.iter().any(|entry| failures_worth_naming(entry).is_some())
}

/// Who is so many times as far from the best is not named beside it, though the repeats may not tell the two apart.
pub(super) const NEAR: f64 = 1.5;

/// Which of the others the data tell from one that was chosen among all of them by this figure: by their ratio in each block, or
/// their difference where it is 0 in some.
#[must_use]
pub(super) fn told_apart(
    figure: &Criterion,
    chosen: &StrategyRepeats<'_>,
    others: &[&StrategyRepeats<'_>],
) -> Vec<bool> {
    let evidence = evidence(figure, chosen, others);
    let is_typical = match figure.over {
        Over::Percentile(..) | Over::Quotient(..) | Over::Mean => true,
        // What is 0 in one repeat and not in another is told by its sum or its highest.
        Over::Sum | Over::Highest => false,
    };
    let apart = judge::told_apart(&evidence);
    evidence.iter().zip(apart).map(|(of, apart)| apart && (is_typical || of.interval.is_some())).collect()
}

/// How large a difference of each of the others from one that was chosen among all of them would have been seen; `None` where there
/// are too few repeats to tell.
#[must_use]
pub(super) fn would_be_seen(
    figure: &Criterion,
    chosen: &StrategyRepeats<'_>,
    others: &[&StrategyRepeats<'_>],
) -> Vec<Option<f64>> {
    let evidence = evidence(figure, chosen, others);
    let level = judge::level_of_one_more(&evidence);
    evidence.iter().map(|of| of.would_be_seen(level)).collect()
}

fn evidence(
    figure: &Criterion,
    chosen: &StrategyRepeats<'_>,
    others: &[&StrategyRepeats<'_>],
) -> Vec<FigureEvidence> {
    let weigh = |other: &&StrategyRepeats<'_>| {
        FigureEvidence::within_run(figure, chosen, other).of_a_choice(others.len() + 1)
    };
    others.iter().map(weigh).collect()
}

/// The answers of several topologies, each with its name; of a single one without.
#[must_use]
pub(super) fn by_topology(
    groups: &[&Group<'_>],
    answer: impl Fn(&Group<'_>) -> Option<String>,
) -> Option<String> {
    let answers: Vec<(&str, String)> =
        groups.iter().filter_map(|group| Some((group.topology, answer(group)?))).collect();
    match answers.as_slice() {
        [] => None,
        [(_, only)] => Some(only.clone()),
        several => {
            let parts: Vec<String> = several.iter().map(|(name, text)| format!("{name}: {text}")).collect();
            Some(parts.join(". "))
        }
    }
}

/// The first few names, and how many more there are.
#[must_use]
pub(super) fn few(labels: &[&str]) -> String {
    let quoted: Vec<String> = labels.iter().map(|label| format::quoted(label).into_owned()).collect();
    few_phrases(&quoted)
}

/// The same of phrases, in which labels that need quotes have them.
#[must_use]
pub(super) fn few_phrases(phrases: &[String]) -> String {
    let mut shown: Vec<String> = phrases.iter().take(NAMED).cloned().collect();
    let more = phrases.len().saturating_sub(NAMED);
    shown.extend((more > 0).then(|| format!("{more} more")));
    format::list(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::group::groups;
    use crate::report::made_up::run_of;
    use crate::results::{Results, SummaryRow};

    /// The strategies that are best in a figure, of these database reads in each block.
    fn best_of(
        figure: &str,
        strategies: &[(&str, [u64; 5])],
        change: impl Fn(&mut SummaryRow),
    ) -> Vec<String> {
        let results = results(strategies, change);
        let groups = groups(&results).unwrap();
        best(&groups[0], named(figure).unwrap()).into_iter().map(str::to_owned).collect()
    }

    fn results(strategies: &[(&str, [u64; 5])], change: impl Fn(&mut SummaryRow)) -> Results {
        let mut results = Results::default();
        for (label, reads) in strategies {
            for (block, db_reads) in (1..).zip(reads) {
                let mut row = run_of(label, block);
                row.calls.db_reads = *db_reads;
                change(&mut row);
                results.summary.push(row);
            }
        }
        results
    }

    #[test]
    fn a_noisy_strategy_behind_one_that_is_worse_for_certain_is_not_named_among_the_best() {
        let compared = [ComparedFigure {
            figure: "database.reads_per_op",
            wins: "reads the database least",
            what: "database reads",
        }];
        let told = |strategies: &[(&str, [u64; 5])]| {
            winners(&groups(&results(strategies, |_| {})).unwrap()[0], &compared)
        };
        let twin = ("read-through", [100, 102, 99, 101, 102]);
        assert_eq!(
            told(&[NOISY, MORE, LEAST]).unwrap(),
            "lease reads the database least (0.1), though not told for certain from xfetch"
        );
        assert_eq!(told(&[MORE, LEAST]).unwrap(), "lease reads the database least (0.1)");
        assert_eq!(
            told(&[NOISY, twin, MORE, LEAST]).unwrap(),
            "best in database reads, with no difference shown between them: lease and read-through"
        );
        assert_eq!(told(&[twin, LEAST]).unwrap(), "no difference shown in database reads");
    }

    #[test]
    fn nobody_is_marked_as_the_best_where_no_cache_is_better() {
        let without = |reads: u64| {
            move |row: &mut SummaryRow| {
                if row.strategy == "no-cache" {
                    row.calls.db_reads = reads;
                }
            }
        };
        let all = [("no-cache", [1; 5]), MORE, LEAST];
        assert_eq!(best_of("database.reads_per_op", &all, without(1_000)), ["lease"]);
        assert_eq!(best_of("database.reads_per_op", &all, without(50)), Vec::<String>::new());
    }

    const LEAST: (&str, [u64; 5]) = ("lease", [100, 101, 99, 100, 102]);
    const MORE: (&str, [u64; 5]) = ("cache-aside", [120, 121, 119, 120, 122]);
    /// Worse in the mean than what is told from the best, and too noisy to be told from it.
    const NOISY: (&str, [u64; 5]) = ("xfetch", [60, 210, 70, 190, 115]);

    #[test]
    fn the_best_is_marked_and_what_is_alike_next_to_it_and_nobody_behind_one_who_is_told_from_it() {
        let best_of = |strategies: &[(&str, [u64; 5])]| best_of("database.reads_per_op", strategies, |_| {});
        assert_eq!(best_of(&[MORE, LEAST]), ["lease"]);
        assert_eq!(best_of(&[NOISY, MORE, LEAST]), ["lease"]);
        let twin = ("read-through", [101, 100, 100, 99, 102]);
        let mut alike = best_of(&[MORE, twin, LEAST]);
        alike.sort();
        assert_eq!(alike, ["lease", "read-through"]);
        assert_eq!(
            best_of(&[twin, LEAST]),
            Vec::<String>::new(),
            "where nobody is told apart nobody is best"
        );
    }

    #[test]
    fn who_did_less_since_more_failed_is_not_the_best_by_the_second() {
        let broken = |errors: u64| {
            move |row: &mut SummaryRow| {
                row.outages.read_outage_s = Some(1.0);
                row.answers.errors = if row.strategy == "lease" { errors } else { 0 };
            }
        };
        assert_eq!(best_of("database.reads_per_s", &[MORE, LEAST], broken(0)), ["lease"]);
        assert_eq!(best_of("database.reads_per_s", &[MORE, LEAST], broken(300)), Vec::<String>::new());
    }
}
