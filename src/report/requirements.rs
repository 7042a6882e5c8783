//! What a scenario requires, held against what was measured.

use std::fmt::Write as _;

use super::criteria::Estimate;
use super::format;
use super::group::{Group, StrategyRepeats};
use crate::model::stats::interval_around;
use crate::results::{Criterion, OperationRow, Over, Requirement, Unit, named, named_of_operation};

/// The verdicts on a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// It is: the whole interval, or every repeat, lies as it has to.
    Met,
    /// It is not.
    Missed,
    /// The interval, or the repeats, lie on both sides of the bound.
    Undecided,
    /// The strategy has no such figure, as it failed or was not audited, or a repeat was impaired and so measured something
    /// else.
    Unknown,
}

impl Met {
    /// Its word in files and on the page.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Undecided => "undecided",
            Self::Unknown => "unknown",
        }
    }
}

/// A requirement of a strategy in a group, judged.
#[derive(Debug, Clone)]
pub struct JudgedRequirement<'a> {
    /// The requirement.
    pub requirement: &'a Requirement,
    /// Where.
    pub group: &'a Group<'a>,
    /// The strategy's label.
    pub strategy: &'a str,
    /// The measured value.
    pub estimate: Option<Estimate>,
    /// The verdict.
    pub met: Met,
    unit: Unit,
    /// What has to be said before the value, such as `impaired: `; often nothing.
    warning: String,
}

/// Figures that count what went wrong: whatever else was wrong with a run, these did go wrong.
const HARM: [&str; 5] = ["failed", "stale_share", "stale_age_max", "corrupt", "lost"];

/// Every requirement of every strategy that it is for. A control is there to break what others keep, and no cache to be
/// compared with: nothing is required of either.
#[must_use]
pub fn judge<'a>(groups: &'a [Group<'a>]) -> Vec<JudgedRequirement<'a>> {
    let mut all = Vec::new();
    for group in groups {
        for requirement in &group.results.run.requirements {
            if requirement.topology.as_deref().is_some_and(|topology| topology != group.topology) {
                continue;
            }
            for entry in group.entries.iter().filter(|entry| is_for(requirement, entry)) {
                let Some(found) = measurement(requirement, group, entry) else { continue };
                let met = of_these_runs(of(requirement, &found), requirement, entry);
                let RequiredFigure { estimate, unit, .. } = found;
                all.push(JudgedRequirement {
                    requirement,
                    group,
                    strategy: entry.label,
                    estimate,
                    met,
                    unit,
                    warning: warning(entry),
                });
            }
        }
    }
    all
}

fn is_for(requirement: &Requirement, entry: &StrategyRepeats<'_>) -> bool {
    match &requirement.strategy {
        Some(strategy) => strategy == entry.label,
        None => !entry.is_reference() && entry.cells().all(|row| row.control.is_none()),
    }
}

/// What a strategy that a requirement is not for has of its figure, as people read it, where that misses it too.
#[must_use]
pub fn missed_too(
    requirement: &Requirement,
    group: &Group<'_>,
    entry: &StrategyRepeats<'_>,
) -> Option<String> {
    let found = measurement(requirement, group, entry)?;
    let value = found.estimate?.value;
    (!requirement.relation.holds(value, requirement.bound)).then(|| found.unit.show(value))
}

/// What a requirement is about, as it was measured.
struct RequiredFigure {
    unit: Unit,
    estimate: Option<Estimate>,
    /// The repeats that all have to agree where there is no interval; none where the figure is their sum or their highest.
    repeats: Vec<f64>,
}

/// `None` of a figure that this version does not know.
fn measurement(
    requirement: &Requirement,
    group: &Group<'_>,
    entry: &StrategyRepeats<'_>,
) -> Option<RequiredFigure> {
    if let Some(operation) = &requirement.operation {
        let figure = named_of_operation(&requirement.criterion)?;
        let repeats: Vec<f64> = of_operation(group, entry, operation).filter_map(figure.of_row).collect();
        let estimate = estimate_of_operation(figure.unit, &repeats);
        return Some(RequiredFigure { unit: figure.unit, estimate, repeats });
    }
    let figure = named(&requirement.criterion)?;
    let repeats = match figure.over {
        // One repeat that lost a write has lost a write.
        Over::Sum | Over::Highest => Vec::new(),
        Over::Percentile(..) | Over::Quotient(..) | Over::Mean => {
            figure.by_block(entry).into_iter().map(|(_, value)| value).collect()
        }
    };
    Some(RequiredFigure { unit: figure.unit, estimate: figure.of(entry), repeats })
}

/// The rows of one kind of operation, a repeat each.
fn of_operation<'a>(
    group: &Group<'a>,
    entry: &'a StrategyRepeats<'_>,
    operation: &'a str,
) -> impl Iterator<Item = &'a OperationRow> {
    let results = group.results;
    entry.measured.iter().filter_map(move |row| {
        results
            .operations
            .iter()
            .find(|of| of.cell == row.cell && of.row.operation == operation)
            .map(|of| &of.row)
    })
}

/// The mean of the repeats: their histograms are not kept by kind of operation.
fn estimate_of_operation(unit: Unit, repeats: &[f64]) -> Option<Estimate> {
    let value = (!repeats.is_empty()).then(|| repeats.iter().sum::<f64>() / repeats.len() as f64)?;
    let interval = interval_around(value, repeats, unit.scatter());
    Some(Estimate { value, interval, repeats: repeats.len() })
}

/// Runs that measured something else meet nothing, and those that are left where others failed prove nothing.
fn of_these_runs(met: Met, requirement: &Requirement, entry: &StrategyRepeats<'_>) -> Met {
    let is_harm = HARM.contains(&requirement.criterion.as_str());
    match met {
        Met::Missed if is_harm => Met::Missed,
        Met::Missed | Met::Met | Met::Undecided if entry.is_impaired() => Met::Unknown,
        Met::Met if !entry.failed.is_empty() => Met::Undecided,
        Met::Met | Met::Missed | Met::Undecided | Met::Unknown => met,
    }
}

fn warning(entry: &StrategyRepeats<'_>) -> String {
    let failed = entry.failed.len();
    let runs = entry.measured.len() + failed;
    let failed = if failed > 0 { format!("{failed} of {runs} runs failed: ") } else { String::new() };
    let impaired = if entry.is_impaired() { "impaired: " } else { "" };
    failed + impaired
}

fn of(requirement: &Requirement, found: &RequiredFigure) -> Met {
    let Some(estimate) = &found.estimate else { return Met::Unknown };
    let holds = |value: f64| requirement.relation.holds(value, requirement.bound);
    if requirement.allows_nothing() {
        // What happened once has happened, however far the repeats differ.
        return if holds(estimate.value) { Met::Met } else { Met::Missed };
    }
    let mut values = vec![holds(estimate.value)];
    match estimate.interval {
        Some(interval) => values.extend([holds(interval.low), holds(interval.high)]),
        None => values.extend(found.repeats.iter().map(|value| holds(*value))),
    }
    match (values.iter().all(|holds| *holds), values.iter().any(|holds| *holds)) {
        (true, _) => Met::Met,
        (false, true) => Met::Undecided,
        (false, false) => Met::Missed,
    }
}

impl JudgedRequirement<'_> {
    /// Returns the measured value as people read it.
    #[must_use]
    pub fn measured(&self) -> String {
        let Some(of) = &self.estimate else { return "not measured".into() };
        let warning = &self.warning;
        let value = self.unit.show(of.value);
        match of.interval {
            Some(interval) => format!(
                "{warning}{value} ({} to {}, n = {})",
                self.unit.show(interval.low),
                self.unit.show(interval.high),
                of.repeats
            ),
            None => format!("{warning}{value} (n = {})", of.repeats),
        }
    }

    /// The measured value alone, as people read it.
    #[must_use]
    pub fn value(&self) -> Option<String> {
        self.estimate.as_ref().map(|of| self.unit.show(of.value))
    }

    /// The requirement in words: `read.p99 <5ms`, `checkout: p99 <50ms`.
    #[must_use]
    pub fn required(&self) -> String {
        in_words(self.requirement)
    }

    /// Returns true if it is about this figure of all operations together.
    #[must_use]
    pub fn is_of(&self, figure: &Criterion) -> bool {
        self.requirement.operation.is_none() && self.requirement.criterion == figure.name
    }
}

fn in_words(requirement: &Requirement) -> String {
    let operation =
        requirement.operation.as_ref().map_or_else(String::new, |operation| format!("{operation}: "));
    format!("{operation}{} {}", requirement.criterion, requirement.written)
}

/// Returns true if one is missed.
#[must_use]
pub fn any_missed(judged: &[JudgedRequirement<'_>]) -> bool {
    judged.iter().any(|one| one.met == Met::Missed)
}

/// Returns true if nothing that was measured says whether some requirement is met by anybody.
#[must_use]
pub fn any_open(judged: &[JudgedRequirement<'_>]) -> bool {
    let is_known = |requirement: &Requirement| {
        judged.iter().any(|one| one.requirement == requirement && one.met != Met::Unknown)
    };
    judged.iter().any(|one| !is_known(one.requirement))
}

/// What is said of one requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequirementTold {
    /// By how many it is met: `failed <1%: met by 0 of 24`.
    pub counts: String,
    /// Who misses it, and of whom that is not known; empty where all meet it.
    pub others: String,
}

impl RequirementTold {
    /// All that is said of it.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}{}.", self.counts, self.others)
    }
}

/// What is said of each requirement, in the order in which they were written.
#[must_use]
pub fn told(judged: &[JudgedRequirement<'_>], several: bool) -> Vec<RequirementTold> {
    let mut seen: Vec<&Requirement> = Vec::new();
    for one in judged {
        if !seen.contains(&one.requirement) {
            seen.push(one.requirement);
        }
    }
    let of_requirement = |requirement: &&Requirement| {
        let of: Vec<&JudgedRequirement<'_>> =
            judged.iter().filter(|one| one.requirement == *requirement).collect();
        let who = |met: Met| -> Vec<String> {
            let name = |one: &&&JudgedRequirement<'_>| {
                let place = if several {
                    format!(" on {}", format::quoted(&one.group.name()))
                } else {
                    String::new()
                };
                format!("{}{place} {}", format::quoted(one.strategy), one.measured())
            };
            of.iter().filter(|one| one.met == met).map(|one| name(&one)).collect()
        };
        let met = of.iter().filter(|one| one.met == Met::Met).count();
        let scope = requirement.strategy.iter().chain(&requirement.topology).cloned().collect::<Vec<_>>();
        let scope = if scope.is_empty() { String::new() } else { format!(" [{}]", scope.join(", ")) };
        let counts = format!("{}{scope}: met by {met} of {}", in_words(requirement), of.len());
        let mut others = String::new();
        for (word, met) in
            [("missed by", Met::Missed), ("undecided for", Met::Undecided), ("unknown for", Met::Unknown)]
        {
            let mut names = who(met);
            if names.len() > NAMED {
                let more = names.len() - NAMED;
                names.truncate(NAMED);
                names.push(format!("{more} more"));
            }
            if !names.is_empty() {
                // Writing to a string does not fail.
                let _ = write!(others, "; {word} {}", format::list(&names));
            }
        }
        RequirementTold { counts, others }
    };
    seen.iter().map(of_requirement).collect()
}

/// More than this are counted, not named.
const NAMED: usize = 4;

/// The figures by which the strategies differ most, where nothing is required: what would tell them apart.
#[must_use]
pub fn would_tell_apart(groups: &[Group<'_>]) -> Vec<&'static str> {
    const ASKED: [&str; 7] =
        ["read.p99", "failed", "hit_rate", "stale_share", "lost", "at_risk", "database.reads_per_op"];
    let spread = |criterion: &Criterion| -> bool {
        groups.iter().any(|group| {
            let known = group.entries.iter().filter(|entry| !entry.is_reference());
            let values: Vec<Estimate> = known.filter_map(|entry| criterion.of(entry)).collect();
            let low = values
                .iter()
                .map(|of| of.interval.map_or(of.value, |of| of.high))
                .fold(f64::INFINITY, f64::min);
            let high = values.iter().map(|of| of.interval.map_or(of.value, |of| of.low)).fold(0.0, f64::max);
            // Apart by their intervals, and by an amount that somebody would choose by.
            high > low * 1.1 && high > low
        })
    };
    ASKED.into_iter().filter(|name| named(name).is_some_and(spread)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::group::groups;
    use crate::report::junit::junit;
    use crate::report::made_up::run_of;
    use crate::results::{Of, Results, Status, SummaryRow};

    fn row(label: &str, block: u32, p99: f64) -> SummaryRow {
        let mut row = run_of(label, block);
        row.read_response.p99_us = Some(p99);
        row.at_end.lost_writes = Some(u64::from(block == 2));
        row
    }

    fn results(p99s: &[f64], required: &[(&str, &str)]) -> Results {
        let mut results = Results::default();
        for (block, p99) in (1..).zip(p99s) {
            results.summary.push(row("cache-aside", block, *p99));
            results.summary.push(row("no-cache", block, 1e9));
        }
        results.run.requirements =
            required.iter().map(|(name, written)| Requirement::parse(name, written).unwrap()).collect();
        results
    }

    fn met(p99s: &[f64], name: &str, written: &str) -> Met {
        let results = results(p99s, &[(name, written)]);
        let groups = groups(&results).unwrap();
        let judged = judge(&groups);
        assert_eq!(judged.len(), 1, "nothing is required of no cache");
        judged[0].met
    }

    #[test]
    fn a_requirement_is_met_or_missed_where_the_whole_interval_lies_on_one_side() {
        let p99s = [4_000.0, 4_100.0, 4_200.0, 4_050.0];
        assert_eq!(met(&p99s, "read.p99", "<5ms"), Met::Met);
        assert_eq!(met(&p99s, "read.p99", "<3ms"), Met::Missed);
        assert_eq!(met(&p99s, "read.p99", "<4100us"), Met::Undecided);
    }

    #[test]
    fn figures_of_an_impaired_repeat_meet_nothing_and_are_told_as_such() {
        let mut results = results(&[4_000.0, 4_100.0, 4_200.0], &[("read.p99", "<5ms")]);
        for row in results.summary.iter_mut().filter(|row| row.cell == "r2-cache-aside") {
            row.status = Status::Impaired;
        }
        let groups = groups(&results).unwrap();
        let judged = judge(&groups);
        assert_eq!(judged[0].met, Met::Unknown);
        let lines: Vec<String> = told(&judged, false).iter().map(RequirementTold::line).collect();
        assert!(lines[0].contains("met by 0 of 1; unknown for cache-aside impaired: 4.1"), "{lines:?}");
        let labels: Vec<_> = groups[0].entries.iter().map(StrategyRepeats::legend_label).collect();
        assert!(labels.contains(&"cache-aside (impaired)".to_owned()), "{labels:?}");
    }

    #[test]
    fn what_an_impaired_repeat_did_wrong_is_missed_and_runs_that_are_left_prove_nothing() {
        let mut results = results(&[4_000.0, 4_100.0, 4_200.0], &[("lost", "=0"), ("read.p99", "<5ms")]);
        let mine = |row: &&mut SummaryRow| row.strategy == "cache-aside";
        results.summary.iter_mut().filter(mine).for_each(|row| row.status = Status::Impaired);
        let verdicts = |results: &Results| {
            let groups = groups(results).unwrap();
            judge(&groups).iter().map(|one| (one.met, one.measured())).collect::<Vec<_>>()
        };
        assert_eq!(verdicts(&results)[0], (Met::Missed, "impaired: 1 (n = 3)".into()));
        for row in results.summary.iter_mut().filter(mine) {
            row.status = if row.cell == "r1-cache-aside" { Status::Ok } else { Status::Failed };
        }
        assert_eq!(verdicts(&results)[1], (Met::Undecided, "2 of 3 runs failed: 4 ms (n = 1)".into()));
    }

    #[test]
    fn where_nothing_is_allowed_one_repeat_that_did_it_is_enough_however_the_others_scatter() {
        let mut results = results(&[1.0; 5], &[("stale_share", "=0")]);
        for row in &mut results.summary {
            row.audited.audited_reads = 1_000;
            row.audited.wrong.stale_reads = u64::from(row.cell == "r3-cache-aside");
            row.audited.stale_share = Some(row.audited.wrong.stale_reads as f64 / 1_000.0);
        }
        let groups = groups(&results).unwrap();
        assert_eq!(judge(&groups)[0].met, Met::Missed);
    }

    #[test]
    fn of_few_repeats_all_have_to_agree() {
        assert_eq!(met(&[4_000.0], "read.p99", "<5ms"), Met::Met);
        assert_eq!(met(&[4_000.0, 6_000.0], "read.p99", "<5500us"), Met::Undecided);
    }

    #[test]
    fn one_lost_write_in_one_repeat_is_a_lost_write() {
        assert_eq!(met(&[1.0, 1.0, 1.0], "lost", "=0"), Met::Missed);
        assert_eq!(met(&[1.0], "lost", "=0"), Met::Met);
        assert_eq!(met(&[1.0], "hit_rate", ">50%"), Met::Unknown);
    }

    #[test]
    fn a_kind_of_operation_is_held_to_what_was_measured_of_it_in_every_repeat() {
        let mut results = results(&[1.0, 1.0], &[]);
        for (block, p99) in [(1, 40_000.0), (2, 60_000.0)] {
            let mut row = OperationRow { operation: "checkout".into(), ..OperationRow::default() };
            row.response.p99_us = Some(p99);
            let cell = format!("r{block}-cache-aside");
            results.operations.push(Of {
                cell,
                strategy: "cache-aside".into(),
                topology: "single".into(),
                row,
            });
        }
        for (written, met) in [("<70ms", Met::Met), ("<50ms", Met::Undecided), ("<30ms", Met::Missed)] {
            results.run.requirements =
                vec![Requirement::parse_of_operation("checkout", "p99", written).unwrap()];
            let groups = groups(&results).unwrap();
            let judged = judge(&groups);
            assert_eq!((judged.len(), judged[0].met), (1, met), "{written}");
            assert_eq!(judged[0].required(), format!("checkout: p99 {written}"));
        }
    }

    #[test]
    fn junit_has_a_case_for_each_and_names_what_was_measured() {
        let results = results(
            &[4_000.0, 4_100.0, 4_200.0],
            &[("read.p99", "<3ms"), ("lost", "=0"), ("hit_rate", ">1%")],
        );
        let groups = groups(&results).unwrap();
        let judged = judge(&groups);
        assert!(any_missed(&judged));
        let xml = junit("catalogue & co", &judged).unwrap();
        for part in [
            "catalogue &amp; co",
            "tests=\"3\"",
            "failures=\"2\"",
            "cache-aside: read.p99 &lt;3ms",
            "<skipped",
        ] {
            assert!(xml.contains(part), "{part} in {xml}");
        }
        let lines: Vec<String> = told(&judged, false).iter().map(RequirementTold::line).collect();
        assert!(lines[0].starts_with("read.p99 <3ms: met by 0 of 1; missed by cache-aside 4.1"), "{lines:?}");
    }
}
