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
use super::charts::predictions;
use super::cost;
use super::faults;
use super::group::{Group, told};
use super::knee;
use super::nearest::{self, NearestPlace};
use super::requirements::JudgedRequirement;
use super::safety::{self, Safety};
use crate::results::Verdict;
pub use figures::share_of_reference;
pub use said::{DecisionPart, Sentence, Tone};

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
    let Some(NearestPlace { group: nearest, meets_all }) =
        nearest::place(judged).filter(|_| groups.len() > 1)
    else {
        return DecisionTold { first: on_each(groups), more: Vec::new() };
    };
    let met = if meets_all { "all that" } else { "most of what" };
    let heading = format!("{}, where {met} is required is met", nearest.name());
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
    // How much cache is enough is the first question of whoever swept it, and what was tried may not answer it.
    let enough = predictions(groups).into_iter().map(|text| Sentence { tone: Tone::Doubt, text });
    let of_all: Vec<Sentence> = enough.chain(of_all(&groups.iter().collect::<Vec<_>>())).collect();
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
        let lost = costs::lost(group).map(|text| (Tone::Cost, text));
        wrong
            .chain(lost)
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
            "No guarantee was broken and every run ended at {names}; how many operations failed there is in their own sections."
        ),
        (true, false) => format!(
            "Every run ended at {names}, where nobody looked whether guarantees held; how many operations failed is in their own sections."
        ),
        (false, true) => format!("The other figures of {names} are in their own sections."),
        (false, false) => format!(
            "Nobody looked whether all guarantees held at {names}, whose other figures are in their own sections."
        ),
    };
    sentences.push(Sentence { tone: Tone::Doubt, text });
    (!groups.is_empty()).then(|| DecisionPart { heading: "Elsewhere".into(), sentences })
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
        say(gain::tone(entry, reference), Some(gain::sentence(group, entry, reference)));
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
    say(Tone::Cost, costs::lost(group));
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
mod tests;
