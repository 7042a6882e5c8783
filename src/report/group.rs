//! What is compared with what: the strategies of one topology and one set of swept values.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;

use super::fault_times::FaultTimes;
use super::format;
use super::style::{self, Look};
use crate::base::units::{ByteSize, parse_duration};
use crate::model::stats::REPEATS_FOR_INTERVAL;
use crate::results::{Measure, OperationClass, Results, ResultsError, Status, SummaryRow, file_safe_within};

/// The strategy that the others are compared with.
const REFERENCE: &str = "no-cache";

/// The text between the parts of a caption, at which its lines are best broken.
pub const BETWEEN: &str = "  ·  ";

/// The longest that topology and swept values are in the name of a chart's file, each.
const PART: usize = 80;

/// The strategies of one topology and one set of swept values.
#[derive(Debug)]
pub struct Group<'a> {
    /// The run that they are from.
    pub results: &'a Results,
    /// The topology's label.
    pub topology: &'a str,
    /// The swept values, as in `summary.csv`.
    pub swept: &'a str,
    /// The part of a file name that tells this group from the others: empty, or beginning with `-`.
    pub suffix: String,
    /// The strategies, in the order in which they are shown.
    pub entries: Vec<StrategyRepeats<'a>>,
    /// The blocks in which a run was disturbed, where enough others are left: times and throughput are of those, for every
    /// strategy alike.
    pub left_out: BTreeSet<u32>,
}

/// All the repeats of one strategy in a group.
#[derive(Debug)]
pub struct StrategyRepeats<'a> {
    /// The strategy's label.
    pub label: &'a str,
    /// The look of the strategy.
    pub look: Look,
    /// Its cells that were measured, in the order of their repeats.
    pub measured: Vec<&'a SummaryRow>,
    /// Those of them in blocks that are not left out.
    pub undisturbed: Vec<&'a SummaryRow>,
    /// Its cells that could not be run.
    pub failed: Vec<&'a SummaryRow>,
    /// What reads took in the faults of its undisturbed repeats.
    pub faults: Vec<FaultTimes>,
    merged: BTreeMap<(OperationClass, Measure), Histogram<u64>>,
}

impl<'a> StrategyRepeats<'a> {
    /// The label, with a word about cells that measured something else than their name says, and about cells whose
    /// latencies are those of a queue.
    #[must_use]
    pub fn legend_label(&self) -> String {
        labelled(self.label, &[self])
    }

    /// Returns true if a repeat's latencies are those of a queue that grows.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        self.measured.iter().any(|row| row.status.is_overloaded())
    }

    /// Returns true if a repeat measured something else than its name says.
    #[must_use]
    pub fn is_impaired(&self) -> bool {
        self.measured.iter().any(|row| row.status == Status::Impaired)
    }

    /// Returns what all undisturbed repeats recorded together, in nanoseconds.
    #[must_use]
    pub fn merged(&self, operation: OperationClass, measure: Measure) -> Option<&Histogram<u64>> {
        self.merged.get(&(operation, measure)).filter(|histogram| !histogram.is_empty())
    }

    /// A percentile of all undisturbed repeats together, in microseconds.
    #[must_use]
    pub fn merged_us(&self, operation: OperationClass, measure: Measure, quantile: f64) -> Option<f64> {
        self.merged(operation, measure).map(|h| h.value_at_quantile(quantile) as f64 / 1e3)
    }

    /// Returns true if it is what the others are compared with: no cache.
    #[must_use]
    pub fn is_reference(&self) -> bool {
        self.cells().all(|row| row.strategy_name == REFERENCE)
    }

    /// One figure of every measured cell that has it.
    #[must_use]
    pub fn values(&self, figure: impl Fn(&SummaryRow) -> Option<f64>) -> Vec<f64> {
        self.measured.iter().filter_map(|row| figure(row)).collect()
    }

    /// Every cell, measured or failed.
    pub fn cells(&self) -> impl Iterator<Item = &'a SummaryRow> + '_ {
        self.measured.iter().chain(&self.failed).copied()
    }
}

/// A label with the words of [`StrategyRepeats::legend_label`] that are true of any of these.
#[must_use]
pub fn labelled(label: &str, of: &[&StrategyRepeats<'_>]) -> String {
    let is_impaired = of.iter().any(|entry| entry.is_impaired());
    let is_overloaded = of.iter().any(|entry| entry.is_overloaded());
    let words = [(is_impaired, "impaired"), (is_overloaded, "overloaded")];
    let words: Vec<&str> = words.into_iter().filter_map(|(is_true, word)| is_true.then_some(word)).collect();
    if words.is_empty() { label.to_owned() } else { format!("{label} ({})", words.join(", ")) }
}

/// The groups of a run, by swept values and topology in the order in which they first ran in `run.json`'s plan.
///
/// # Errors
/// Where an interval log does not read, or the cells were offered unequal operations.
pub fn groups(results: &Results) -> Result<Vec<Group<'_>>, ResultsError> {
    results.check_comparable()?;
    let looks = looks(results);
    let mut kinds: Vec<(&str, &str)> = Vec::new();
    for row in &results.summary {
        if !kinds.contains(&(&row.swept, &row.topology)) {
            kinds.push((&row.swept, &row.topology));
        }
    }
    // Blocks run in random order; names do not change from run to run.
    kinds.sort_unstable_by(|a, b| by_quantity(a.0, b.0).then(a.cmp(b)));
    let suffixes = suffixes(&kinds);
    kinds
        .iter()
        .zip(suffixes)
        .map(|(&(swept, topology), suffix)| {
            let left_out = left_out(results, topology, swept);
            let entries = entries(results, &looks, (topology, swept), &left_out)?;
            Ok(Group { results, topology, swept, suffix, entries, left_out })
        })
        .collect()
}

/// Sorts `=9` before `=10` and `=500ms` before `=2s`; what is no quantity comes last.
fn by_quantity(a: &str, b: &str) -> Ordering {
    let pairs = swept_values(a).zip(swept_values(b));
    let place = |value: &str| quantity(value).unwrap_or(f64::INFINITY);
    let mut orders = pairs.map(|((_, a), (_, b))| place(a).total_cmp(&place(b)));
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// The swept keys, each with its value as it was written.
fn swept_values(swept: &str) -> impl Iterator<Item = (&str, &str)> {
    swept.split(';').filter_map(|part| part.split_once('='))
}

/// A swept value as a number: a plain one, a percentage as a share, a duration in seconds or a size in bytes.
pub(super) fn quantity(value: &str) -> Option<f64> {
    let plain = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    plain(value)
        .or_else(|| plain(value.strip_suffix('%')?).map(|percent| percent / 100.0))
        .or_else(|| parse_duration(value).ok().map(|duration| duration.as_secs_f64()))
        .or_else(|| ByteSize::parse(value).ok().map(|size| size.0 as f64))
}

/// Of each topology the groups of its first and of its last swept values, which are one where nothing is swept.
#[must_use]
pub fn ends<'a, 'b>(groups: &'a [Group<'b>]) -> Vec<(&'a Group<'b>, &'a Group<'b>)> {
    let mut ends: Vec<(&Group<'b>, &Group<'b>)> = Vec::new();
    for group in groups {
        match ends.iter_mut().find(|(first, _)| first.topology == group.topology) {
            Some((_, last)) => *last = group,
            None => ends.push((group, group)),
        }
    }
    ends
}

/// Both ends of a sweep are told where that makes no more parts than this.
const MOST_TOLD: usize = 4;

/// The groups that are told of in words and charts: of each topology the first and the last swept values, and only the first where that
/// would be too many.
#[must_use]
pub fn told<'a, 'b>(groups: &'a [Group<'b>]) -> Vec<&'a Group<'b>> {
    let ends = ends(groups);
    let has_room = 2 * ends.len() <= MOST_TOLD;
    let of_topology = |(first, last): (&'a Group<'b>, &'a Group<'b>)| {
        let last = Some(last).filter(|last| has_room && last.swept != first.swept);
        std::iter::once(first).chain(last)
    };
    ends.into_iter().flat_map(of_topology).collect()
}

/// Returns true if some topology ran with more than one set of swept values.
#[must_use]
pub fn is_sweep(groups: &[Group<'_>]) -> bool {
    ends(groups).iter().any(|(first, last)| first.swept != last.swept)
}

/// Groups that are looked at side by side: those of the first swept values, and those of the last where these are others.
#[must_use]
pub fn ends_side_by_side<'a, 'b>(groups: &'a [Group<'b>]) -> Vec<Vec<&'a Group<'b>>> {
    let (first, last): (Vec<_>, Vec<_>) = ends(groups).into_iter().unzip();
    if is_sweep(groups) { vec![first, last] } else { vec![first] }
}

fn suffixes(kinds: &[(&str, &str)]) -> Vec<String> {
    let topologies: BTreeSet<&str> = kinds.iter().map(|(_, topology)| *topology).collect();
    let sweeps: BTreeSet<&str> = kinds.iter().map(|(swept, _)| *swept).collect();
    let mut taken = BTreeSet::new();
    let mut suffixes = Vec::new();
    for (swept, topology) in kinds {
        let mut suffix = String::new();
        if topologies.len() > 1 {
            suffix.push('-');
            suffix += &file_safe_within(topology, PART);
        }
        if sweeps.len() > 1 {
            suffix.push('-');
            suffix += &file_safe_within(&short_swept(swept, "=", "_"), PART);
        }
        let plain = suffix.clone();
        for number in 2.. {
            if taken.insert(suffix.to_lowercase()) {
                break;
            }
            suffix = format!("{plain}-{number}");
        }
        suffixes.push(suffix);
    }
    suffixes
}

/// The swept values with the last part of each key: `exponent=0.8, clients=16`.
pub(super) fn short_swept(swept: &str, equals: &str, between: &str) -> String {
    let short = |part: &str| match part.split_once('=') {
        Some((key, value)) => format!("{}{equals}{value}", key.rsplit('.').next().unwrap_or(key)),
        None => part.to_owned(),
    };
    swept.split(';').map(short).collect::<Vec<_>>().join(between)
}

/// The look of every label of the run, so that a label looks alike in all groups.
fn looks(results: &Results) -> BTreeMap<&str, Look> {
    let mut labels: BTreeMap<&str, BTreeSet<(bool, &str)>> = BTreeMap::new();
    for row in &results.summary {
        // The label that is the plain name takes the plain look.
        labels
            .entry(&row.strategy_name)
            .or_default()
            .insert((row.strategy != row.strategy_name, &row.strategy));
    }
    let variants = labels.iter().flat_map(|(name, labels)| {
        labels.iter().enumerate().map(|(variant, (_, label))| (*label, (*name, variant)))
    });
    let mut variants: Vec<(&str, (&str, usize))> = variants.collect();
    variants.sort_by_key(|(label, (name, _))| (style::place(name), *label));
    let kinds: Vec<(&str, usize)> = variants.iter().map(|(_, kind)| *kind).collect();
    variants.iter().map(|(label, _)| *label).zip(style::looks_of(&kinds)).collect()
}

/// The blocks in which a run of the group was disturbed; none where fewer than three others are left.
fn left_out(results: &Results, topology: &str, swept: &str) -> BTreeSet<u32> {
    let rows = || {
        let of_group = results.summary.iter().filter(|row| row.topology == topology && row.swept == swept);
        of_group.filter(|row| row.status != Status::Failed)
    };
    let all: BTreeSet<u32> = rows().map(|row| row.block).collect();
    let disturbed: BTreeSet<u32> =
        rows().filter(|row| row.status.is_disturbed()).map(|row| row.block).collect();
    if all.len() - disturbed.len() < REPEATS_FOR_INTERVAL { BTreeSet::new() } else { disturbed }
}

fn entries<'a>(
    results: &'a Results,
    looks: &BTreeMap<&'a str, Look>,
    (topology, swept): (&str, &str),
    left_out: &BTreeSet<u32>,
) -> Result<Vec<StrategyRepeats<'a>>, ResultsError> {
    let mut by_label: BTreeMap<(usize, &str), Vec<&SummaryRow>> = BTreeMap::new();
    for row in results.summary.iter().filter(|row| row.topology == topology && row.swept == swept) {
        by_label.entry((style::place(&row.strategy_name), &row.strategy)).or_default().push(row);
    }
    by_label
        .into_iter()
        .map(|((_, label), mut rows)| {
            rows.sort_by_key(|row| row.repeat);
            let (failed, measured): (Vec<_>, Vec<_>) =
                rows.into_iter().partition(|row| row.status == Status::Failed);
            let mut undisturbed = measured.clone();
            undisturbed.retain(|row| !left_out.contains(&row.block));
            let merged = results.merged_histograms(undisturbed.iter().map(|row| row.cell.as_str()))?;
            let faults = FaultTimes::all(results, &undisturbed)?;
            let look = looks.get(label).copied().unwrap_or_else(|| style::look(label, 0));
            Ok(StrategyRepeats { label, look, measured, undisturbed, failed, faults, merged })
        })
        .collect()
}

impl Group<'_> {
    /// Returns true if the scenario broke something while its runs were measured.
    #[must_use]
    pub fn is_broken_on_purpose(&self) -> bool {
        self.entries.iter().flat_map(|entry| &entry.measured).any(|row| row.outages.read_outage_s.is_some())
    }

    /// The topology and the swept values.
    #[must_use]
    pub fn name(&self) -> String {
        let swept = short_swept(self.swept, " = ", ", ");
        if swept.is_empty() { self.topology.to_owned() } else { format!("{}, {swept}", self.topology) }
    }

    /// Scenario, date, topology and swept values in one line.
    #[must_use]
    pub fn facts(&self) -> String {
        let run = &self.results.run;
        let mut facts = vec![
            format!("scenario {}", run.name),
            format::date(&run.started_utc),
            format!("topology {}", self.topology),
        ];
        if !self.swept.is_empty() {
            facts.push(short_swept(self.swept, " = ", ", "));
        }
        facts.join(BETWEEN)
    }

    /// The name of its place on the page.
    #[must_use]
    pub fn anchor(&self) -> String {
        format!("results{}", self.suffix)
    }

    /// The first swept value, where it is a number.
    #[must_use]
    pub fn swept_number(&self) -> Option<f64> {
        quantity(self.swept_values().next()?.1)
    }

    /// The swept keys, each with its value as it was written.
    pub fn swept_values(&self) -> impl Iterator<Item = (&str, &str)> {
        swept_values(self.swept)
    }

    /// Says what became of the cells, and whether there are enough repeats to rank.
    #[must_use]
    pub fn status(&self) -> String {
        let mut parts = Vec::new();
        for (word, holds) in MISHAPS {
            let of: Vec<String> = self.entries.iter().filter_map(|entry| affected(entry, holds)).collect();
            if !of.is_empty() {
                parts.push(format!("{word}: {}", format::list(&of)));
            }
        }
        parts.extend(parts.is_empty().then(|| WITHOUT_MISHAP.to_owned()));
        parts.push(repeats(&self.entries));
        parts.join(BETWEEN)
    }
}

/// Scenario, date and topologies in one line, for charts over several groups.
#[must_use]
pub fn facts_of_run(groups: &[Group<'_>]) -> String {
    let topologies: Vec<String> =
        ends(groups).iter().map(|(first, _)| format::quoted(first.topology).into_owned()).collect();
    let word = if topologies.len() == 1 { "topology" } else { "topologies" };
    let mut facts = Vec::new();
    if let Some(group) = groups.first() {
        facts.push(format!("scenario {}", group.results.run.name));
        facts.push(format::date(&group.results.run.started_utc));
    }
    facts.push(format!("{word} {}", format::list(&topologies)));
    facts.join(BETWEEN)
}

/// Says what became of the cells of all groups, in numbers.
#[must_use]
pub fn status_of_run(groups: &[Group<'_>]) -> String {
    let entries = || groups.iter().flat_map(|group| &group.entries);
    let all = entries().flat_map(StrategyRepeats::cells).count();
    let mut parts = Vec::new();
    for (word, holds) in MISHAPS {
        let of = entries().flat_map(StrategyRepeats::cells).filter(|row| holds(row)).count();
        parts.extend((of > 0).then(|| format!("{word}: {of} of {all} runs")));
    }
    parts.extend(parts.is_empty().then(|| WITHOUT_MISHAP.to_owned()));
    parts.push(repeats(entries()));
    parts.join(BETWEEN)
}

type Holds = fn(&SummaryRow) -> bool;

/// The mishaps of a cell that make its figures doubtful.
const MISHAPS: [(&str, Holds); 5] = [
    ("failed", |row| row.status == Status::Failed),
    ("impaired", |row| row.status == Status::Impaired),
    ("overloaded", |row| row.status.is_overloaded()),
    ("disturbed", |row| row.status.is_disturbed()),
    ("still warming", |row| row.status.is_warming()),
];
const WITHOUT_MISHAP: &str = "all runs were warmed up, none overloaded or disturbed";

fn repeats<'a, 'b: 'a>(entries: impl IntoIterator<Item = &'a StrategyRepeats<'b>>) -> String {
    match entries.into_iter().map(|entry| entry.measured.len()).max().unwrap_or(0) {
        1 => "1 repeat: no difference is shown to be more than chance".into(),
        n if n < REPEATS_FOR_INTERVAL => format!("{n} repeats: too few for an interval"),
        n => format!("{n} repeats"),
    }
}

/// The label, with how many of its repeats where it is not all of them.
fn affected(entry: &StrategyRepeats<'_>, holds: Holds) -> Option<String> {
    let all = entry.cells().count();
    match entry.cells().filter(|row| holds(row)).count() {
        0 => None,
        some if some == all => Some(format::quoted(entry.label).into_owned()),
        some => Some(format!("{} ({some} of {all} repeats)", format::quoted(entry.label))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swept_values_are_in_the_order_of_their_quantities_whatever_their_unit() {
        let sorted = |mut swept: Vec<&'static str>| {
            swept.sort_by(|a, b| by_quantity(a, b));
            swept
        };
        assert_eq!(sorted(vec!["capacity=40%", "capacity=5%"]), ["capacity=5%", "capacity=40%"]);
        assert_eq!(sorted(vec!["ttl=2s", "ttl=500ms"]), ["ttl=500ms", "ttl=2s"]);
        assert_eq!(sorted(vec!["a=1;b=16", "a=1;b=9"]), ["a=1;b=9", "a=1;b=16"]);
        assert_eq!(quantity("64KiB"), Some(65_536.0));
        assert_eq!(quantity("lru"), None);
    }

    #[test]
    fn file_names_tell_groups_apart_only_where_there_are_several() {
        assert_eq!(suffixes(&[("", "single")]), [""]);
        assert_eq!(suffixes(&[("", "embedded"), ("", "single")]), ["-embedded", "-single"]);
        assert_eq!(
            suffixes(&[("workload.keys.exponent=0.8", "single"), ("workload.keys.exponent=0.99", "single")]),
            ["-exponent=0.8", "-exponent=0.99"]
        );
        assert_eq!(suffixes(&[("", "a b"), ("", "a-b")]), ["-a-b-24582c4c", "-a-b"]);
    }
}
