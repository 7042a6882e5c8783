//! Runs compared: for every strategy what got better, what got worse, and what the data do not show.
//!
//! Figures are those of `criteria`, each with the ratio of its repeats and the interval of that. What is called better or
//! worse is settled over all figures of all runs together.

pub mod likeness;
pub mod markdown;
pub mod page;
pub mod terminal;
mod words;

use crate::report::format;
use crate::report::group::{Group, StrategyRepeats, groups, short_swept};
use crate::report::headline::Headline;
use crate::report::judge::{self, FigureChange, FigureEvidence, Finding, Pairing};
use crate::report::safety::{Safety, held};
use crate::results::{Results, ResultsError, Status, SummaryRow, Verdict, named};

/// The figures that are compared: what users feel, what the stores bear, what goes wrong.
const COMPARED: &[&str] = &[
    "throughput",
    "read.p50",
    "read.p99",
    "write.p99",
    "failed",
    "hit_rate",
    "database.reads_per_op",
    "cache.commands_per_op",
    "at_risk",
    "stale_share",
    "lost",
    "corrupt",
];

/// More runs than there are letters to call them by are not compared.
pub const MOST_RUNS: usize = 26;

/// A run that is compared with others.
#[derive(Debug)]
pub struct RunToCompare {
    /// Where it is from, as the user named it.
    pub source: String,
    /// The results that it left.
    pub results: Results,
}

/// The ways to deal with runs that were not asked for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlike {
    /// They are not compared.
    Refuse,
    /// They are compared, and it is said beside every figure.
    CompareAnyway,
}

/// Runs could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A run does not read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// They were not asked for the same.
    #[error(
        "{before} and {after} were not asked for the same, so that a difference between them means nothing:\n  {}\nrun both with the same dataset, operations and phases, or compare them --anyway, which every output then says first",
        what.join("\n  ")
    )]
    Unlike {
        /// Where the first run is from.
        before: String,
        /// Where the other is from.
        after: String,
        /// The differences.
        what: Vec<String>,
    },
    /// No strategy on a topology was measured in both.
    #[error(
        "{before} and {after} have no strategy on a topology in common with the same swept values, so there is nothing to compare"
    )]
    NothingInCommon {
        /// Where the first run is from.
        before: String,
        /// Where the other is from.
        after: String,
    },
}

/// Runs compared with the first of them.
#[derive(Debug)]
pub struct Comparison {
    /// The runs, by letter.
    pub runs: Vec<ComparedRun>,
    /// The changes of each run but the first.
    pub changes: Vec<RunChange>,
}

/// A run and the letter that it is called by.
#[derive(Debug)]
pub struct ComparedRun {
    /// A for the one that the others are compared with.
    pub letter: char,
    /// Where it is from.
    pub source: String,
    /// Its scenario, when it ran and by which hotset.
    pub about: String,
    /// The command that repeats it often enough to tell.
    command_that_tells: String,
}

/// The changes from the first run to another.
#[derive(Debug)]
pub struct RunChange {
    /// The letter of the other.
    pub letter: char,
    /// Why a difference may mean nothing; only with [`Unlike::CompareAnyway`].
    pub contradictions: Vec<String>,
    /// The other differences between them.
    pub differences: Vec<String>,
    /// Every strategy that both measured.
    pub rows: Vec<RowChange>,
    /// The strategies of which something got worse that is no figure, each with what: it could not be run any more, more of
    /// its runs failed, or it did not hold its guarantee any more.
    pub setbacks: Vec<String>,
    /// Strategies that only the first run has.
    pub only_before: Vec<String>,
    /// Strategies that only the second run has.
    pub only_after: Vec<String>,
}

/// The changes of a strategy on a topology and its swept values.
#[derive(Debug)]
pub struct RowChange {
    /// The name of the row, as in `cache-aside on single, exponent = 0.8`.
    pub name: String,
    /// The way in which most of its figures were held against each other.
    pub pairing: Pairing,
    /// The doubts about its figures in either run; empty where there are none.
    pub doubts: String,
    /// Its figures.
    pub figures: Vec<FigureChange>,
}

/// The number of figures by finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FindingCounts {
    /// Those that got worse.
    pub worse: usize,
    /// Those that got better.
    pub better: usize,
    /// Those of which no difference is shown.
    pub not_shown: usize,
    /// Those of too few repeats.
    pub too_few: usize,
    /// Those that only one of the runs measured.
    pub of_one: usize,
}

/// Compares the first run with each of the others.
///
/// # Errors
/// Where they were not asked for the same and that is refused, have nothing in common, or an interval log does not read.
pub fn compare(runs: &[RunToCompare], unlike: Unlike) -> Result<Comparison, CompareError> {
    let letters = || ('A'..='Z').take(MOST_RUNS);
    let mut changes = Vec::new();
    if let Some((first, others)) = runs.split_first() {
        let before = groups(&first.results)?;
        for (letter, other) in letters().skip(1).zip(others) {
            changes.push(change(first, &before, other, letter, unlike)?);
        }
    }
    let mut figures: Vec<&mut FigureChange> =
        changes.iter_mut().flat_map(|change| &mut change.rows).flat_map(|row| &mut row.figures).collect();
    judge::settle(&mut figures);
    let runs = letters().zip(runs).map(|(letter, run)| compared_run(letter, run)).collect();
    Ok(Comparison { runs, changes })
}

fn compared_run(letter: char, run: &RunToCompare) -> ComparedRun {
    let info = &run.results.run;
    let commit = info.commit.as_ref().map_or_else(String::new, |commit| format!(", commit {commit}"));
    ComparedRun {
        letter,
        source: run.source.clone(),
        about: format!("{}, {}, hotset {}{commit}", info.name, format::date(&info.started_utc), info.version),
        command_that_tells: info.command_with_enough_repeats(),
    }
}

fn change(
    first: &RunToCompare,
    before: &[Group<'_>],
    other: &RunToCompare,
    letter: char,
    unlike: Unlike,
) -> Result<RunChange, CompareError> {
    let contradictions = likeness::contradictions(&first.results, &other.results, ('A', letter));
    let sources = || (first.source.clone(), other.source.clone());
    if unlike == Unlike::Refuse && !contradictions.is_empty() {
        let (before, after) = sources();
        return Err(CompareError::Unlike { before, after, what: contradictions });
    }
    let after = groups(&other.results)?;
    let mut change = RunChange {
        letter,
        contradictions,
        differences: likeness::differences(&first.results, &other.results, ('A', letter)),
        rows: Vec::new(),
        setbacks: Vec::new(),
        only_before: Vec::new(),
        only_after: Vec::new(),
    };
    for (group, entry) in entries(before) {
        let twin = entries(&after).find(|(other, twin)| {
            (twin.label, other.topology, other.swept) == (entry.label, group.topology, group.swept)
        });
        match twin {
            None => change.only_before.push(row_name(group, entry)),
            Some((_, twin)) if entry.measured.is_empty() || twin.measured.is_empty() => {
                note_unmeasured(&mut change, row_name(group, entry), entry, twin);
            }
            Some((_, twin)) => {
                let name = row_name(group, entry);
                let setbacks = [more_failed(entry, twin), guarantee_broken(entry, twin)];
                change.setbacks.extend(setbacks.into_iter().flatten().map(|what| format!("{name}: {what}")));
                change.rows.push(row(name, entry, twin, letter));
            }
        }
    }
    let is_known = |group: &Group<'_>, entry: &StrategyRepeats<'_>| {
        entries(before).any(|(other, twin)| {
            (twin.label, other.topology, other.swept) == (entry.label, group.topology, group.swept)
        })
    };
    let new = entries(&after).filter(|(group, entry)| !is_known(group, entry));
    change.only_after.extend(new.map(|(group, entry)| row_name(group, entry)));
    if change.rows.is_empty() && change.setbacks.is_empty() {
        let (before, after) = sources();
        return Err(CompareError::NothingInCommon { before, after });
    }
    Ok(change)
}

fn entries<'a, 'b>(
    groups: &'a [Group<'b>],
) -> impl Iterator<Item = (&'a Group<'b>, &'a StrategyRepeats<'b>)> {
    groups.iter().flat_map(|group| group.entries.iter().map(move |entry| (group, entry)))
}

fn row_name(group: &Group<'_>, entry: &StrategyRepeats<'_>) -> String {
    let swept = short_swept(group.swept, " = ", ", ");
    let swept = if swept.is_empty() { swept } else { format!(", {swept}") };
    format!("{} on {}{swept}", entry.label, group.topology)
}

/// A strategy that could not be run in one of the runs, or in both, which is no news.
fn note_unmeasured(
    change: &mut RunChange,
    name: String,
    before: &StrategyRepeats<'_>,
    after: &StrategyRepeats<'_>,
) {
    match (before.measured.is_empty(), after.measured.is_empty()) {
        (false, _) => {
            change.setbacks.push(format!("{name}: could not be run: {}", reason_of_failure(after)));
        }
        (true, false) => change.only_after.push(name),
        (true, true) => {}
    }
}

fn reason_of_failure<'a>(entry: &StrategyRepeats<'a>) -> &'a str {
    entry.failed.first().map_or("", |row| row.reason.as_str())
}

/// That a larger share of the runs failed: the figures are of those that did not.
fn more_failed(before: &StrategyRepeats<'_>, after: &StrategyRepeats<'_>) -> Option<String> {
    let runs = |entry: &StrategyRepeats<'_>| (entry.failed.len(), entry.cells().count());
    let ((failed_before, all_before), (failed, all)) = (runs(before), runs(after));
    (failed * all_before > failed_before * all).then(|| {
        format!(
            "{failed} of {all} runs failed, and {failed_before} of {all_before} in A: {}",
            reason_of_failure(after)
        )
    })
}

/// That a guarantee is broken which was not. A control is there to break its own.
fn guarantee_broken(before: &StrategyRepeats<'_>, after: &StrategyRepeats<'_>) -> Option<String> {
    let verdict = |entry: &StrategyRepeats<'_>| Safety::of(entry).and_then(|safety| safety.verdict);
    let was = verdict(before).map_or("not looked at", held);
    let is_broken =
        |row: &&&SummaryRow| row.judgement.verdict == Some(Verdict::Broken) && row.control.is_none();
    let first = after.measured.iter().find(is_broken)?;
    (verdict(before) != Some(Verdict::Broken))
        .then(|| format!("its guarantee was {was} in A and is broken: {}", first.judgement.verdict_reason))
}

fn row(name: String, before: &StrategyRepeats<'_>, after: &StrategyRepeats<'_>, letter: char) -> RowChange {
    let digest = |entry: &StrategyRepeats<'_>, block: u32| {
        let row = entry.measured.iter().find(|row| row.block == block)?;
        Some(row.stream.stream_digest.clone())
    };
    let is_twin = |block| digest(before, block).is_some_and(|of| Some(of) == digest(after, block));
    let figure = |name: &&str| {
        let figure = named(name)?;
        let (ours, theirs) = (figure.of(before), figure.of(after));
        let evidence = (ours.is_some() && theirs.is_some())
            .then(|| FigureEvidence::weigh(&figure.by_block(before), &figure.by_block(after), is_twin));
        (ours.is_some() || theirs.is_some()).then_some(FigureChange {
            figure,
            before: ours,
            after: theirs,
            evidence,
            // Until all figures are settled together.
            finding: Finding::NotShown,
        })
    };
    let figures: Vec<FigureChange> = COMPARED.iter().filter_map(figure).collect();
    let pairing = figures.iter().find_map(|figure| figure.evidence).map(|evidence| evidence.pairing);
    RowChange {
        name,
        pairing: pairing.unwrap_or(Pairing::TooFew(before.measured.len(), after.measured.len())),
        doubts: doubts(before, after, letter),
        figures,
    }
}

/// `A: 2/5 disturbed; B: overloaded`.
fn doubts(before: &StrategyRepeats<'_>, after: &StrategyRepeats<'_>, letter: char) -> String {
    let of = |letter: char, entry: &StrategyRepeats<'_>| {
        let status = Headline::of(entry).status.replace('\n', ", ");
        (status != Status::Ok.name()).then(|| format!("{letter}: {status}"))
    };
    let both: Vec<String> = of('A', before).into_iter().chain(of(letter, after)).collect();
    both.join("; ")
}

impl RunChange {
    /// Counts its figures by finding.
    #[must_use]
    pub fn counts(&self) -> FindingCounts {
        let mut counts = FindingCounts::default();
        for figure in self.rows.iter().flat_map(|row| &row.figures) {
            match figure.finding {
                Finding::Worse => counts.worse += 1,
                Finding::Better => counts.better += 1,
                Finding::NotShown => counts.not_shown += 1,
                Finding::TooFew => counts.too_few += 1,
                Finding::OnlyBefore | Finding::OnlyAfter => counts.of_one += 1,
            }
        }
        counts
    }
}

impl Comparison {
    /// Whatever got worse by more than this share of what it was, what is no figure and got worse, and what was not run any
    /// more: of that nobody knows.
    #[must_use]
    pub fn regressions(&self, share: f64) -> Vec<String> {
        let mut all = Vec::new();
        for change in &self.changes {
            for row in &change.rows {
                let worse = row.figures.iter().filter(|figure| figure.is_worse_by(share));
                all.extend(
                    worse.map(|figure| format!("{}, {}: {}", change.letter, row.name, figure.sentence())),
                );
            }
            all.extend(change.setbacks.iter().map(|setback| format!("{}, {setback}", change.letter)));
            all.extend(change.only_before.iter().map(|row| format!("{} did not run {row}", change.letter)));
        }
        all
    }
}
