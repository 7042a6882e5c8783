//! Who meets everything that a scenario requires, or comes nearest to it.

use std::cmp::Ordering;

use super::answer::few_phrases;
use super::format;
use super::group::Group;
use super::requirements::{self, JudgedRequirement, Met, RequirementTold};
use crate::results::{Requirement, Verdict};

/// So many are named that come nearest.
const NEAREST: usize = 3;

/// Who meets all that is required or comes nearest to it; then a line for each requirement.
#[must_use]
pub fn lines(judged: &[JudgedRequirement<'_>], several: bool) -> Vec<String> {
    let told = requirements::told(judged, several);
    sentence(judged, several).into_iter().chain(told.iter().map(RequirementTold::line)).collect()
}

/// Where the strategy ran that lacks least.
pub struct NearestPlace<'a> {
    /// Its group.
    pub group: &'a Group<'a>,
    /// True if it lacks nothing.
    pub meets_all: bool,
}

/// Where a strategy lacks least, of several alike the first; `None` where nothing is required.
#[must_use]
pub fn place<'a>(judged: &'a [JudgedRequirement<'a>]) -> Option<NearestPlace<'a>> {
    let nearest = Candidate::all(judged, true).into_iter().next()?;
    Some(NearestPlace { group: nearest.group, meets_all: nearest.wanting.is_empty() })
}

/// A strategy in a group, held against everything that is required of it.
struct Candidate<'a> {
    name: String,
    group: &'a Group<'a>,
    /// What it misses, and what is not decided of it.
    wanting: Vec<&'a JudgedRequirement<'a>>,
}

impl<'a> Candidate<'a> {
    /// Each strategy of each group, those that lack least first.
    fn all(judged: &'a [JudgedRequirement<'a>], several: bool) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for one in judged {
            let place =
                if several { format!(" on {}", format::quoted(&one.group.name())) } else { String::new() };
            let name = format!("{}{place}{}", format::quoted(one.strategy), flaw(one));
            let at = all.iter().position(|known| known.name == name).unwrap_or_else(|| {
                all.push(Self { name, group: one.group, wanting: Vec::new() });
                all.len() - 1
            });
            all[at].wanting.extend((one.met != Met::Met).then_some(one));
        }
        all.sort_by(|a, b| a.lack().partial_cmp(&b.lack()).unwrap_or(Ordering::Equal));
        all
    }

    /// How many are missed, how many are open, and how many times the worst lies beyond its bound.
    fn lack(&self) -> (usize, usize, f64) {
        let missed = self.wanting.iter().filter(|one| one.met == Met::Missed).count();
        let beyond = self.wanting.iter().filter_map(|one| {
            let (value, bound) = (one.estimate.as_ref()?.value, one.requirement.bound);
            (value > 0.0 && bound > 0.0).then(|| (value / bound).max(bound / value))
        });
        (missed, self.wanting.len() - missed, beyond.fold(0.0, f64::max))
    }

    fn in_words(&self) -> String {
        let wanting = self.wanting.iter().map(|one| {
            let value = one.value().map_or_else(String::new, |value| format!(" with {value}"));
            let word = if one.met == Met::Missed { "misses" } else { one.met.word() };
            format!("{word} {}{value}", one.required())
        });
        format!("{} ({})", self.name, wanting.collect::<Vec<_>>().join(", "))
    }
}

/// What nobody may overlook who takes a strategy for what it meets.
fn flaw(judged: &JudgedRequirement<'_>) -> &'static str {
    let rows = || {
        let entry = judged.group.entries.iter().find(|entry| entry.label == judged.strategy);
        entry.into_iter().flat_map(|entry| &entry.measured)
    };
    if rows().any(|row| row.judgement.verdict == Some(Verdict::Broken)) {
        " (its guarantee was broken)"
    } else if rows().any(|row| row.status.is_overloaded()) {
        " (overloaded)"
    } else {
        ""
    }
}

/// The sentence on who meets all or comes nearest; `None` of a single strategy or requirement, which says it itself.
#[must_use]
pub fn sentence(judged: &[JudgedRequirement<'_>], several: bool) -> Option<String> {
    let all = Candidate::all(judged, several);
    let mut requirements: Vec<&Requirement> = Vec::new();
    for one in judged {
        if !requirements.contains(&one.requirement) {
            requirements.push(one.requirement);
        }
    }
    if all.len() < 2 || requirements.len() < 2 {
        return None;
    }
    let meet_all: Vec<String> =
        all.iter().filter(|one| one.wanting.is_empty()).map(|one| one.name.clone()).collect();
    if !meet_all.is_empty() {
        let verb = if meet_all.len() == 1 { "meets" } else { "meet" };
        return Some(format!("{} {verb} all that is required.", few_phrases(&meet_all)));
    }
    let nearest: Vec<String> = all.iter().take(NEAREST).map(Candidate::in_words).collect();
    requirements.retain(|requirement| missed_by_all(judged, requirement).is_some());
    let hopeless: Vec<String> =
        requirements.iter().filter_map(|requirement| missed_by_all(judged, requirement)).collect();
    let hopeless = if hopeless.is_empty() { String::new() } else { format!(" {}.", format::list(&hopeless)) };
    let lacks_nothing_else =
        |one: &&Candidate<'_>| one.wanting.iter().all(|wanting| requirements.contains(&wanting.requirement));
    let rest: Vec<String> = all.iter().filter(lacks_nothing_else).map(Candidate::in_words).collect();
    let rest = match rest.len() {
        0 => String::new(),
        1 => format!(" {} meets all else.", rest[0]),
        _ => format!(" {} meet all else.", few_phrases(&rest)),
    };
    // Those that lack nothing else are the nearest.
    let nearest = if rest.is_empty() { format!(" Nearest: {}.", nearest.join("; ")) } else { String::new() };
    Some(format!("No strategy is shown to meet all that is required.{nearest}{hopeless}{rest}"))
}

/// A requirement that several strategies are held to and all miss, with what no cache has.
fn missed_by_all(judged: &[JudgedRequirement<'_>], requirement: &Requirement) -> Option<String> {
    let of: Vec<&JudgedRequirement<'_>> =
        judged.iter().filter(|one| one.requirement == requirement).collect();
    if of.len() < 2 || of.iter().any(|one| one.met != Met::Missed) {
        return None;
    }
    let too = of.iter().find_map(|one| {
        let reference =
            one.group.entries.iter().find(|entry| entry.is_reference() && !entry.measured.is_empty())?;
        requirements::missed_too(requirement, one.group, reference)
    });
    let faults = if of[0].group.is_broken_on_purpose() { " under the same faults" } else { "" };
    let too = too.map_or_else(String::new, |value| format!(", by no cache too with {value}{faults}"));
    Some(format!("{} is missed by all{too}", of[0].required()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::group::groups;
    use crate::report::made_up::run_of;
    use crate::results::{Results, SummaryRow};

    fn row(label: &str, block: u32, p99: f64) -> SummaryRow {
        let mut row = run_of(label, block);
        row.read_response.p99_us = Some(p99);
        row.at_end.lost_writes = Some(u64::from(label == "lease"));
        row
    }

    fn told(required: &[(&str, &str)], change: impl Fn(&mut SummaryRow)) -> String {
        let mut results = Results::default();
        for (block, p99) in (1..).zip([4_000.0, 4_100.0, 4_200.0]) {
            let rows = [("cache-aside", p99), ("no-cache", 1e9), ("lease", 9_000.0)];
            results.summary.extend(rows.map(|(label, p99)| row(label, block, p99)));
        }
        results.summary.iter_mut().for_each(change);
        results.run.requirements =
            required.iter().map(|(name, written)| Requirement::parse(name, written).unwrap()).collect();
        let groups = groups(&results).unwrap();
        lines(&requirements::judge(&groups), false)[0].clone()
    }

    #[test]
    fn who_meets_everything_is_told_first_or_who_comes_nearest_and_what_nobody_meets() {
        let as_is = |required: &[(&str, &str)]| told(required, |_| {});
        assert_eq!(as_is(&[("lost", "=0"), ("read.p99", "<5ms")]), "cache-aside meets all that is required.");
        assert_eq!(
            as_is(&[("lost", "=0"), ("read.p99", "<1ms")]),
            "No strategy is shown to meet all that is required. read.p99 <1ms is missed by all, by no cache too with 1000 s. \
             cache-aside (misses read.p99 <1ms with 4.1 ms) meets all else."
        );
        assert_eq!(
            as_is(&[("lost", "=0"), ("read.p99", "<4050us")]),
            "No strategy is shown to meet all that is required. Nearest: cache-aside (undecided read.p99 <4050us with 4.1 ms); lease \
             (misses lost =0 with 3, misses read.p99 <4050us with 9 ms)."
        );
        assert!(
            as_is(&[("lost", "=0")]).starts_with("lost =0: met by 1 of 2"),
            "one requirement says it itself"
        );
    }

    #[test]
    fn what_is_wrong_with_a_strategy_beside_its_figures_is_told_with_its_name() {
        let required = [("lost", "=0"), ("read.p99", "<5ms")];
        let broken = told(&required, |row| {
            row.judgement.verdict = (row.strategy == "cache-aside").then_some(Verdict::Broken);
        });
        assert_eq!(broken, "cache-aside (its guarantee was broken) meets all that is required.");
    }
}
