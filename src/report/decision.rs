//! What a run says to somebody who has to decide: a few sentences, each with its numbers. The page begins with them, and the
//! terminal ends with them.
//!
//! No strategy is put before another by one figure alone: what it saves stands beside what users feel, and what it risks
//! beside both.

mod alike;
mod costs;
mod doubts;
mod figures;
mod gain;
mod in_short;
mod said;

use super::answer::few;
use super::candidates::candidates;
use super::cost;
use super::faults;
use super::group::{Group, ends};
use super::knee;
use super::nearest;
use super::requirements::JudgedRequirement;
use super::safety::{self, Safety};
use crate::results::Verdict;
pub use figures::share_of_reference;
pub use said::{DecisionPart, Sentence, Tone};

/// Both ends of a sweep are told where that makes no more parts than this.
const GROUPS: usize = 4;

/// What is told to somebody in a hurry, and what to those who want to know of the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionTold {
    /// Where something is required, what is said of where most of it is met, and of all runs; otherwise everything.
    pub first: Vec<DecisionPart>,
    /// The other parts.
    pub more: Vec<FoldedPart>,
}

/// A part that is told in one line to those who are in a hurry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedPart {
    /// The line.
    pub in_short: String,
    /// All that is to be known of it.
    pub part: DecisionPart,
}

impl DecisionTold {
    /// Every part, in the order in which they are told.
    pub fn parts(&self) -> impl Iterator<Item = &DecisionPart> {
        self.first.iter().chain(self.more.iter().map(|folded| &folded.part))
    }
}

/// What is said of all groups. Where something is required of several, the one comes first whose strategies lack least.
#[must_use]
pub fn of(groups: &[Group<'_>], judged: &[JudgedRequirement<'_>]) -> DecisionTold {
    let nearest = nearest::group(judged).filter(|_| groups.len() > 1);
    let Some(nearest) = nearest else { return DecisionTold { first: on_each(groups), more: Vec::new() } };
    let heading = format!("{}, where most of what is required is met", nearest.name());
    let nearest_part = DecisionPart { heading, sentences: of_its_own(nearest) };
    let rest = of_rest(groups, &[nearest]);
    let others = told(groups).into_iter().filter(|group| group.anchor() != nearest.anchor());
    let more = others.map(|group| FoldedPart {
        in_short: in_short::line(group, judged),
        part: DecisionPart { heading: group.name(), sentences: of_its_own(group) },
    });
    DecisionTold {
        first: std::iter::once(nearest_part).chain(rest.elsewhere).chain(rest.of_all).collect(),
        more: more.collect(),
    }
}

/// What is said besides of the groups that have a part.
struct OfRest {
    elsewhere: Option<DecisionPart>,
    of_all: Option<DecisionPart>,
}

fn of_rest(groups: &[Group<'_>], told: &[&Group<'_>]) -> OfRest {
    let is_told = |group: &&Group<'_>| told.iter().any(|told| told.anchor() == group.anchor());
    let untold: Vec<&Group<'_>> = groups.iter().filter(|group| !is_told(group)).collect();
    let of_all = of_all(&groups.iter().collect::<Vec<_>>());
    OfRest {
        elsewhere: elsewhere(&untold),
        of_all: (!of_all.is_empty()).then(|| DecisionPart { heading: "All runs".into(), sentences: of_all }),
    }
}

/// The sentences on every topology; of a sweep, those on its ends. What went wrong elsewhere is told at the end, and so is how
/// far all runs may be believed.
fn on_each(groups: &[Group<'_>]) -> Vec<DecisionPart> {
    let several = groups.len() > 1;
    let told = told(groups);
    if !several {
        let part = |group: &Group<'_>| DecisionPart { heading: String::new(), sentences: sentences(group) };
        return told.into_iter().map(part).collect();
    }
    let part = |group: &Group<'_>| DecisionPart { heading: group.name(), sentences: of_its_own(group) };
    let of_rest = of_rest(groups, &told);
    let parts = alike::told_once(told.into_iter().map(part).collect()).into_iter();
    parts.chain(of_rest.elsewhere).chain(of_rest.of_all).collect()
}

/// What went wrong with what has no part of its own: guarantees that are broken or not known, and runs that failed or measured
/// something else than was asked for.
fn elsewhere(groups: &[&Group<'_>]) -> Option<DecisionPart> {
    let of_group = |group: &&Group<'_>| {
        let wrong = group.entries.iter().filter(|entry| {
            Safety::of(entry).is_some_and(|of| {
                of.control.is_none() && matches!(of.verdict, Some(Verdict::Broken | Verdict::Unknown))
            })
        });
        let wrong = wrong.filter_map(safety::sentence).map(|text| (Tone::Cost, text));
        let doubts = [
            doubts::could_not_run(group),
            doubts::failed_runs(group),
            doubts::overloaded(group),
            doubts::impaired(group),
        ];
        let doubts = doubts.into_iter().flatten().map(|text| (Tone::Doubt, text));
        let name = group.name();
        wrong
            .chain(doubts)
            .map(|(tone, text)| Sentence { tone, text: format!("{name}: {text}") })
            .collect::<Vec<_>>()
    };
    let mut sentences: Vec<Sentence> = groups.iter().flat_map(of_group).collect();
    let names: Vec<String> = groups.iter().map(|group| group.name()).collect();
    let names = few(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut rows = groups.iter().flat_map(|group| &group.entries).flat_map(|entry| &entry.measured);
    let is_audited = rows.all(|row| row.judgement.verdict.is_some());
    let text = match (sentences.is_empty(), is_audited) {
        (true, true) => format!(
            "No guarantee was broken and no run failed at {names}, whose figures are in their own sections."
        ),
        (true, false) => format!(
            "No run failed at {names}, where nobody looked whether guarantees held; the figures are in their own sections."
        ),
        (false, true) => format!("The other figures of {names} are in their own sections."),
        (false, false) => format!(
            "Nobody looked whether all guarantees held at {names}, whose other figures are in their own sections."
        ),
    };
    sentences.push(Sentence { tone: Tone::Doubt, text });
    (!groups.is_empty()).then(|| DecisionPart { heading: "Elsewhere".into(), sentences })
}

/// The groups that the decision is about: of each topology the first and the last swept values, and only the first where that
/// would be too many.
#[must_use]
pub fn told<'a, 'b>(groups: &'a [Group<'b>]) -> Vec<&'a Group<'b>> {
    let ends = ends(groups);
    let has_room = 2 * ends.len() <= GROUPS;
    let of_topology = |(first, last): (&'a Group<'b>, &'a Group<'b>)| {
        let last = Some(last).filter(|last| has_room && last.swept != first.swept);
        std::iter::once(first).chain(last)
    };
    ends.into_iter().flat_map(of_topology).collect()
}

/// The sentences on one group.
#[must_use]
pub fn sentences(group: &Group<'_>) -> Vec<Sentence> {
    of_its_own(group).into_iter().chain(of_all(&[group])).collect()
}

/// How far runs may be believed, which is no matter of a strategy or a topology.
fn of_all(groups: &[&Group<'_>]) -> Vec<Sentence> {
    let doubts = [doubts::disturbed(groups), doubts::warming(groups), doubts::few_repeats(groups)];
    doubts.into_iter().flatten().map(|text| Sentence { tone: Tone::Doubt, text }).collect()
}

/// The sentences on one group but for what is said of all runs together.
fn of_its_own(group: &Group<'_>) -> Vec<Sentence> {
    let mut all = Vec::new();
    let mut say = |tone, text: Option<String>| all.extend(text.map(|text| Sentence { tone, text }));
    let reference = group.entries.iter().find(|entry| entry.is_reference() && !entry.measured.is_empty());
    for entry in gain::worth_naming(group) {
        let tone = if gain::is_gain(entry, reference) { Tone::Gain } else { Tone::Cost };
        say(tone, Some(gain::sentence(group, entry, reference)));
    }
    let may_be_proposed = candidates(group);
    for series in knee::series(group) {
        let is_gain = series.knee().is_some()
            && may_be_proposed.iter().any(|candidate| candidate.label == series.entry.label);
        say(if is_gain { Tone::Gain } else { Tone::Cost }, Some(series.sentence()));
    }
    for entry in &group.entries {
        say(Tone::Cost, safety::sentence(entry));
    }
    if let Some(cheapest) = cost::cheapest(group) {
        say(if cheapest.is_no_cache { Tone::Cost } else { Tone::Gain }, Some(cheapest.text));
    }
    say(Tone::Cost, costs::at_risk(group));
    say(Tone::Cost, costs::stale(group));
    for sentence in faults::sentences(group) {
        say(Tone::Cost, Some(sentence));
    }
    say(Tone::Cost, costs::failed(group));
    say(Tone::Doubt, doubts::could_not_run(group));
    say(Tone::Doubt, doubts::failed_runs(group));
    say(Tone::Doubt, knee::unlike_rates(group));
    say(Tone::Doubt, doubts::overloaded(group));
    say(Tone::Doubt, doubts::not_shown(group));
    say(Tone::Doubt, doubts::impaired(group));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::answer::{WORK_AND_READS, winners};
    use crate::report::group::groups;
    use crate::report::made_up::run_of;
    use crate::report::requirements;
    use crate::results::{AtRisk, HeldIn, Mode, Requirement, Results, Status, SummaryRow};

    /// One run of a strategy in an open loop: its median and slowest reads in µs, and what it asked the database for.
    fn row(label: &str, block: u32, p50: f64, p99: f64, db_reads: u64) -> SummaryRow {
        let mut row = SummaryRow { mode: Mode::Open, ..run_of(label, block) };
        row.read_response.p50_us = Some(p50);
        row.read_response.p99_us = Some(p99);
        row.calls.db_reads = db_reads;
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
                "cache-through needs 16.8 % of the database reads of no-cache (5.94 ± 0.01 × less for each operation, n = 5)",
                "and answers half of its reads in",
                "faster",
                "slower",
                "n = 5",
            ],
        );
        assert!(told.iter().all(|(_, text)| !text.contains("no-cache is better")), "{told:#?}");
    }

    #[test]
    fn a_cache_that_saves_the_database_nothing_and_is_slower_is_no_gain() {
        let tone_of = |p50_us: f64, db_reads: u64| {
            let mut rows = repeats("no-cache", 1_360.0, 2_000.0, 950);
            rows.extend(repeats("cache-through", p50_us, 3_100.0, db_reads));
            told(rows).into_iter().find(|(_, text)| text.starts_with("cache-through needs")).unwrap().0
        };
        assert_eq!(tone_of(2_720.0, 950), Tone::Cost);
        assert_eq!(tone_of(2_720.0, 500), Tone::Gain, "it spares the database");
        let once =
            vec![row("no-cache", 1, 1_360.0, 2_000.0, 950), row("cache-through", 1, 2_720.0, 3_100.0, 949)];
        let of_once =
            told(once).into_iter().find(|(_, text)| text.starts_with("cache-through needs")).unwrap();
        assert_eq!(of_once.0, Tone::Cost, "a thousandth less in one run is nothing");
        assert_eq!(tone_of(680.0, 950), Tone::Gain, "it is quicker");
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
            &["write-behind needs", "a crash at the worst moment would have lost up to 2,280"],
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
    fn strategies_that_were_asked_at_rates_of_their_own_are_not_held_against_each_other_by_times() {
        let at = |rate: f64, rows: Vec<SummaryRow>| {
            rows.into_iter().map(move |row| SummaryRow { offered_per_s: Some(rate), ..row })
        };
        let told_at = |rate: f64| {
            let mut rows: Vec<_> = at(1_000.0, repeats("no-cache", 1_360.0, 2_000.0, 950)).collect();
            rows.extend(at(1_000.0, repeats("cache-through", 470.0, 3_100.0, 160)));
            rows.extend(at(rate, repeats("lease", 700.0, 3_100.0, 150)));
            let results = Results { summary: rows, ..Results::default() };
            let groups = groups(&results).unwrap();
            let panel: Vec<String> = sentences(&groups[0]).into_iter().map(|of| of.text).collect();
            (panel.join(" "), winners(&groups[0], WORK_AND_READS).unwrap())
        };
        let (panel, answer) = told_at(1_000.0);
        assert!(panel.contains("No difference is shown in the p99 of reads"), "{panel}");
        assert!(panel.contains("faster") && answer.contains("fastest median read"), "{panel} {answer}");
        let (panel, answer) = told_at(3_000.0);
        assert!(panel.contains("lease needs 15.8 % of the database reads of no-cache"), "{panel}");
        assert!(!panel.contains("faster") && !panel.contains("p99 of reads"), "{panel}");
        assert!(answer.contains("lease reads the database least") && !answer.contains("fastest"), "{answer}");
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
    fn a_strategy_of_which_every_run_failed_is_told_and_so_is_a_topology_on_which_all_did() {
        let failed = |label: &str| {
            let (status, reason) = (Status::Failed, "no server answered".to_owned());
            SummaryRow { status, reason, ..row(label, 1, 0.0, 0.0, 0) }
        };
        let some = told(vec![row("no-cache", 1, 1_360.0, 2_000.0, 950), failed("lease")]);
        assert_told(&some, Tone::Doubt, &["Every run of lease failed", "no server answered."]);
        let all = told(vec![failed("no-cache"), failed("lease")]);
        let nothing = "Every run failed, so that nothing is known here: no server answered.";
        assert_eq!(all, [(Tone::Doubt, nothing.to_owned())]);
    }

    #[test]
    fn a_strategy_of_which_most_runs_failed_is_told_so_and_not_proposed() {
        let mut rows = repeats("no-cache", 1_360.0, 2_000.0, 950);
        rows.extend(repeats("lease", 100.0, 200.0, 10));
        for row in rows.iter_mut().filter(|row| row.strategy == "lease").skip(1) {
            (row.status, row.reason) = (Status::Failed, "no server answered".into());
        }
        let told = told(rows);
        let doubt = "4 of 5 runs of lease failed, and figures are of the others: no server answered.";
        assert_told(&told, Tone::Doubt, &[doubt]);
        assert!(told.iter().all(|(tone, text)| *tone != Tone::Gain || !text.contains("lease")), "{told:#?}");
    }

    #[test]
    fn where_something_was_broken_on_purpose_a_gain_is_told_with_what_failed() {
        let mut rows = repeats("no-cache", 1_360.0, 2_000.0, 950);
        rows.extend(repeats("cache-aside", 470.0, 900.0, 160));
        for row in &mut rows {
            row.outages.read_outage_s = Some(2.0);
            row.answers.errors = if row.strategy == "cache-aside" { 50 } else { 0 };
        }
        assert_told(&told(rows), Tone::Gain, &["cache-aside needs", "5 % of its operations failed"]);
    }

    /// What is said of a sweep over three values on three topologies, of whose middle value this was made.
    fn of_a_sweep(made: impl Fn(&mut SummaryRow)) -> Vec<DecisionPart> {
        let mut rows = Vec::new();
        for topology in ["single", "cluster", "sentinel"] {
            for swept in ["cache.capacity=10%", "cache.capacity=20%", "cache.capacity=30%"] {
                for mut row in repeats("cache-aside", 470.0, 900.0, 160) {
                    (row.topology, row.swept) = (topology.into(), swept.into());
                    row.cell = format!("{}-{topology}-{swept}", row.cell);
                    if swept == "cache.capacity=20%" {
                        made(&mut row);
                    }
                    rows.push(row);
                }
            }
        }
        of(&groups(&Results { summary: rows, ..Results::default() }).unwrap(), &[]).first
    }

    #[test]
    fn where_something_is_required_the_place_that_meets_most_comes_first_and_the_others_in_a_line() {
        let mut results = Results::default();
        for (swept, p99_us) in [("cache.capacity=10%", 9_000.0), ("cache.capacity=50%", 900.0)] {
            for mut row in repeats("no-cache", 1_360.0, 2_000.0, 950).into_iter().chain(repeats(
                "cache-aside",
                470.0,
                p99_us,
                160,
            )) {
                row.swept = swept.into();
                row.cell = format!("{}-{swept}", row.cell);
                results.summary.push(row);
            }
        }
        results.run.requirements = vec![Requirement::parse("read.p99", "<5ms").unwrap()];
        let groups = groups(&results).unwrap();
        let judged = requirements::judge(&groups);
        let told = of(&groups, &judged);
        let headings: Vec<&str> = told.first.iter().map(|part| part.heading.as_str()).collect();
        let nearest = "single, capacity = 50%, where most of what is required is met";
        assert_eq!(headings, [nearest, "Elsewhere"]);
        let [other] = &told.more[..] else { panic!("{told:#?}") };
        assert_eq!(other.part.heading, "single, capacity = 10%");
        let line = &other.in_short;
        assert!(
            line.starts_with("at best 0 of 1 requirements met, by cache-aside; database reads 16.8 %"),
            "{line}"
        );
        assert!(line.contains("read p99 "), "{line}");
        assert_eq!(told.parts().count(), 3, "the files have all of them");
        assert_eq!(of(&groups, &[]).more, Vec::new(), "where nothing is required all is told");
    }

    fn of_the_middle(made: impl Fn(&mut SummaryRow)) -> String {
        let parts = of_a_sweep(made);
        let elsewhere = parts.last().filter(|part| part.heading == "Elsewhere").unwrap();
        elsewhere.sentences.iter().map(|of| of.text.as_str()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn who_fails_least_is_named_beside_those_with_whom_much_failed() {
        let with = |label: &str, reads: u64, errors: u64| {
            repeats(label, 400.0 + reads as f64, 900.0, reads).into_iter().map(move |mut row| {
                row.outages.read_outage_s = Some(2.0);
                row.answers.errors = errors;
                row
            })
        };
        let told_of = |errors: u64| {
            let mut rows: Vec<SummaryRow> = with("no-cache", 950, 0).collect();
            rows.extend(with("cache-through", 160, 250));
            rows.extend(with("cache-aside", 200, errors));
            told(rows)
        };
        let sturdy = told_of(20);
        assert_told(&sturdy, Tone::Gain, &["cache-through needs", "25 % of its operations failed"]);
        assert_told(&sturdy, Tone::Gain, &["cache-aside needs", "2 % of its operations failed"]);
        assert!(
            told_of(200).iter().all(|(tone, text)| *tone != Tone::Gain || !text.starts_with("cache-aside"))
        );
    }

    #[test]
    fn what_went_wrong_in_the_middle_of_a_sweep_is_told_and_every_topology_has_a_part() {
        let parts = of_a_sweep(|row| {
            if row.topology == "cluster" {
                row.judgement.verdict = Some(Verdict::Broken);
            }
        });
        let headings: Vec<_> = parts.iter().map(|part| part.heading.as_str()).collect();
        let alike = "The same at cluster, capacity = 10% · sentinel, capacity = 10% · single, capacity = 10%";
        assert_eq!(headings, [alike, "Elsewhere"]);
        let elsewhere: Vec<_> = parts[1].sentences.iter().map(|sentence| sentence.text.as_str()).collect();
        assert!(elsewhere[0].contains("cluster") && elsewhere[0].contains("DID NOT HOLD"), "{elsewhere:#?}");
    }

    #[test]
    fn how_far_runs_may_be_believed_is_said_once_and_of_all_of_them() {
        let parts = of_a_sweep(|row| row.status = Status::Disturbed);
        let said = |what: &str| -> Vec<&str> {
            let all = parts.iter().flat_map(|part| &part.sentences);
            all.map(|of| of.text.as_str()).filter(|text| text.contains(what)).collect()
        };
        assert_eq!(parts.last().unwrap().heading, "All runs");
        let disturbed = said("disturbed");
        assert!(
            disturbed.len() == 1 && disturbed[0].starts_with("15 of 45 runs were disturbed"),
            "{disturbed:#?}"
        );
    }

    #[test]
    fn of_the_middle_of_a_sweep_it_is_said_what_is_not_known_of_it() {
        let sound = of_the_middle(|_| {});
        assert!(sound.contains("No guarantee was broken and no run failed at"), "{sound}");
        let not_audited = of_the_middle(|row| row.judgement.verdict = None);
        assert!(not_audited.contains("nobody looked whether guarantees held"), "{not_audited}");
        let unknown = of_the_middle(|row| {
            row.judgement.verdict = Some(Verdict::Unknown);
            row.judgement.verdict_reason = "the stores could not be read".into();
        });
        assert!(unknown.contains("the stores could not be read"), "{unknown}");
        assert!(!unknown.contains("No guarantee was broken"), "{unknown}");
        let overloaded = of_the_middle(|row| row.status = Status::Overloaded);
        assert!(overloaded.contains("capacity = 20%: Overloaded"), "{overloaded}");
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
