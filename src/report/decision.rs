//! What a run says to somebody who has to decide: a few sentences, each with its numbers. The page begins with them, and the
//! terminal ends with them.
//!
//! No strategy is put before another by one figure alone: what it saves stands beside what users feel, and what it risks
//! beside both.

use std::fmt::Write as _;

use super::candidates::candidates;
use super::cost;
use super::format;
use super::group::{Group, StrategyRepeats, ends, short_swept};
use super::safety;
use super::stats::{REPEATS_FOR_INTERVAL, Ratio, paired_ratio};
use crate::results::{Criterion, Mode, Status, SummaryRow, named};

/// What kind of thing a sentence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// What a strategy gains.
    Gain,
    /// What it costs or risks.
    Cost,
    /// What the data do not show.
    Doubt,
}

impl Tone {
    /// The sign before the sentence.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Gain => "●",
            Self::Cost => "▲",
            Self::Doubt => "○",
        }
    }

    /// Its word, for those who do not see the sign.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Gain => "gain",
            Self::Cost => "cost",
            Self::Doubt => "doubt",
        }
    }
}

/// One thing to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// What kind of thing it is.
    pub tone: Tone,
    /// The sentence.
    pub text: String,
}

/// The sentences on one topology and set of swept values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionPart {
    /// Which; empty where there is but one.
    pub heading: String,
    /// What is to be known of it.
    pub sentences: Vec<Sentence>,
}

/// More strategies than this are not named in one sentence.
const NAMED: usize = 3;
/// More groups than this are left to their own sections.
const GROUPS: usize = 4;

/// The sentences on every topology; of a sweep, those on its ends.
#[must_use]
pub fn of(groups: &[Group<'_>]) -> Vec<DecisionPart> {
    let several = groups.len() > 1;
    let part = |group: &Group<'_>| DecisionPart {
        heading: if several { name(group) } else { String::new() },
        sentences: sentences(group),
    };
    told(groups).into_iter().map(part).collect()
}

/// The groups that the decision is about: of each topology the first and the last swept values, as long as they are few.
#[must_use]
pub fn told<'a, 'b>(groups: &'a [Group<'b>]) -> Vec<&'a Group<'b>> {
    let of_topology = |(first, last): (&'a Group<'b>, &'a Group<'b>)| {
        [Some(first), Some(last).filter(|last| last.swept != first.swept)].into_iter().flatten()
    };
    ends(groups).into_iter().flat_map(of_topology).take(GROUPS).collect()
}

/// The topology and the swept values of a group.
#[must_use]
pub fn name(group: &Group<'_>) -> String {
    let swept = short_swept(group.swept, " = ", ", ");
    if swept.is_empty() { group.topology.to_owned() } else { format!("{}, {swept}", group.topology) }
}

/// The sentences on one group.
#[must_use]
pub fn sentences(group: &Group<'_>) -> Vec<Sentence> {
    let mut all = Vec::new();
    let mut say = |tone, text: Option<String>| all.extend(text.map(|text| Sentence { tone, text }));
    let reference = group.entries.iter().find(|entry| entry.is_reference() && !entry.measured.is_empty());
    for entry in worth_naming(group) {
        say(Tone::Gain, Some(gain(group, entry, reference)));
    }
    for entry in &group.entries {
        say(Tone::Cost, safety::sentence(entry));
    }
    say(Tone::Gain, cost::cheapest(group));
    say(Tone::Cost, at_risk(group));
    say(Tone::Cost, stale(group));
    say(Tone::Cost, failed(group));
    say(Tone::Doubt, overloaded(group));
    say(Tone::Doubt, not_shown(group));
    say(Tone::Doubt, impaired(group));
    say(Tone::Doubt, disturbed(group));
    say(Tone::Doubt, warming(group));
    say(Tone::Doubt, few_repeats(group));
    all
}

fn value(entry: &StrategyRepeats<'_>, name: &str) -> Option<f64> {
    named(name)?.of(entry).map(|of| of.value)
}

fn show(entry: &StrategyRepeats<'_>, name: &str) -> String {
    named(name).map_or_else(String::new, |figure| figure.show(entry))
}

/// The candidate that asks the database least, the one whose median read is quickest, and, where one of these holds writes
/// back, the one that asks the database least among those that do not.
fn worth_naming<'a, 'b>(group: &'a Group<'b>) -> Vec<&'a StrategyRepeats<'b>> {
    let candidates = candidates(group);
    let holds_nothing = |entry: &&StrategyRepeats<'_>| value(entry, "at_risk").unwrap_or(0.0) <= 0.0;
    let least = |of: &[&'a StrategyRepeats<'b>], figure: &str| {
        let known = of.iter().filter_map(|entry| Some((*entry, value(entry, figure)?)));
        known.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(entry, _)| entry)
    };
    let sound: Vec<_> = candidates.iter().copied().filter(|entry| holds_nothing(entry)).collect();
    let mut chosen: Vec<&StrategyRepeats<'b>> = Vec::new();
    let all = [
        least(&sound, "database.reads_per_op"),
        least(&candidates, "database.reads_per_op"),
        least(&candidates, "read.p50"),
    ];
    for entry in all.into_iter().flatten() {
        if chosen.iter().all(|other| other.label != entry.label) {
            chosen.push(entry);
        }
    }
    chosen
}

fn ratio(figure: &Criterion, ours: &StrategyRepeats<'_>, theirs: &StrategyRepeats<'_>) -> Option<Ratio> {
    paired_ratio(&figure.by_block(ours), &figure.by_block(theirs))
}

/// What a strategy gains against no cache, in the database's work, the median and the tail.
fn gain(group: &Group<'_>, entry: &StrategyRepeats<'_>, reference: Option<&StrategyRepeats<'_>>) -> String {
    let mut text = entry.label.to_owned();
    let Some(reference) = reference else {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            " reads the database {} times an operation, and answers half of its reads within {} and 99 % within {}",
            show(entry, "database.reads_per_op"),
            show(entry, "read.p50"),
            show(entry, "read.p99"),
        );
        text += &throughput(group, entry, None);
        text.push('.');
        return text + &holds(entry);
    };
    let reads = |of| value(of, "database.reads_per_op");
    match (reads(entry), reads(reference)) {
        (Some(ours), Some(theirs)) if theirs > 0.0 => {
            let _ = write!(
                text,
                " needs {} of the database reads of {} ({} against {} an operation{})",
                format::percent(ours / theirs),
                reference.label,
                format::three_digits(ours),
                format::three_digits(theirs),
                fewer(entry, reference),
            );
        }
        _ => text += " was measured",
    }
    text += &throughput(group, entry, Some(reference));
    text += &compared(entry, reference, "read.p50", " and answers half of its reads in ");
    text.push('.');
    text += &tail(entry, reference);
    text + &holds(entry)
}

/// `; 5.9 ± 0.1 × less, n = 5`.
fn fewer(entry: &StrategyRepeats<'_>, reference: &StrategyRepeats<'_>) -> String {
    let of = named("database.reads_per_op").and_then(|figure| ratio(figure, reference, entry));
    of.filter(|of| of.estimate > 1.0).map_or_else(String::new, |of| format!("; {}", of.times("less")))
}

/// The database's reads an operation, as a share of those of no cache; `None` where that did not run or read nothing.
#[must_use]
pub fn share_of_reference(group: &Group<'_>, entry: &StrategyRepeats<'_>) -> Option<f64> {
    let reference = group.entries.iter().find(|entry| entry.is_reference() && !entry.measured.is_empty())?;
    let theirs = value(reference, "database.reads_per_op").filter(|reads| *reads > 0.0)?;
    value(entry, "database.reads_per_op").map(|ours| ours / theirs)
}

/// In a closed loop a faster strategy does more.
fn throughput(
    group: &Group<'_>,
    entry: &StrategyRepeats<'_>,
    reference: Option<&StrategyRepeats<'_>>,
) -> String {
    if is_open(group) {
        return String::new();
    }
    let ops = show(entry, "throughput");
    match reference.and_then(|reference| ratio(named("throughput")?, entry, reference)) {
        Some(of) => format!(", does {ops} operations a second ({}),", of.times("as many")),
        None => format!(", at {ops} operations a second"),
    }
}

fn is_open(group: &Group<'_>) -> bool {
    group.entries.iter().flat_map(|entry| &entry.measured).any(|row| row.mode == Mode::Open)
}

/// `0.47 ms instead of 1.36 ms (2.9 ± 0.1 × faster, n = 5)`.
fn compared(
    entry: &StrategyRepeats<'_>,
    reference: &StrategyRepeats<'_>,
    figure: &str,
    begin: &str,
) -> String {
    let Some(figure) = named(figure) else { return String::new() };
    let (ours, theirs) = (figure.show(entry), figure.show(reference));
    // How many times as long the other takes, where it takes longer.
    let Some(slower) = ratio(figure, reference, entry) else {
        return format!("{begin}{ours} instead of {theirs}");
    };
    let faster = slower.estimate >= 1.0;
    let of = if faster { Some(slower) } else { ratio(figure, entry, reference) };
    let (word, of) = (if faster { "faster" } else { "slower" }, of.unwrap_or(slower));
    let shown = match of.interval {
        Some(_) if !of.is_shown() => "; the data show no difference".to_owned(),
        _ => format!(" ({})", of.times(word)),
    };
    format!("{begin}{ours} instead of {theirs}{shown}")
}

fn tail(entry: &StrategyRepeats<'_>, reference: &StrategyRepeats<'_>) -> String {
    if value(entry, "read.p99").is_none() {
        return String::new();
    }
    compared(entry, reference, "read.p99", " Of a hundred reads the slowest takes ") + "."
}

/// What a strategy that holds writes back risks stands beside what it gains.
fn holds(entry: &StrategyRepeats<'_>) -> String {
    match value(entry, "at_risk") {
        Some(risk) if risk > 0.0 => format!(
            " It holds writes back: a crash at a bad moment would have lost up to {}.",
            format::count(risk)
        ),
        _ => String::new(),
    }
}

/// The strategies that have more than 0 of a figure, worst first.
fn with<'a, 'b>(group: &'a Group<'b>, figure: &str) -> Vec<(&'a StrategyRepeats<'b>, f64)> {
    let mut found: Vec<_> = group
        .entries
        .iter()
        .filter_map(|entry| Some((entry, value(entry, figure)?)))
        .filter(|(_, value)| *value > 0.0)
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}

/// Names the worst few and counts the rest.
fn listed(of: &[(&StrategyRepeats<'_>, f64)], say: impl Fn(&StrategyRepeats<'_>, f64) -> String) -> String {
    let mut names: Vec<String> = of.iter().take(NAMED).map(|(entry, value)| say(entry, *value)).collect();
    if of.len() > NAMED {
        names.push(format!("{} more", of.len() - NAMED));
    }
    format::list(&names)
}

fn at_risk(group: &Group<'_>) -> Option<String> {
    let risky = with(group, "at_risk");
    let say = |entry: &StrategyRepeats<'_>, risk: f64| {
        let held = entry.measured.iter().find_map(|row| row.at_risk.at_risk_in);
        let whose = held.map_or_else(String::new, |held| match held {
            crate::results::HeldIn::Instances => " in its instances' memory".into(),
            crate::results::HeldIn::Cache => " in a cache that does not keep them".into(),
        });
        format!("{} up to {}{whose}", entry.label, format::count(risk))
    };
    (!risky.is_empty()).then(|| {
        format!(
            "A crash at a bad moment would have lost acknowledged writes: {}. What was lost in this run says nothing of that.",
            listed(&risky, say)
        )
    })
}

fn stale(group: &Group<'_>) -> Option<String> {
    let stale = with(group, "stale_share");
    let say = |entry: &StrategyRepeats<'_>, share: f64| {
        format!("{} {}, up to {} old", entry.label, safety::percent(share), show(entry, "stale_age_max"))
    };
    (!stale.is_empty()).then(|| format!("Reads were stale: {}.", listed(&stale, say)))
}

fn failed(group: &Group<'_>) -> Option<String> {
    let failed = with(group, "failed");
    let say = |entry: &StrategyRepeats<'_>, share: f64| {
        let outage = value(entry, "read_outage").filter(|seconds| *seconds > 0.0);
        let down = outage.map_or_else(String::new, |_| {
            format!(", reads without service for up to {}", show(entry, "read_outage"))
        });
        format!("{} {}{down}", entry.label, safety::percent(share))
    };
    (!failed.is_empty()).then(|| {
        format!("Operations failed, and their times are in no percentile: {}.", listed(&failed, say))
    })
}

fn overloaded(group: &Group<'_>) -> Option<String> {
    let all = group.entries.iter().filter_map(|entry| {
        let row = entry.measured.iter().find(|row| row.status.is_overloaded())?;
        let reason = row.reason.split(';').next().unwrap_or_default();
        let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        Some(format!("{}{why}", entry.label))
    });
    let all: Vec<String> = all.collect();
    (!all.is_empty()).then(|| {
        format!("Overloaded, so that latencies are those of a queue that grows: {}.", format::list(&all))
    })
}

/// Candidates next to each other in what they are chosen by that the data do not tell apart.
fn not_shown(group: &Group<'_>) -> Option<String> {
    let open = is_open(group);
    let figure = named(if open { "read.p99" } else { "throughput" })?;
    let mut known: Vec<_> =
        candidates(group).into_iter().filter_map(|entry| Some((entry, figure.of(entry)?.value))).collect();
    known.sort_by(|a, b| figure.better.order(a.1, b.1));
    let mut pairs = Vec::new();
    for pair in known.windows(2) {
        let of = ratio(figure, pair[0].0, pair[1].0);
        if let Some(of) = of.filter(|of| of.interval.is_some() && !of.is_shown()) {
            let seen = of.would_be_seen().map(format::percent).unwrap_or_default();
            pairs.push(format!(
                "{} and {} (a difference over {seen} would be seen)",
                pair[0].0.label, pair[1].0.label
            ));
        }
    }
    let more = pairs.len().saturating_sub(NAMED);
    pairs.truncate(NAMED);
    pairs.extend((more > 0).then(|| format!("{more} more pairs")));
    let what = if open { "the p99 of reads" } else { "throughput" };
    (!pairs.is_empty()).then(|| format!("No difference is shown in {what} between {}.", format::list(&pairs)))
}

fn impaired(group: &Group<'_>) -> Option<String> {
    let rows = || group.entries.iter().flat_map(|entry| &entry.measured);
    let impaired: Vec<&SummaryRow> = rows().filter(|row| row.status == Status::Impaired).copied().collect();
    let first = impaired.first()?;
    Some(format!(
        "{} of {} runs {} impaired, and {} figures are not of what {} name says: {}: {}.",
        impaired.len(),
        rows().count(),
        was(impaired.len()),
        if impaired.len() == 1 { "its" } else { "their" },
        if impaired.len() == 1 { "its" } else { "their" },
        first.cell,
        first.reason
    ))
}

fn disturbed(group: &Group<'_>) -> Option<String> {
    let rows = || group.entries.iter().flat_map(|entry| &entry.measured);
    let disturbed = rows().filter(|row| row.status.is_disturbed()).count();
    let worst = rows()
        .filter(|row| row.status.is_disturbed())
        .filter_map(|row| row.disturbed_share)
        .max_by(f64::total_cmp)
        .map_or_else(String::new, |late| format!(", {} of the operations at worst", format::percent(late)));
    (disturbed > 0).then(|| {
        format!(
            "{disturbed} of {} runs {} disturbed: this machine sent operations late{worst}, so the slowest reads may be its doing. A quieter machine, a lower rate or more repeats tell.",
            rows().count(),
            was(disturbed)
        )
    })
}

fn was(runs: usize) -> &'static str {
    if runs == 1 { "was" } else { "were" }
}

fn warming(group: &Group<'_>) -> Option<String> {
    let rows = || group.entries.iter().flat_map(|entry| &entry.measured);
    let warming = rows().filter(|row| row.status.is_warming()).count();
    (warming > 0).then(|| {
        format!(
            "{warming} of {} runs {} measured while the hit rate still moved; a longer `run.warmup_max` tells what it comes to.",
            rows().count(),
            was(warming)
        )
    })
}

fn few_repeats(group: &Group<'_>) -> Option<String> {
    let most = group.entries.iter().map(|entry| entry.measured.len()).max().unwrap_or(0);
    (most > 0 && most < REPEATS_FOR_INTERVAL && group.entries.len() > 1).then(|| {
        let scenario = &group.results.run.scenario_path;
        let times = if most == 1 { "once" } else { "twice" };
        format!(
            "Each strategy ran {times}, so no difference is shown to be more than chance: `hotset {scenario} --repeats 5` tells."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::group::groups;
    use crate::results::{AtRisk, HeldIn, Results, Status, SummaryRow, Verdict};

    /// One run of a strategy in an open loop: its median and slowest reads in µs, and what it asked the database for.
    fn row(label: &str, block: u32, p50: f64, p99: f64, db_reads: u64) -> SummaryRow {
        let mut row = SummaryRow {
            cell: format!("r{block}-{label}"),
            strategy: label.into(),
            strategy_name: label.into(),
            topology: "single".into(),
            repeat: block,
            block,
            mode: Mode::Open,
            operations: 1_000,
            measured_s: 1.0,
            ..SummaryRow::default()
        };
        row.read_response.p50_us = Some(p50);
        row.read_response.p99_us = Some(p99);
        row.calls.db_reads = db_reads;
        row.calls_per_op.db_reads_per_op = Some(db_reads as f64 / 1_000.0);
        row.judgement.verdict = Some(Verdict::Kept);
        row.audited.audited_reads = 900;
        row.audited.stale_share = Some(0.0);
        row.at_end.lost_writes = Some(0);
        row.at_risk.at_risk_max = Some(0);
        row
    }

    fn repeats(label: &str, p50: f64, p99: f64, db_reads: u64) -> Vec<SummaryRow> {
        // What the machine does to a block, it does to all in it; a little is each run's own.
        let block = |block: u32| {
            let machine = 1.0 + 0.3 * f64::from(block);
            let own = 1.0 + 0.01 * f64::from((block * 7 + label.len() as u32) % 3);
            row(label, block, p50 * machine * own, p99 * machine * own, db_reads)
        };
        (1..=5).map(block).collect()
    }

    fn told(rows: Vec<SummaryRow>) -> Vec<(Tone, String)> {
        let results = Results { summary: rows, ..Results::default() };
        let groups = groups(&results).unwrap();
        sentences(&groups[0]).into_iter().map(|sentence| (sentence.tone, sentence.text)).collect()
    }

    #[track_caller]
    fn assert_told(told: &[(Tone, String)], tone: Tone, parts: &[&str]) {
        let found = told.iter().any(|(of, text)| *of == tone && parts.iter().all(|part| text.contains(part)));
        assert!(found, "{parts:?} in {told:#?}");
    }

    #[test]
    fn a_gain_is_told_with_the_databases_work_the_median_and_the_tail_and_never_by_one_alone() {
        let mut rows = repeats("no-cache", 1_360.0, 2_000.0, 950);
        rows.extend(repeats("cache-through", 470.0, 3_100.0, 160));
        let told = told(rows);
        assert_told(
            &told,
            Tone::Gain,
            &[
                "cache-through needs 16.8 % of the database reads of no-cache (0.16 against 0.95 an operation; 5.94 ± 0.01 × less, n = 5)",
                "and answers half of its reads in",
                "faster",
                "slower",
                "n = 5",
            ],
        );
        assert!(told.iter().all(|(_, text)| !text.contains("no-cache is better")), "{told:#?}");
    }

    #[test]
    fn what_holds_writes_back_is_told_with_what_a_crash_would_lose_and_beside_what_does_not() {
        let mut rows = repeats("no-cache", 1_360.0, 2_000.0, 950);
        rows.extend(repeats("cache-through", 470.0, 3_100.0, 160));
        rows.extend(repeats("write-behind", 450.0, 2_900.0, 150).into_iter().map(|mut row| {
            row.at_risk = AtRisk {
                at_risk_max: Some(2_280),
                at_risk_mean: Some(900.0),
                at_risk_in: Some(HeldIn::Instances),
            };
            row
        }));
        let told = told(rows);
        assert_told(&told, Tone::Gain, &["cache-through needs"]);
        assert_told(
            &told,
            Tone::Gain,
            &["write-behind needs", "a crash at a bad moment would have lost up to 2,280"],
        );
        assert_told(&told, Tone::Cost, &["write-behind up to 2,280 in its instances' memory"]);
    }

    #[test]
    fn a_strategy_against_itself_shows_no_difference_and_says_how_large_one_would_be_seen() {
        let mut rows = repeats("cache-aside", 480.0, 3_000.0, 200);
        rows.extend(repeats("read-through", 480.0, 3_000.0, 200));
        let told = told(rows);
        assert_told(
            &told,
            Tone::Doubt,
            &["No difference is shown in the p99 of reads", "a difference over", "would be seen"],
        );
    }

    #[test]
    fn a_broken_an_overloaded_and_a_failing_strategy_are_never_proposed() {
        let mut rows = repeats("no-cache", 1_360.0, 2_000.0, 950);
        rows.extend(repeats("cache-through", 470.0, 3_100.0, 160));
        rows.extend(repeats("cache-aside", 100.0, 200.0, 10).into_iter().map(|mut row| {
            row.judgement.verdict = Some(Verdict::Broken);
            row.judgement.verdict_reason = "3 corrupt reads".into();
            row
        }));
        rows.extend(repeats("read-through", 100.0, 200.0, 10).into_iter().map(|mut row| {
            row.status = Status::Overloaded;
            row.reason =
                "500 of 1000 offered operations a second were achieved; a cache server was full".into();
            row
        }));
        rows.extend(repeats("lease", 100.0, 200.0, 10).into_iter().map(|mut row| {
            row.answers.errors = 20;
            row
        }));
        let told = told(rows);
        for label in ["cache-aside", "read-through", "lease"] {
            assert!(
                !told.iter().any(|(tone, text)| *tone == Tone::Gain && text.starts_with(label)),
                "{told:#?}"
            );
        }
        assert_told(&told, Tone::Cost, &["cache-aside DID NOT HOLD ITS GUARANTEE in 5 of 5 repeats"]);
        assert_told(&told, Tone::Doubt, &["Overloaded", "read-through (500 of 1000 offered"]);
        assert_told(&told, Tone::Cost, &["Operations failed", "lease 2 %"]);
    }

    #[test]
    fn one_repeat_shows_nothing_and_says_what_would() {
        let rows =
            vec![row("no-cache", 1, 1_360.0, 2_000.0, 950), row("cache-aside", 1, 480.0, 3_000.0, 200)];
        assert_told(&told(rows), Tone::Doubt, &["ran once", "--repeats 5"]);
    }

    #[test]
    fn stale_reads_are_told_with_their_share_and_the_oldest() {
        let rows = repeats("write-around", 480.0, 3_000.0, 200).into_iter().map(|mut row| {
            row.audited.wrong.stale_reads = 90;
            row.audited.stale_share = Some(0.1);
            row.audited.wrong.stale_age_max_ms = Some(4_970.0);
            row
        });
        assert_told(&told(rows.collect()), Tone::Cost, &["write-around 10 %, up to 4.97 s old"]);
    }
}
